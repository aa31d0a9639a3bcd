// Each operation in the plainest way: one loop a sum, one element at a time, on the caller's thread. The
// other sets are right when they equal this one in every bit.
#pragma STDC FP_CONTRACT OFF
#include <math.h>
#include <string.h>

#include "kernels.h"
#include "packed_weights.h"

static int32_t bits_of(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static float float_of(int32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define REAL float
#define INTEGER int32_t
#define REAL_OF(x) (x)
#define REAL_FMA(a, b, c) fmaf(a, b, c)
#define BITS(x) bits_of(x)
#define FROM_BITS(i) float_of(i)
#define REAL_SELECT(c, a, b) ((c) ? (a) : (b))
#define MATH(name) scalar_##name
#define MATH_FUNCTION static
#include "../common/reproducible_math.h"

// Sum of term(context, i) for i < count by the row rule, one block.
typedef float row_term(const void* context, size_t index);

static float sum_of_block(row_term* term, const void* context, size_t first, size_t count) {
  float lanes[16] = {0};
  for (size_t i = 0; i < count; i++) lanes[i % 16] += term(context, first + i);
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

static float element(const void* context, size_t index) { return ((const float*)context)[index]; }
static float square(const void* context, size_t index) {
  const float x = ((const float*)context)[index];
  return x * x;
}

static float row_sum(row_term* term, const void* context, size_t count) {
  if (count <= EMETH_SUM_BLOCK) return sum_of_block(term, context, 0, count);
  float sums[1024];
  size_t blocks = 0;
  for (size_t first = 0; first < count; first += EMETH_SUM_BLOCK) {
    sums[blocks++] = sum_of_block(term, context, first, emeth_min(EMETH_SUM_BLOCK, count - first));
  }
  return row_sum(element, sums, blocks);
}

typedef struct {
  const float *a, *b, *c;
  float x, y;
} row_terms;

static void block_sums(emeth_device* device, float* out, const float* in, size_t count, bool squared) {
  (void)device;
  for (size_t first = 0; first < count; first += EMETH_SUM_BLOCK) {
    *out++ = sum_of_block(squared ? square : element, in, first, emeth_min(EMETH_SUM_BLOCK, count - first));
  }
}

static void column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns) {
  (void)device;
  for (size_t row = 0; row < rows; row++) {
    for (size_t c = 0; c < columns; c++) out[c] += in[row * columns + c];
  }
}

static void add(emeth_device* device, float* out, const float* a, const float* b, size_t count) {
  (void)device;
  for (size_t i = 0; i < count; i++) out[i] = a[i] + b[i];
}

static float squared_difference(const void* context, size_t index) {
  const row_terms* t = context;
  const float d = t->a[index] - t->x;
  return d * d;
}

static void add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                   float* sum, const float* a, const float* b, const float* gain,
                                   const float* offset, size_t rows, size_t n) {
  if (sum) add(device, sum, a, b, rows * n);
  const float* in = sum ? sum : a;
  for (size_t row = 0; row < rows; row++, in += n, out += n) {
    mean[row] = row_sum(element, in, n) / (float)n;
    const row_terms terms = {.a = in, .x = mean[row]};
    const float variance = row_sum(squared_difference, &terms, n) / (float)n;
    reciprocal[row] = 1.0f / sqrtf(variance + 1e-5f);
    for (size_t i = 0; i < n; i++) out[i] = fmaf((in[i] - mean[row]) * reciprocal[row], gain[i], offset[i]);
  }
}

static float norm_plain(const void* context, size_t index) {
  const row_terms* t = context;
  return t->a[index] * t->b[index];
}
static float norm_weighted(const void* context, size_t index) {
  const row_terms* t = context;
  return (t->a[index] * t->b[index]) * ((t->c[index] - t->x) * t->y);
}

static void layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                                const float* d_out, const float* in, const float* gain, const float* mean,
                                const float* reciprocal, size_t rows, size_t n) {
  (void)device;
  for (size_t row = 0; row < rows; row++, d_in += n, d_out += n, in += n) {
    const float m = mean[row], r = reciprocal[row];
    const row_terms terms = {d_out, gain, in, m, r};
    const float a = row_sum(norm_plain, &terms, n) / (float)n;
    const float b = row_sum(norm_weighted, &terms, n) / (float)n;
    for (size_t i = 0; i < n; i++) {
      const float normal = (in[i] - m) * r;
      d_gain[i] += d_out[i] * normal;
      d_offset[i] += d_out[i];
      d_in[i] += r * ((d_out[i] * gain[i] - a) - normal * b);
    }
  }
}

static float gelu_tanh(float x) { return scalar_tanh(0.79788456f * (x + ((0.044715f * x) * x) * x)); }

