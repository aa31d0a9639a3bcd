// Causal attention of the `fast` profile in one kernel: scores and probabilities stay in registers. A block
// of four warps takes 64 queries of a head, a warp 16 of them, and goes over the keys, 64 at a time; a row's
// maximum and sum grow with them, and what has been summed is scaled anew where the maximum does.
#include "flash.cuh"

#define SPAN 64
#define FLASH_THREADS 128

// a are the queries, b the keys, and values lie `values_at` behind these; m is T, k the head's channels.
template <int CHANNELS>
DEVICE void attention_flash(const emeth_cuda_product& g, size_t values_at, float* maximum, float* sum,
                            float scale) {
  __shared__ __align__(16) flash_tile<SPAN, CHANNELS> keys, values;
  // The longest rows first: the last blocks to run are short.
  const unsigned first = (gridDim.x - 1 - blockIdx.x) * SPAN, head = blockIdx.z + g.first_head;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float *a = matrix_of(g, g.a), *b = matrix_of(g, g.b), *v = b + values_at;

  keys.fill(a, g.a.stride, first, g.m, g.k, g.a_vectors);
  __syncthreads();
  unsigned queries[CHANNELS / 16][4];
#pragma unroll
  for (int c = 0; c < CHANNELS / 16; c++) keys.template load<false>(queries[c], warp * 16, c * 16, false);
  __syncthreads();

  // Of rows lane / 4 and lane / 4 + 8 of the warp's.
  float largest[2] = {-__builtin_inff(), -__builtin_inff()}, total[2] = {0, 0};
  float outputs[CHANNELS / 8][4];
#pragma unroll
  for (int c = 0; c < CHANNELS / 8; c++) outputs[c][0] = outputs[c][1] = outputs[c][2] = outputs[c][3] = 0;

#pragma unroll 1
  for (unsigned start = 0; start < first + SPAN && start < g.m; start += SPAN) {
    keys.fill(b, g.b.stride, start, g.m, g.k, g.b_vectors);
    values.fill(v, g.b.stride, start, g.m, g.k, g.b_vectors);
    __syncthreads();
    float scores[SPAN / 8][4];
#pragma unroll
    for (int j = 0; j < SPAN / 8; j++) scores[j][0] = scores[j][1] = scores[j][2] = scores[j][3] = 0;
#pragma unroll
    for (int c = 0; c < CHANNELS / 16; c++) {
#pragma unroll
      for (int j = 0; j < SPAN / 16; j++) {
        unsigned part[4];
        keys.template load<false>(part, j * 16, c * 16, true);
        multiply_matrices(scores[2 * j], queries[c], part[0], part[1]);
        multiply_matrices(scores[2 * j + 1], queries[c], part[2], part[3]);
      }
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const unsigned query = first + warp * 16 + half * 8 + lane / 4;
      float m = largest[half];
#pragma unroll
      for (int i = 0; i < SPAN / 4; i++) {
        float& score = scores[i / 2][half * 2 + i % 2];
        const unsigned key = start + i / 2 * 8 + lane % 4 * 2 + i % 2;
        score = key <= query && key < g.m ? score * scale : -__builtin_inff();
        m = larger(score, m);
      }
      m = row_maximum(m);
      const float factor = reproducible_exp(largest[half] - m);
      largest[half] = m;
      total[half] *= factor;
#pragma unroll
      for (int c = 0; c < CHANNELS / 8; c++)
        outputs[c][half * 2] *= factor, outputs[c][half * 2 + 1] *= factor;
#pragma unroll
      for (int i = 0; i < SPAN / 4; i++) {
        float& score = scores[i / 2][half * 2 + i % 2];
        score = reproducible_exp(score - m);
        total[half] += score;
      }
    }
    add_weighted_rows(outputs, scores, values);
    __syncthreads();
  }

#pragma unroll
  for (int half = 0; half < 2; half++) {
    const unsigned query = first + warp * 16 + half * 8 + lane / 4;
    const float s = row_total(total[half]);
    if (query >= g.m) continue;
    float* to = matrix_of(g, g.out) + query * g.out.stride;
#pragma unroll
    for (int i = 0; i < CHANNELS / 4; i++) {
      const unsigned channel = i / 2 * 8 + lane % 4 * 2 + i % 2;
      if (channel < g.k) to[channel] = outputs[i / 2][half * 2 + i % 2] / s;
    }
    if (lane % 4 == 0) {
      maximum[(size_t)head * g.m + query] = largest[half];
      sum[(size_t)head * g.m + query] = s;
    }
  }
}

#define FLASH_KERNEL(CHANNELS)                                                               \
  extern "C" __global__ void __launch_bounds__(FLASH_THREADS, 2) attention_flash_##CHANNELS( \
      emeth_cuda_product g, size_t values_at, float* maximum, float* sum, float scale) {     \
    attention_flash<CHANNELS>(g, values_at, maximum, sum, scale);                            \
  }
FLASH_KERNEL(64)
FLASH_KERNEL(128)
