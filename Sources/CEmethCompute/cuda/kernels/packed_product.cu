// Products of a few rows with packed weights, and rows of packed embeddings. The layout is that of
// cpu/packed_weights.h: outputs in groups of 32, in a group step k after step k.
#include "kernel.cuh"

#define OUTPUTS 32
#define STEPS 128
#define ROWS 8

// As emeth_weight_format.
enum weight_format { F32, F16, INT8 };

#define SCALE_BLOCK 32
#define INT8_BLOCK_BYTES (OUTPUTS * 2 + SCALE_BLOCK * OUTPUTS)

DEVICE size_t group_bytes(unsigned format, size_t k) {
  if (format == F32) return k * OUTPUTS * 4;
  if (format == F16) return k * OUTPUTS * 2;
  return (k + SCALE_BLOCK - 1) / SCALE_BLOCK * INT8_BLOCK_BYTES;
}

// Weight (lane, step) of a group of outputs.
DEVICE float packed_weight(const char* group, unsigned format, unsigned lane, size_t step) {
  const size_t at = step * OUTPUTS + lane;
  if (format == F32) return ((const float*)group)[at];
  if (format == F16) {
    // A binary16's bits moved to their places are 2^-112 of it, subnormal ones too.
    const unsigned half = ((const unsigned short*)group)[at];
    return float_of(bits_of(float_of((half & 0x7FFF) << 13) * 0x1p112f) | (half & 0x8000) << 16);
  }
  const char* block = group + step / SCALE_BLOCK * INT8_BLOCK_BYTES;
  const signed char* q = (const signed char*)(block + OUTPUTS * 2) + step % SCALE_BLOCK * OUTPUTS;
  return (float)q[lane] * float_of(((const unsigned short*)block)[lane] << 16);
}

// A block of 256 threads takes one group of outputs and eight rows, a warp a row, a lane an output. All fetch
// the weights, STEPS steps at a time, the next ones while these are used: the chains alone would wait for
// memory. bias and residual may be NULL; residual may be out.
extern "C" __global__ void __launch_bounds__(256)
    packed_product(float* out, const float* a, const char* weights, const float* bias, const float* residual,
                   size_t m, size_t n, size_t k, unsigned format, unsigned with_gelu) {
  __shared__ float weight_tile[STEPS][OUTPUTS], a_tile[ROWS][STEPS];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const char* group = weights + blockIdx.x * group_bytes(format, k);
  const size_t row = blockIdx.y * ROWS + warp, output = (size_t)blockIdx.x * OUTPUTS + lane;
  float next[STEPS / 8], a_next[STEPS / 32], sum = 0;
  const auto fetch = [&](size_t first) {
#pragma unroll
    for (int i = 0; i < STEPS / 8; i++) {
      const size_t step = first + i * 8 + warp;
      next[i] = step < k ? packed_weight(group, format, lane, step) : 0;
    }
#pragma unroll
    for (int i = 0; i < STEPS / 32; i++) {
      const size_t step = first + i * 32 + lane;
      a_next[i] = row < m && step < k ? a[row * k + step] : 0;
    }
  };
  fetch(0);
  for (size_t first = 0; first < k; first += STEPS) {
#pragma unroll
    for (int i = 0; i < STEPS / 8; i++) weight_tile[i * 8 + warp][lane] = next[i];
#pragma unroll
    for (int i = 0; i < STEPS / 32; i++) a_tile[warp][i * 32 + lane] = a_next[i];
    __syncthreads();
    if (first + STEPS < k) fetch(first + STEPS);
    if (row < m) {
      const unsigned steps = k - first < STEPS ? (unsigned)(k - first) : STEPS;
#pragma unroll 16
      for (unsigned step = 0; step < steps; step++)
        sum = fmaf(a_tile[warp][step], weight_tile[step][lane], sum);
    }
    __syncthreads();
  }
  if (row >= m || output >= n) return;
  if (bias) sum += bias[output];
  if (with_gelu) sum = gelu(sum);
  out[row * n + output] = residual ? residual[row * n + output] + sum : sum;
}

// out (rows, C): row r = row tokens[r] of the packed wte (V, C) + wpe[positions[r]].
extern "C" __global__ void packed_embedding(float* out, const unsigned* tokens, const unsigned* positions,
                                            const char* wte, unsigned format, const float* wpe, size_t rows,
                                            size_t C) {
  const size_t i = thread_number();
  if (i >= rows * C) return;
  const size_t row = i / C, c = i % C;
  const unsigned token = tokens[row];
  const char* group = wte + token / OUTPUTS * group_bytes(format, C);
  out[i] = packed_weight(group, format, token % OUTPUTS, c) + wpe[positions[row] * C + c];
}