static void gelu_forward(emeth_device* device, float* out, const float* in, size_t count) {
  (void)device;
  for (size_t i = 0; i < count; i++) out[i] = (0.5f * in[i]) * (1.0f + gelu_tanh(in[i]));
}

static void gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in,
                          size_t count) {
  (void)device;
  for (size_t i = 0; i < count; i++) {
    const float x = in[i], t = gelu_tanh(x);
    const float slope = 0.79788456f * (1.0f + (0.134145f * x) * x);
    d_in[i] = d_out[i] * (0.5f * (1.0f + t) + ((0.5f * x) * (1.0f - t * t)) * slope);
  }
}

static void matmul(emeth_device* device, const emeth_matmul_arguments* g) {
  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      float sum = g->accumulate ? g->out[i * g->n + j] : 0;
      for (size_t k = 0; k < g->k; k++) {
        const float a = g->a_transposed ? g->a[k * g->m + i] : g->a[i * g->k + k];
        const float b = g->b_transposed ? g->b[j * g->k + k] : g->b[k * g->n + j];
        sum = fmaf(a, b, sum);
      }
      const size_t at = i * g->n + j;
      g->out[at] = g->bias ? sum + g->bias[j] : sum;
      if (g->activation) gelu_forward(device, g->activation + at, g->out + at, 1);
      if (g->slope_of) gelu_backward(device, g->out + at, g->out + at, g->slope_of + at, 1);
    }
  }
}

static void embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                              const float* wte, const float* wpe, size_t B, size_t T, size_t C) {
  (void)device;
  for (size_t b = 0; b < B; b++) {
    for (size_t t = 0; t < T; t++) {
      for (size_t c = 0; c < C; c++) *out++ = wte[tokens[b * stride + t] * C + c] + wpe[t * C + c];
    }
  }
}

static void embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                               const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C) {
  (void)device;
  for (size_t b = 0; b < B; b++) {
    for (size_t t = 0; t < T; t++) {
      for (size_t c = 0; c < C; c++) {
        const float d = d_out[(b * T + t) * C + c];
        d_wte[tokens[b * stride + t] * C + c] += d;
        d_wpe[t * C + c] += d;
      }
    }
  }
}

// Probabilities of `count` scores into p, which may be the scores; the maximum and the sum of exponentials.
static void probabilities(float* p, const float* scores, float scale, size_t count, float* maximum,
                          float* sum) {
  *maximum = scores[0] * scale;
  for (size_t i = 1; i < count; i++) *maximum = scores[i] * scale > *maximum ? scores[i] * scale : *maximum;
  for (size_t i = 0; i < count; i++) p[i] = scalar_exp(scores[i] * scale - *maximum);
  *sum = row_sum(element, p, count);
  for (size_t i = 0; i < count; i++) p[i] /= *sum;
}

static float dot(const float* a, const float* b, size_t count) {
  float sum = 0;
  for (size_t i = 0; i < count; i++) sum = fmaf(a[i], b[i], sum);
  return sum;
}

static uint32_t rotate(uint32_t x, int bits) { return x << bits | x >> (32 - bits); }

static void quarter_round(uint32_t* x, size_t a, size_t b, size_t c, size_t d) {
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
}

// The factor of element (row, column) of a matrix with n columns: ChaCha20 as RFC 8439 states it.
static float dropout_factor(const emeth_dropout_mask* mask, size_t row, size_t n, size_t column) {
  const uint64_t word = (mask->first_row + row) * emeth_round_up(n, 16) + column, block = word / 16;
  const uint32_t* k = mask->key;
  const uint32_t start[16] = {0x61707865,      0x3320646E,           0x79622D32, 0x6B206574,
                              k[0],            k[1],                 k[2],       k[3],
                              k[4],            k[5],                 k[6],       k[7],
                              (uint32_t)block, (uint32_t)(block >> 32), *mask->step, mask->site};
  uint32_t x[16];
  memcpy(x, start, sizeof x);
  for (int round = 0; round < 20; round += 2) {
    for (size_t i = 0; i < 4; i++) quarter_round(x, i, 4 + i, 8 + i, 12 + i);
    for (size_t i = 0; i < 4; i++) quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
  }
  return x[word % 16] + start[word % 16] < mask->threshold ? 0.0f : mask->scale;
}

static void dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                    emeth_dropout_mask mask) {
  (void)device;
  for (size_t row = 0; row < rows; row++) {
    for (size_t i = 0; i < n; i++) out[row * n + i] = in[row * n + i] * dropout_factor(&mask, row, n, i);
  }
}

static float attention_scale(size_t d) { return (float)(1.0 / sqrt((double)d)); }

