// Packing weights, and reading single ones of them. Done once for a model, so it is plain C on all threads.
#pragma STDC FP_CONTRACT OFF
#include "packed_weights.h"

#include <stdatomic.h>

size_t emeth_packed_bytes(emeth_weight_format format, size_t n, size_t k) {
  return emeth_blocks(n, EMETH_GROUP) * emeth_group_bytes(format, k);
}

// 32 steps of 32 outputs, what lies outside the matrix 0.
typedef float weight_block[EMETH_SCALE_BLOCK][EMETH_GROUP];

typedef struct {
  char* out;
  emeth_weight_format format;
  const float* weights;
  size_t n, k;
  bool transposed;
  atomic_bool refused;
} pack_job;

static void read_block(weight_block block, const pack_job* job, size_t first_output, size_t outputs,
                       size_t first_step, size_t steps) {
  memset(block, 0, sizeof(weight_block));
  if (job->transposed) {
    for (size_t lane = 0; lane < outputs; lane++) {
      const float* in = job->weights + (first_output + lane) * job->k + first_step;
      for (size_t step = 0; step < steps; step++) block[step][lane] = in[step];
    }
  } else {
    for (size_t step = 0; step < steps; step++) {
      memcpy(block[step], job->weights + (first_step + step) * job->n + first_output,
             outputs * sizeof(float));
    }
  }
}

uint16_t emeth_binary16_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  bits &= 0x7FFFFFFF;
  if (bits >= 0x477FF000) {
    const uint16_t quiet = bits > 0x7F800000 ? (uint16_t)(0x200 | (bits >> 13 & 0x3FF)) : 0;
    return sign | 0x7C00 | quiet;
  }
  if (bits < 0x38800000) {
    // Below 2^-14 a binary16 counts 2^-24: adding 1/2, whose last place that is, rounds to it.
    float size;
    memcpy(&size, &bits, sizeof size);
    size += 0.5f;
    memcpy(&bits, &size, sizeof bits);
    return sign | (uint16_t)(bits - 0x3F000000);
  }
  bits += 0x0FFF + (bits >> 13 & 1);
  return sign | (uint16_t)((bits >> 13) - (112 << 10));
}

uint16_t emeth_bfloat16_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// The smallest number of 8 significant bits, as the upper half of a binary32, that is at least x >= 0.
static uint16_t scale_above(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return (uint16_t)((bits + 0xFFFF) >> 16);
}

static void pack_int8(char* out, weight_block block) {
  uint16_t* scales = (uint16_t*)out;
  int8_t* q = (int8_t*)(out + EMETH_GROUP * 2);
  float largest[EMETH_GROUP] = {0};
  for (size_t step = 0; step < EMETH_SCALE_BLOCK; step++) {
    for (size_t lane = 0; lane < EMETH_GROUP; lane++) {
      const float size = __builtin_fabsf(block[step][lane]);
      largest[lane] = size > largest[lane] ? size : largest[lane];
    }
  }
  for (size_t lane = 0; lane < EMETH_GROUP; lane++) {
    scales[lane] = scale_above(largest[lane] / 127.0f);
    // A block of zeros has the scale 0, and 0 / 1 for its q.
    largest[lane] = scales[lane] ? emeth_float_of_scale(scales[lane]) : 1.0f;
  }
  for (size_t step = 0; step < EMETH_SCALE_BLOCK; step++) {
    for (size_t lane = 0; lane < EMETH_GROUP; lane++) {
      // Adding 1.5·2^23 rounds to an integer, half to even.
      const float rounded = block[step][lane] / largest[lane] + 12582912.0f;
      q[step * EMETH_GROUP + lane] = (int8_t)(rounded - 12582912.0f);
    }
  }
}

// One group of outputs.
static void pack_task(void* context, size_t group) {
  pack_job* job = context;
  const size_t first = group * EMETH_GROUP, outputs = emeth_min(EMETH_GROUP, job->n - first);
  const float limit = job->format == EMETH_WEIGHTS_F16 ? 65519.996f : 0x1.fffffep127f;
  char* out = job->out + group * emeth_group_bytes(job->format, job->k);
  weight_block block;
  bool fits = true;
  for (size_t step = 0; step < job->k; step += EMETH_SCALE_BLOCK) {
    const size_t steps = emeth_min(EMETH_SCALE_BLOCK, job->k - step), count = steps * EMETH_GROUP;
    read_block(block, job, first, outputs, step, steps);
    for (size_t i = 0; i < count; i++) fits = fits && __builtin_fabsf(block[0][i]) <= limit;
    if (!fits) break;
    switch (job->format) {
      case EMETH_WEIGHTS_F32:
        memcpy(out + step * EMETH_GROUP * sizeof(float), block, count * sizeof(float));
        break;
      case EMETH_WEIGHTS_F16: {
        uint16_t* halves = (uint16_t*)out + step * EMETH_GROUP;
        for (size_t i = 0; i < count; i++) halves[i] = emeth_binary16_of(block[0][i]);
        break;
      }
      case EMETH_WEIGHTS_INT8:
        pack_int8(out + step / EMETH_SCALE_BLOCK * EMETH_INT8_BLOCK_BYTES, block);
        break;
    }
  }
  if (!fits) atomic_store(&job->refused, true);
}

emeth_status emeth_pack_weights(emeth_device* device, void* out, emeth_weight_format format,
                                const float* weights, size_t n, size_t k, bool transposed) {
  if (n == 0 || k == 0) return EMETH_OK;
  pack_job job = {.out = out, .format = format, .weights = weights, .n = n, .k = k, .transposed = transposed};
  emeth_parallel_for(device, emeth_blocks(n, EMETH_GROUP), pack_task, &job);
  return atomic_load(&job.refused) ? EMETH_OUT_OF_RANGE : EMETH_OK;
}

void emeth_packed_rows(float* out, const uint32_t* tokens, const uint32_t* positions, const void* wte,
                       emeth_weight_format format, const float* wpe, size_t rows, size_t C) {
  for (size_t row = 0; row < rows; row++) {
    const float* position = wpe + positions[row] * C;
    for (size_t c = 0; c < C; c++) {
      out[row * C + c] = emeth_packed_weight(wte, format, C, tokens[row], c) + position[c];
    }
  }
}
