// Runs the checks of KernelConformance with the CUDA kernels on an emulated device: each operation's host
// function and kernels against the scalar reference, bit by bit, with every order of threads. A line for each
// check; exit status 0 when all are OK.
//   cuda_conformance [quick] [check …]
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

static emeth_device* reference;
// Stands for the emulated device among the arguments.
static char emulated_mark;
#define EMULATED ((emeth_device*)&emulated_mark)

static void* zeros(size_t count, size_t bytes) {
  void* memory = emulated_allocate(count * bytes);
  return memory ? memset(memory, 0, count * bytes) : NULL;
}
static void* aligned(size_t alignment, size_t bytes) {
  return alignment <= 256 ? emulated_allocate(bytes) : NULL;
}

// Ids are the host's: kernels can't read them there.
static uint32_t* host_ids(const uint32_t* ids, size_t count) {
  uint32_t* copy = malloc((count + 1) * sizeof *copy);
  return memcpy(copy, ids, count * sizeof *copy);
}

static emeth_status finish(emeth_status status) {
  const emeth_status after = emulated_launcher.synchronize(emulated_launcher.context);
  if (status == EMETH_OK) status = after;
  if (status != EMETH_OK) {
    fprintf(stderr, "an operation gave status %d\n", (int)status);
    exit(EMULATED_ERROR);
  }
  return status;
}

// ON(operation, arguments): on the emulated device, or by the C library.
#define ON(operation, ...)                                                                    \
  (device == EMULATED ? (void)finish(emeth_cuda_##operation(&emulated_launcher, __VA_ARGS__)) \
                      : (void)emeth_##operation(device, __VA_ARGS__))

static void on_matmul(emeth_device* device, const emeth_matmul_arguments* g) { ON(matmul, g); }
static void on_column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns) {
  if (rows > 0 && columns > 0) ON(column_sum, out, in, rows, columns);
}
static void on_add(emeth_device* device, float* out, const float* a, const float* b, size_t count) {
  ON(add, out, a, b, count);
}
static void on_add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                      float* sum, const float* a, const float* b, const float* gain,
                                      const float* offset, size_t rows, size_t n) {
  ON(add_layer_norm_forward, out, mean, reciprocal, sum, a, b, gain, offset, rows, n);
}
static void on_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                  const float* in, const float* gain, const float* offset, size_t rows,
                                  size_t n) {
  if (device == EMULATED)
    on_add_layer_norm_forward(device, out, mean, reciprocal, NULL, in, NULL, gain, offset, rows, n);
  else
    emeth_layer_norm_forward(device, out, mean, reciprocal, in, gain, offset, rows, n);
}
static void on_layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                                   const float* d_out, const float* in, const float* gain, const float* mean,
                                   const float* reciprocal, size_t rows, size_t n) {
  ON(layer_norm_backward, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n);
}
static void on_gelu_forward(emeth_device* device, float* out, const float* in, size_t count) {
  ON(gelu_forward, out, in, count);
}
static void on_gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in,
                             size_t count) {
  ON(gelu_backward, d_in, d_out, in, count);
}
static void on_embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                                 const float* wte, const float* wpe, size_t B, size_t T, size_t C) {
  uint32_t* ids = host_ids(tokens, (B - 1) * stride + T);
  ON(embedding_forward, out, ids, stride, wte, wpe, B, T, C);
  free(ids);
}
static void on_embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                                  const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C) {
  uint32_t* ids = host_ids(tokens, (B - 1) * stride + T);
  ON(embedding_backward, d_wte, d_wpe, d_out, ids, stride, B, T, C);
  free(ids);
}
static void on_dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                       emeth_dropout_mask mask) {
  ON(dropout, out, in, rows, n, mask);
}
static void on_attention_forward(emeth_device* device, float* out, float* maximum, float* sum,
                                 const float* qkv, size_t B, size_t T, size_t C, size_t NH,
                                 emeth_dropout_mask dropout) {
  ON(attention_forward, out, maximum, sum, qkv, B, T, C, NH, dropout);
}
static void on_attention_backward(emeth_device* device, float* d_qkv, const float* d_out, const float* qkv,
                                  const float* maximum, const float* sum, size_t B, size_t T, size_t C,
                                  size_t NH, emeth_dropout_mask dropout) {
  ON(attention_backward, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, dropout);
}
static void on_attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                                size_t count, const float* qkv, size_t T, size_t C, size_t NH) {
  if (count > 0) ON(attention_cached, out, sequences, count, qkv, T, C, NH);
}
static void on_cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                             size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward) {
  ON(cross_entropy, losses, logits, targets, group, stride, rows, V, scale, backward);
}
static void on_softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n) {
  ON(softmax, out, in, rows, n);
}
static void on_sum(emeth_device* device, float* out, const float* in, size_t count) {
  if (device == EMULATED)
    finish(emeth_cuda_sum(&emulated_launcher, out, in, count, false));
  else
    emeth_sum(device, out, in, count);
}
static void on_sum_of_squares(emeth_device* device, float* out, const float* in, size_t count) {
  if (device == EMULATED)
    finish(emeth_cuda_sum(&emulated_launcher, out, in, count, true));
  else
    emeth_sum_of_squares(device, out, in, count);
}
static void on_adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                     const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                     const emeth_adamw_scalars* scalars) {
  ON(adamw, parameters, first_moments, second_moments, gradients, sums, spans, span_count, scalars);
}
static void on_exp(emeth_device* device, float* out, const float* in, size_t count) {
  ON(exp, out, in, count);
}
static void on_log(emeth_device* device, float* out, const float* in, size_t count) {
  ON(log, out, in, count);
}
static void on_tanh(emeth_device* device, float* out, const float* in, size_t count) {
  ON(tanh, out, in, count);
}
static void on_packed_product(emeth_device* device, const emeth_packed_product_arguments* g) {
  ON(packed_product, g);
}
// Weights are packed by the host.
static emeth_status on_pack_weights(emeth_device* device, void* out, emeth_weight_format format,
                                    const float* weights, size_t n, size_t k, bool transposed) {
  return emeth_pack_weights(device == EMULATED ? reference : device, out, format, weights, n, k, transposed);
}
static uint64_t on_read_memory(emeth_device* device, const void* memory, size_t bytes) {
  if (device != EMULATED) return emeth_read_memory(device, memory, bytes);
  uint64_t sum = 0;
  finish(emeth_cuda_read_memory(&emulated_launcher, &sum, memory, bytes));
  return sum;
}