// Two rows of T numbers.
static size_t attention_scratch(size_t T, size_t d) {
  (void)d;
  return 2 * T * sizeof(float);
}

static void attention_forward(emeth_device* device, float* out, float* maximum, float* sum, const float* qkv,
                              size_t B, size_t T, size_t C, size_t NH, emeth_dropout_mask mask) {
  const size_t d = C / NH;
  float* p = emeth_worker_scratch(device, 0);
  for (size_t row = 0; row < B * T; row++) {
    const size_t b = row / T, t = row % T;
    for (size_t h = 0; h < NH; h++) {
      const float* keys = qkv + b * T * 3 * C + C + h * d;
      for (size_t key = 0; key <= t; key++) p[key] = dot(qkv + row * 3 * C + h * d, keys + key * 3 * C, d);
      const size_t at = (b * NH + h) * T + t;
      probabilities(p, p, attention_scale(d), t + 1, &maximum[at], &sum[at]);
      for (size_t key = 0; mask.threshold && key <= t; key++) p[key] *= dropout_factor(&mask, at, T, key);
      for (size_t c = 0; c < d; c++) {
        float chain = 0;
        for (size_t key = 0; key <= t; key++) chain = fmaf(p[key], keys[C + key * 3 * C + c], chain);
        out[row * C + h * d + c] = chain;
      }
    }
  }
}

static void attention_backward(emeth_device* device, float* d_qkv, const float* d_out, const float* qkv,
                               const float* maximum, const float* sum, size_t B, size_t T, size_t C,
                               size_t NH, emeth_dropout_mask mask) {
  const size_t d = C / NH, stride = 3 * C;
  const float scale = attention_scale(d);
  float *p = emeth_worker_scratch(device, 0), *gradients = p + T;
  memset(d_qkv, 0, B * T * stride * sizeof(float));
  for (size_t row = 0; row < B * T; row++) {
    const size_t b = row / T, t = row % T, first = b * T * stride;
    for (size_t h = 0; h < NH; h++) {
      const size_t at = (b * NH + h) * T + t;
      const float *query = qkv + row * stride + h * d, *keys = qkv + first + C + h * d, *values = keys + C;
      const float* d_row = d_out + row * C + h * d;
      float *d_query = d_qkv + row * stride + h * d, *d_keys = d_qkv + first + C + h * d,
            *d_values = d_keys + C;
      for (size_t key = 0; key <= t; key++) {
        p[key] = scalar_exp(dot(query, keys + key * stride, d) * scale - maximum[at]) / sum[at];
        gradients[key] = dot(d_row, values + key * stride, d);
        if (mask.threshold) gradients[key] *= dropout_factor(&mask, at, T, key);
      }
      const row_terms terms = {.a = gradients, .b = p};
      const float total = row_sum(norm_plain, &terms, t + 1);
      for (size_t key = 0; key <= t; key++) {
        const float gradient = (p[key] * (gradients[key] - total)) * scale;
        const float weight = mask.threshold ? p[key] * dropout_factor(&mask, at, T, key) : p[key];
        for (size_t c = 0; c < d; c++) {
          d_query[c] = fmaf(gradient, keys[key * stride + c], d_query[c]);
          d_keys[key * stride + c] = fmaf(gradient, query[c], d_keys[key * stride + c]);
          d_values[key * stride + c] = fmaf(weight, d_row[c], d_values[key * stride + c]);
        }
      }
    }
  }
}

// Here both caches are (T, C).
static void attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                             size_t count, const float* qkv, size_t T, size_t C, size_t NH) {
  (void)T;
  const size_t d = C / NH;
  float* p = emeth_worker_scratch(device, 0);
  for (const emeth_cached_sequence* s = sequences; s < sequences + count; s++) {
    for (size_t i = 0; i < s->rows; i++) {
      const size_t position = s->position + i, row = s->first_row + i;
      const float* query = qkv + row * 3 * C;
      memcpy(s->keys + position * C, query + C, C * sizeof(float));
      memcpy(s->values + position * C, query + 2 * C, C * sizeof(float));
      for (size_t h = 0; h < NH; h++) {
        float maximum, sum;
        for (size_t key = 0; key <= position; key++) p[key] = dot(query + h * d, s->keys + key * C + h * d, d);
        probabilities(p, p, attention_scale(d), position + 1, &maximum, &sum);
        for (size_t c = 0; c < d; c++) {
          float chain = 0;
          for (size_t key = 0; key <= position; key++) {
            chain = fmaf(p[key], s->values[key * C + h * d + c], chain);
          }
          out[row * C + h * d + c] = chain;
        }
      }
    }
  }
}

