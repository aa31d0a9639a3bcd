// Causal attention of the `fast` profile in one kernel: scores and probabilities stay in registers. A block
// of four warps takes 64 queries of a head, a warp 16 of them, and goes over the keys, 64 at a time; a row's
// maximum and sum grow with them, and what has been summed is scaled anew where the maximum does.
#include "flash.cuh"

#define SPAN 64
#define FLASH_THREADS 128

// a are the queries, b the keys, and values lie `values_at` behind these; m is T, k the head's channels.
template <int CHANNELS, bool WIDE>
DEVICE void attention_flash(const emeth_cuda_product& g, size_t values_at, float* maximum, float* sum,
                            float scale, const dropout_mask& mask) {
  __shared__ __align__(16) flash_tile<SPAN, CHANNELS> keys, values;
  __shared__ kept_keys<SPAN> kept;
  // The longest rows first: the last blocks to run are short.
  const unsigned first = (gridDim.x - 1 - blockIdx.x) * SPAN, head = blockIdx.z + g.first_head;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned part = WIDE ? blockIdx.y * CHANNELS : 0;
  const float *a = matrix_of(g, g.a), *b = matrix_of(g, g.b), *v = b + values_at;

  unsigned queries[CHANNELS / 16][4];
  if (!WIDE) {
    keys.fill(a, g.a.stride, first, g.m, g.k, g.a_vectors);
    __syncthreads();
#pragma unroll
    for (int c = 0; c < CHANNELS / 16; c++) keys.template load<false>(queries[c], warp * 16, c * 16, false);
    __syncthreads();
  }

  // Of rows lane / 4 and lane / 4 + 8 of the warp's.
  float largest[2] = {-__builtin_inff(), -__builtin_inff()}, total[2] = {0, 0};
  float outputs[CHANNELS / 8][4];
  clear_sums(outputs);

#pragma unroll 1
  for (unsigned start = 0; start < first + SPAN && start < g.m; start += SPAN) {
    kept.fill(mask, mask.first_row + (size_t)head * g.m, first, start, g.m);
    float scores[SPAN / 8][4];
    clear_sums(scores);
    if (WIDE) {
#pragma unroll 1
      for (unsigned channel = 0; channel < g.k; channel += CHANNELS) {
        // The queries lie where the values will.
        values.fill(a + channel, g.a.stride, first, g.m, g.k - channel, g.a_vectors);
        keys.fill(b + channel, g.b.stride, start, g.m, g.k - channel, g.b_vectors);
        __syncthreads();
        add_products_of_rows(scores, values, keys);
        __syncthreads();
      }
      values.fill(v + part, g.b.stride, start, g.m, g.k - part, g.b_vectors);
      __syncthreads();
    } else {
      keys.fill(b, g.b.stride, start, g.m, g.k, g.b_vectors);
      values.fill(v, g.b.stride, start, g.m, g.k, g.b_vectors);
      __syncthreads();
#pragma unroll
      for (int c = 0; c < CHANNELS / 16; c++) {
#pragma unroll
        for (int j = 0; j < SPAN / 16; j++) {
          unsigned bs[4];
          keys.template load<false>(bs, j * 16, c * 16, true);
          multiply_matrices(scores[2 * j], queries[c], bs[0], bs[1]);
          multiply_matrices(scores[2 * j + 1], queries[c], bs[2], bs[3]);
        }
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
    kept.template apply<false>(scores, mask);
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
      const unsigned channel = part + i / 2 * 8 + lane % 4 * 2 + i % 2;
      if (channel < g.k) to[channel] = outputs[i / 2][half * 2 + i % 2] / s;
    }
    if (lane % 4 == 0 && part == 0) {
      maximum[(size_t)head * g.m + query] = largest[half];
      sum[(size_t)head * g.m + query] = s;
    }
  }
}

#define FLASH_KERNEL(NAME, CHANNELS, WIDE)                                                                     \
  extern "C" __global__ void __launch_bounds__(FLASH_THREADS, 2) attention_flash_##NAME(                       \
      emeth_cuda_product g, size_t values_at, float* maximum, float* sum, float scale, dropout_mask mask) {    \
    attention_flash<CHANNELS, WIDE>(g, values_at, maximum, sum, scale, mask);                                  \
  }
FLASH_KERNEL(64, 64, false)
FLASH_KERNEL(128, 128, false)
FLASH_KERNEL(wide, 128, true)
