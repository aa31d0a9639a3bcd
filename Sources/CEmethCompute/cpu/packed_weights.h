// How a matrix of weights lies in memory for emeth_packed_product: the outputs in groups of EMETH_GROUP, and
// in a group step k after step k, so that a product of one row reads its weights as one stream.
//   F32   [group][k][32] binary32
//   F16   [group][k][32] binary16
//   INT8  [group][block of 32 k][32 scales, then 32 steps of 32 bytes]; a scale is the upper half of a
//   binary32
// Outputs and steps that fill up the last group and block are 0.
#ifndef EMETH_PACKED_WEIGHTS_H
#define EMETH_PACKED_WEIGHTS_H

#include <string.h>

#include "kernels.h"

#define EMETH_GROUP 32
#define EMETH_SCALE_BLOCK 32
#define EMETH_INT8_BLOCK_BYTES (EMETH_GROUP * 2 + EMETH_SCALE_BLOCK * EMETH_GROUP)

static inline size_t emeth_group_bytes(emeth_weight_format format, size_t k) {
  switch (format) {
    case EMETH_WEIGHTS_F32: return k * EMETH_GROUP * sizeof(float);
    case EMETH_WEIGHTS_F16: return k * EMETH_GROUP * sizeof(uint16_t);
    case EMETH_WEIGHTS_INT8: return emeth_blocks(k, EMETH_SCALE_BLOCK) * EMETH_INT8_BLOCK_BYTES;
  }
  return 0;
}

// The binary32 of a binary16 that is finite: its bits moved to their places are 2^-112 of it, subnormal ones
// too.
static inline float emeth_float_of_half(uint16_t half) {
  const uint32_t size = (uint32_t)(half & 0x7FFF) << 13, sign = (uint32_t)(half & 0x8000) << 16;
  float x;
  memcpy(&x, &size, sizeof x);
  x *= 0x1p112f;
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits |= sign;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static inline float emeth_float_of_scale(uint16_t scale) {
  const uint32_t bits = (uint32_t)scale << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

// emeth_packed_embedding on the caller's thread.
void emeth_packed_rows(float* out, const uint32_t* tokens, const uint32_t* positions, const void* wte,
                       emeth_weight_format format, const float* wpe, size_t rows, size_t C);

// Weight (output, step) of packed weights with k steps.
static inline float emeth_packed_weight(const void* packed, emeth_weight_format format, size_t k,
                                        size_t output, size_t step) {
  const char* group = (const char*)packed + output / EMETH_GROUP * emeth_group_bytes(format, k);
  const size_t lane = output % EMETH_GROUP, at = step * EMETH_GROUP + lane;
  switch (format) {
    case EMETH_WEIGHTS_F32: return ((const float*)group)[at];
    case EMETH_WEIGHTS_F16: return emeth_float_of_half(((const uint16_t*)group)[at]);
    case EMETH_WEIGHTS_INT8: {
      const char* block = group + step / EMETH_SCALE_BLOCK * EMETH_INT8_BLOCK_BYTES;
      const int8_t* q = (const int8_t*)(block + EMETH_GROUP * 2) + step % EMETH_SCALE_BLOCK * EMETH_GROUP;
      return (float)q[lane] * emeth_float_of_scale(((const uint16_t*)block)[lane]);
    }
  }
  return 0;
}

#endif