static void cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                          size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward) {
  (void)device;
  for (size_t row = 0; row < rows; row++, logits += V) {
    const uint32_t target = targets[row / group * stride + row % group];
    losses[row] = 0;
    if (target != EMETH_NO_TARGET) {
      float maximum = logits[0];
      for (size_t i = 1; i < V; i++) maximum = logits[i] > maximum ? logits[i] : maximum;
      const float chosen = logits[target];
      float lanes_of_blocks[1024], sum = 0;
      size_t blocks = 0;
      for (size_t first = 0; first < V; first += EMETH_SUM_BLOCK) {
        float exponentials[EMETH_SUM_BLOCK];
        const size_t count = emeth_min(EMETH_SUM_BLOCK, V - first);
        for (size_t i = 0; i < count; i++) exponentials[i] = scalar_exp(logits[first + i] - maximum);
        lanes_of_blocks[blocks++] = row_sum(element, exponentials, count);
        if (backward) memcpy(logits + first, exponentials, count * sizeof(float));
      }
      sum = blocks == 1 ? lanes_of_blocks[0] : row_sum(element, lanes_of_blocks, blocks);
      losses[row] = scalar_log(sum) - (chosen - maximum);
      for (size_t i = 0; backward && i < V; i++) {
        logits[i] = (logits[i] / sum - (i == target ? 1.0f : 0.0f)) * scale;
      }
    } else if (backward) {
      memset(logits, 0, V * sizeof(float));
    }
  }
}

static void softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n) {
  (void)device;
  float maximum, sum;
  for (size_t row = 0; row < rows; row++) probabilities(out + row * n, in + row * n, 1.0f, n, &maximum, &sum);
}

static void adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                  const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                  const emeth_adamw_scalars* scalars) {
  (void)device;
  const emeth_adamw_scalars s = *scalars;
  if (sums && !(isfinite(sums[0]) && isfinite(sums[1]))) return;
  const float norm = sums ? sqrtf(sums[1]) : 0;
  const float factor = norm > s.limit ? s.limit / norm : 1;
  for (size_t span = 0; span < span_count; span++) {
    for (size_t i = spans[span].offset; i < spans[span].offset + spans[span].count; i++) {
      const float theta = parameters[i], g = gradients[i] * factor;
      const float m = fmaf(s.beta1, first_moments[i], s.one_minus_beta1 * g);
      const float v = fmaf(s.beta2, second_moments[i], s.one_minus_beta2 * (g * g));
      const float u = (m * s.correction1) / (sqrtf(v * s.correction2) + s.epsilon);
      first_moments[i] = m;
      second_moments[i] = v;
      parameters[i] = fmaf(-s.learning_rate, fmaf(spans[span].decay, theta, u), theta);
    }
  }
}

#define MAP(NAME, FUNCTION)                                                           \
  static void NAME(emeth_device* device, float* out, const float* in, size_t count) { \
    (void)device;                                                                     \
    for (size_t i = 0; i < count; i++) out[i] = FUNCTION(in[i]);                      \
  }
MAP(exponential, scalar_exp)
MAP(logarithm, scalar_log)
MAP(hyperbolic_tangent, scalar_tanh)

static void packed_product(emeth_device* device, const emeth_packed_product_arguments* g) {
  (void)device;
  for (size_t i = 0; i < g->m; i++) {
    for (size_t j = 0; j < g->n; j++) {
      float sum = 0;
      for (size_t k = 0; k < g->k; k++) {
        sum = fmaf(g->a[i * g->k + k], emeth_packed_weight(g->weights, g->format, g->k, j, k), sum);
      }
      if (g->bias) sum += g->bias[j];
      if (g->gelu) gelu_forward(device, &sum, &sum, 1);
      g->out[i * g->n + j] = g->residual ? g->residual[i * g->n + j] + sum : sum;
    }
  }
}

static uint64_t read_memory(emeth_device* device, const void* memory, size_t bytes) {
  (void)device;
  uint64_t sum = 0, word;
  for (size_t i = 0; i < bytes; i += sizeof word) {
    memcpy(&word, (const char*)memory + i, sizeof word);
    sum += word;
  }
  return sum;
}

static double fma_chains(emeth_device* device, size_t tasks, size_t steps) {
  (void)device;
  volatile float chain = 0.5f;
  for (size_t step = 0; step < tasks * steps; step++) chain = fmaf(0.5f, chain, 0.5f);
  return 2.0 * (double)(tasks * steps);
}

static const emeth_kernels kernels = {EMETH_OPERATIONS(EMETH_ENTRY).attention_scratch = attention_scratch,
                                      .block_sums = block_sums};

const emeth_kernels* const emeth_kernels_reference = &kernels;