#define main kernel_conformance_main
#define malloc emulated_allocate
#define calloc zeros
#define aligned_alloc aligned
#define free emulated_free
#define emeth_matmul on_matmul
#define emeth_column_sum on_column_sum
#define emeth_add on_add
#define emeth_add_layer_norm_forward on_add_layer_norm_forward
#define emeth_layer_norm_forward on_layer_norm_forward
#define emeth_layer_norm_backward on_layer_norm_backward
#define emeth_gelu_forward on_gelu_forward
#define emeth_gelu_backward on_gelu_backward
#define emeth_embedding_forward on_embedding_forward
#define emeth_embedding_backward on_embedding_backward
#define emeth_dropout on_dropout
#define emeth_attention_forward on_attention_forward
#define emeth_attention_backward on_attention_backward
#define emeth_attention_cached on_attention_cached
#define emeth_cross_entropy on_cross_entropy
#define emeth_softmax on_softmax
#define emeth_sum on_sum
#define emeth_sum_of_squares on_sum_of_squares
#define emeth_adamw on_adamw
#define emeth_exp on_exp
#define emeth_log on_log
#define emeth_tanh on_tanh
#define emeth_packed_product on_packed_product
#define emeth_pack_weights on_pack_weights
#define emeth_read_memory on_read_memory
#include "../KernelConformance/kernel_conformance.c"
#undef main

// Several large tiles and several small ones, their edges and the order of tiles, which the small shapes of
// the other checks have not.
static uint64_t check_tiles(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][3] = {{255, 254, 19}, {128, 252, 24}, {70, 130, 3}};
  const size_t *shape = shapes[(variant / 3 + kind) % 3], m = shape[0], n = shape[1], k = shape[2];
  const int layout = (int)(variant + kind) % 4;
  float *a = random_array(m * k, kind), *b = random_array(k * n, kind), *bias = random_array(n, kind);
  float *out = random_array(m * n, kind), *activation = malloc(m * n * sizeof(float));
  const emeth_matmul_arguments arguments = {.out = out,
                                            .a = a,
                                            .b = b,
                                            // Without one a sum of -0 stays so.
                                            .bias = variant % 2 ? NULL : bias,
                                            .activation = activation,
                                            .m = m,
                                            .n = n,
                                            .k = k,
                                            .a_transposed = layout & 1,
                                            .b_transposed = layout & 2,
                                            .accumulate = variant % 4 == 1};
  emeth_matmul(device, &arguments);
  const uint64_t hash = hash_of(hash_of(HASH_START, out, m * n), activation, m * n);
  free(a), free(b), free(bias), free(out), free(activation);
  return hash;
}

// Rows of several blocks of the row rule, and columns of several slabs.
static uint64_t check_long_rows(emeth_device* device, input_kind kind, size_t variant) {
  const size_t rows = 2, n = 4096 * (1 + variant) + 3, count = rows * n, more_rows = 700;
  float *in = random_array(count, kind), *d_out = random_array(count, kind),
        *d_in = random_array(count, kind);
  float *gain = random_array(n, kind), *out = malloc(count * sizeof(float));
  float *mean = malloc(more_rows * sizeof(float)), *reciprocal = malloc(more_rows * sizeof(float));
  float *d_gain = random_array(n, kind), *d_offset = random_array(n, kind);
  uint64_t hash = HASH_START;
  emeth_layer_norm_forward(device, out, mean, reciprocal, in, gain, gain, rows, n);
  hash = hash_of(hash_of(hash_of(hash, out, count), mean, rows), reciprocal, rows);
  emeth_layer_norm_backward(device, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n);
  hash = hash_of(hash_of(hash_of(hash, d_in, count), d_gain, n), d_offset, n);
  emeth_layer_norm_forward(device, out, mean, reciprocal, in, gain, gain, more_rows, 5);
  emeth_layer_norm_backward(device, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, more_rows, 5);
  emeth_column_sum(device, d_offset + 5, d_in, more_rows, 7);
  hash = hash_of(hash_of(hash_of(hash, d_in, count), d_gain, n), d_offset, n);
  emeth_softmax(device, out, in, rows, n);
  hash = hash_of(hash, out, count);
  free(in), free(d_out), free(d_in), free(gain), free(out), free(mean), free(reciprocal);
  free(d_gain), free(d_offset);
  return hash;
}

static uint64_t check_long_attention(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][4] = {{1, 250, 128, 1}, {2, 140, 24, 2}, {1, 128, 130, 1}};
  const size_t *shape = shapes[(variant / 3 + kind) % 3], B = shape[0], T = shape[1], C = shape[2],
               NH = shape[3];
  const size_t rows = B * T, stats = B * NH * T;
  float *qkv = random_array(rows * 3 * C, kind), *d_out = random_array(rows * C, kind);
  float *out = malloc(rows * C * sizeof(float)), *d_qkv = malloc(rows * 3 * C * sizeof(float));
  float *maximum = malloc(stats * sizeof(float)), *sum = malloc(stats * sizeof(float));
  const emeth_dropout_mask mask = variant % 2 ? random_mask(variant) : (emeth_dropout_mask){0};
  emeth_attention_forward(device, out, maximum, sum, qkv, B, T, C, NH, mask);
  uint64_t hash = hash_of(hash_of(hash_of(HASH_START, out, rows * C), maximum, stats), sum, stats);
  emeth_attention_backward(device, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, mask);
  hash = hash_of(hash, d_qkv, rows * 3 * C);
  free(qkv), free(d_out), free(out), free(d_qkv), free(maximum), free(sum);
  return hash;
}

// More rows of one token than a block looks at in one go; and further back.
static uint64_t check_long_embedding(emeth_device* device, input_kind kind, size_t variant) {
  const size_t B = 3, T = (kind % 3 ? 100 : 700) + variant, C = 5, V = 70, stride = T + variant % 2;
  float *wte = random_array(V * C, kind), *wpe = random_array(T * C, kind),
        *d_out = random_array(B * T * C, kind);
  uint32_t* tokens = malloc(B * stride * sizeof(uint32_t));
  for (size_t i = 0; i < B * stride; i++) tokens[i] = random_word() % 3 ? 7 : (uint32_t)(random_word() % V);
  emeth_embedding_backward(device, wte, wpe, d_out, tokens, stride, B, T, C);
  const uint64_t hash = hash_of(hash_of(HASH_START, wte, V * C), wpe, T * C);
  free(wte), free(wpe), free(d_out), free(tokens);
  return hash;
}

static uint64_t check_packed_embedding(emeth_device* device, input_kind kind, size_t variant) {
  const size_t V = 20 + variant * 9, C = 1 + variant * 19, rows = 5, T = 4;
  float *wte = random_array(V * C, kind), *wpe = random_array(T * C, kind),
        *out = malloc(rows * C * sizeof(float));
  uint32_t tokens[5], positions[5];
  for (size_t i = 0; i < rows; i++) {
    tokens[i] = (uint32_t)(random_word() % V);
    positions[i] = (uint32_t)(random_word() % T);
  }
  for (size_t i = 0; i < V * C; i++) wte[i] = fmaxf(fminf(wte[i], 65000.0f), -65000.0f);
  uint64_t hash = HASH_START;
  for (int format = 0; format < 3; format++) {
    void* packed = aligned_alloc(64, emeth_packed_bytes((emeth_weight_format)format, V, C));
    emeth_pack_weights(device, packed, (emeth_weight_format)format, wte, V, C, true);
    if (device == EMULATED)
      finish(emeth_cuda_packed_embedding(&emulated_launcher, out, tokens, positions, packed,
                                         (emeth_weight_format)format, wpe, rows, C));
    else
      emeth_packed_embedding(device, out, tokens, positions, packed, (emeth_weight_format)format, wpe, rows,
                             C);
    hash = hash_of(hash, out, rows * C);
    free(packed);
  }
  free(wte), free(wpe), free(out);
  return hash;
}

static float rounded(float x) {
  const uint32_t bits = (uint32_t)emeth_bfloat16_of(x) << 16;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// The products of the `fast` profile have no bits of their own: each output must lie within the rounding of
// binary32 sums of the exact products of the rounded operands; of numbers whose sums are exact, at it.
static uint64_t check_bfloat16(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][3] = {{130, 129, 70}, {5, 40, 33}, {128, 132, 64}, {17, 8, 1}};
  if (device != EMULATED || (kind != NORMAL && kind != COARSE)) return HASH_START;
  const size_t *shape = shapes[(variant + kind) % 4], m = shape[0], n = shape[1], k = shape[2];
  uint64_t wrong = 0;
  for (int layout = 0; layout < 4; layout++) {
    float *a = random_array(m * k, kind), *b = random_array(k * n, kind), *bias = random_array(n, kind);
    float *out = random_array(m * n, kind), *before = malloc(m * n * sizeof(float));
    float* activation = malloc(m * n * sizeof(float));
    memcpy(before, out, m * n * sizeof(float));
    const emeth_matmul_arguments arguments = {.out = out,
                                              .a = a,
                                              .b = b,
                                              .bias = layout == 1 ? bias : NULL,
                                              .activation = activation,
                                              .m = m,
                                              .n = n,
                                              .k = k,
                                              .a_transposed = layout & 1,
                                              .b_transposed = layout & 2,
                                              .accumulate = layout == 2};
    finish(emeth_cuda_matmul_bfloat16(&emulated_launcher, &arguments));
    for (size_t i = 0; i < m * n; i++) {
      double sum = layout == 2 ? before[i] : layout == 1 ? bias[i % n] : 0, size = fabs(sum);
      for (size_t step = 0; step < k; step++) {
        const size_t row = i / n, column = i % n;
        const double x = rounded(a[layout & 1 ? step * m + row : row * k + step]);
        const double y = rounded(b[layout & 2 ? column * k + step : step * n + column]);
        sum += x * y;
        size += fabs(x * y);
      }
      const double allowed = kind == COARSE ? 0 : size * 0x1p-22;
      float gelu;
      emeth_gelu_forward(reference, &gelu, &out[i], 1);
      if (!(fabs(out[i] - sum) <= allowed) || gelu != activation[i]) wrong++;
    }
    free(a), free(b), free(bias), free(out), free(before), free(activation);
  }
  return HASH_START + wrong;
}

// How far apart two arrays are, as a part of the second's length.
static double distance(const float* found, const float* expected, size_t count) {
  double difference = 0, length = 0;
  for (size_t i = 0; i < count; i++) {
    difference += ((double)found[i] - expected[i]) * ((double)found[i] - expected[i]);
    length += (double)expected[i] * expected[i];
  }
  return sqrt(difference / length);
}

// Attention of the `fast` profile lies within what bfloat16 rounds, 2^-9 of each operand, of the other one's.
static uint64_t check_attention_bfloat16(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][4] = {{2, 70, 24, 2}, {1, 150, 128, 1}, {1, 33, 130, 2}, {1, 75, 260, 1}};
  if (device != EMULATED || kind > COARSE) return HASH_START;
  const size_t *shape = shapes[(variant / 3 + 2 * kind) % 4], B = shape[0], T = shape[1], C = shape[2],
               NH = shape[3];
  const size_t rows = B * T, stats = B * NH * T;
  // Half of all are dropped.
  const emeth_dropout_mask mask = (variant + kind) % 2 ? random_mask(3) : (emeth_dropout_mask){0};
  float *qkv = random_array(rows * 3 * C, kind), *d_out = random_array(rows * C, kind);
  float *out[2], *d_qkv[2], *maximum[2], *sum[2];
  for (int fast = 0; fast < 2; fast++) {
    out[fast] = malloc(rows * C * sizeof(float));
    d_qkv[fast] = malloc(rows * 3 * C * sizeof(float));
    maximum[fast] = malloc(stats * sizeof(float));
    sum[fast] = malloc(stats * sizeof(float));
  }
  emeth_attention_forward(reference, out[0], maximum[0], sum[0], qkv, B, T, C, NH, mask);
  emeth_attention_backward(reference, d_qkv[0], d_out, qkv, maximum[0], sum[0], B, T, C, NH, mask);
  finish(emeth_cuda_attention_forward_bfloat16(&emulated_launcher, out[1], maximum[1], sum[1], qkv, B, T, C,
                                               NH, mask));
  finish(emeth_cuda_attention_backward_bfloat16(&emulated_launcher, d_qkv[1], d_out, qkv, maximum[1], sum[1],
                                                B, T, C, NH, mask));
  const double limit = 0x1p-7,
               found[] = {distance(out[1], out[0], rows * C), distance(d_qkv[1], d_qkv[0], rows * 3 * C),
                          distance(maximum[1], maximum[0], stats), distance(sum[1], sum[0], stats)};
  uint64_t wrong = 0;
  for (size_t i = 0; i < 4; i++) {
    if (found[i] <= limit) continue;
    printf("  attention_bfloat16: result %zu is %g off\n", i, found[i]);
    wrong++;
  }
  for (int fast = 0; fast < 2; fast++)
    free(out[fast]), free(d_qkv[fast]), free(maximum[fast]), free(sum[fast]);
  free(qkv), free(d_out);
  return HASH_START + wrong;
}

static const struct {
  const char* name;
  check* run;
} more_checks[] = {{"tiles", check_tiles},
                   {"long_rows", check_long_rows},
                   {"long_attention", check_long_attention},
                   {"long_embedding", check_long_embedding},
                   {"packed_embedding", check_packed_embedding},
                   {"bfloat16", check_bfloat16},
                   {"attention_bfloat16", check_attention_bfloat16}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool compare(const char* name, check* run, bool quick) {
  bool equal = true;
  uint64_t combined = HASH_START;
  const uint64_t threads = emulated_thread_count();
  for (int kind = 0; kind < KINDS; kind++) {
    for (size_t variant = quick ? 1 : 0; variant < 10; variant += quick ? 3 : 1) {
      const uint64_t seed = 1000 * (uint64_t)kind + variant;
      random_state = seed;
      const uint64_t expected = run(reference, (input_kind)kind, variant);
      for (int schedule = 0; schedule < EMULATED_SCHEDULES; schedule++) {
        if (quick && schedule != (kind + (int)variant / 3) % EMULATED_SCHEDULES) continue;
        emulated_set_schedule((emulated_schedule)schedule);
        random_state = seed;
        const uint64_t found = run(EMULATED, (input_kind)kind, variant);
        combined = (combined ^ found) * 0x100000001B3;
        if (found == expected) continue;
        equal = false;
        printf("  %s: %s inputs, variant %zu, order of threads %d differ\n", name, kind_names[kind], variant,
               schedule);
      }
    }
  }
  printf("%-18s cuda %10llu threads %016llx %s\n", name,
         (unsigned long long)(emulated_thread_count() - threads), (unsigned long long)combined,
         equal ? "OK" : "DIFFERENT");
  fflush(stdout);
  return equal;
}

int main(int argument_count, char** arguments) {
  const bool quick = argument_count > 1 && strcmp(arguments[1], "quick") == 0;
  const int first = quick ? 2 : 1;
  bool all_equal = true;
  reference = make_device(EMETH_SET_REFERENCE, 1);
  for (size_t i = 0; i < COUNT(checks) + COUNT(more_checks); i++) {
    const bool own = i >= COUNT(checks);
    const char* name = own ? more_checks[i - COUNT(checks)].name : checks[i].name;
    bool wanted = argument_count == first;
    for (int j = first; j < argument_count; j++) wanted = wanted || strcmp(arguments[j], name) == 0;
    if (wanted)
      all_equal = compare(name, own ? more_checks[i - COUNT(checks)].run : checks[i].run, quick) && all_equal;
  }
  emeth_device_destroy(reference);
  return all_equal ? 0 : 1;
}
