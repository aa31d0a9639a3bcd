// The gradients of causal attention in the `fast` profile, without scores in memory and without atomics: a block
// takes some queries and goes over their keys, or some keys and goes over their queries, and calculates the
// probabilities again from each row's maximum and sum.
#include "flash.cuh"

// Of the score of a query and a key, and of its probability's gradient.
DEVICE float probability(float score, float scale, float maximum, float reciprocal) {
  return reproducible_exp(score * scale - maximum) * reciprocal;
}

// out = gradients of the queries; a are the queries, b the keys, and values lie `values_at` behind these; m is
// T, k the head's channels. totals (heads, T) = for each query the sum over keys of probability times gradient.
template <int ROWS, int CHANNELS, bool WIDE>
DEVICE void attention_flash_queries(const emeth_cuda_product& g, const emeth_cuda_matrix& d_out,
                                    size_t values_at, const float* maximum, const float* sum, float* totals,
                                    float scale, const dropout_mask& mask) {
  __shared__ __align__(16) flash_tile<ROWS, CHANNELS> queries, d_outs, keys, values;
  __shared__ kept_keys<ROWS> kept;
  // The longest rows first: the last blocks to run are short.
  const unsigned first = (gridDim.x - 1 - blockIdx.x) * ROWS, head = blockIdx.z + g.first_head;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned part = WIDE ? blockIdx.y * CHANNELS : 0;
  const float *a = matrix_of(g, g.a), *b = matrix_of(g, g.b), *v = b + values_at, *d = matrix_of(g, d_out);
  if (!WIDE) {
    queries.fill(a, g.a.stride, first, g.m, g.k, g.a_vectors);
    d_outs.fill(d, d_out.stride, first, g.m, g.k, g.out_vectors);
  }

  // Of rows lane / 4 and lane / 4 + 8 of the warp's.
  float largest[2], reciprocal[2], total[2] = {0, 0};
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const unsigned query = first + warp * 16 + half * 8 + lane / 4;
    const size_t at = (size_t)head * g.m + query;
    largest[half] = query < g.m ? maximum[at] : 0;
    reciprocal[half] = query < g.m ? 1 / sum[at] : 0;
  }
  float outputs[CHANNELS / 8][4];
  clear_sums(outputs);

  // Once for the totals, once with them.
#pragma unroll 1
  for (int pass = 0; pass < 2; pass++) {
#pragma unroll 1
    for (unsigned start = 0; start < first + ROWS && start < g.m; start += ROWS) {
      float scores[ROWS / 8][4], gradients[ROWS / 8][4];
      clear_sums(scores);
      clear_sums(gradients);
#pragma unroll 1
      for (unsigned channel = 0; channel < (WIDE ? g.k : 1); channel += CHANNELS) {
        __syncthreads();
        if (WIDE) {
          queries.fill(a + channel, g.a.stride, first, g.m, g.k - channel, g.a_vectors);
          d_outs.fill(d + channel, d_out.stride, first, g.m, g.k - channel, g.out_vectors);
        }
        keys.fill(b + channel, g.b.stride, start, g.m, g.k - channel, g.b_vectors);
        values.fill(v + channel, g.b.stride, start, g.m, g.k - channel, g.b_vectors);
        if (channel == 0) kept.fill(mask, mask.first_row + (size_t)head * g.m, first, start, g.m);
        __syncthreads();
        add_products_of_rows(scores, queries, keys);
        add_products_of_rows(gradients, d_outs, values);
      }
      kept.template apply<false>(gradients, mask);
#pragma unroll
      for (int i = 0; i < ROWS / 2; i++) {
        const int half = i % 4 / 2;
        const unsigned query = first + warp * 16 + half * 8 + lane / 4,
                       key = start + i / 4 * 8 + lane % 4 * 2 + i % 2;
        float& score = scores[i / 4][i % 4];
        const float p =
            key <= query && key < g.m ? probability(score, scale, largest[half], reciprocal[half]) : 0;
        if (pass == 0)
          total[half] += p * gradients[i / 4][i % 4];
        else
          score = p * (gradients[i / 4][i % 4] - total[half]) * scale;
      }
      if (pass == 0) continue;
      if (WIDE) {
        __syncthreads();
        keys.fill(b + part, g.b.stride, start, g.m, g.k - part, g.b_vectors);
        __syncthreads();
      }
      add_weighted_rows(outputs, scores, keys);
    }
    if (pass == 0) {
#pragma unroll
      for (int half = 0; half < 2; half++) {
        const unsigned query = first + warp * 16 + half * 8 + lane / 4;
        total[half] = row_total(total[half]);
        if (query < g.m && lane % 4 == 0 && part == 0) totals[(size_t)head * g.m + query] = total[half];
      }
    }
  }

#pragma unroll
  for (int i = 0; i < CHANNELS / 2; i++) {
    const unsigned query = first + warp * 16 + i % 4 / 2 * 8 + lane / 4,
                   channel = part + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (query < g.m && channel < g.k)
      (matrix_of(g, g.out) + query * g.out.stride)[channel] = outputs[i / 4][i % 4];
  }
}

// out = gradients of the keys, those of the values `values_at` behind; the rest as above. Scores have a row for
// each key here.
template <int ROWS, int CHANNELS, bool WIDE>
DEVICE void attention_flash_keys(const emeth_cuda_product& g, const emeth_cuda_matrix& d_out, size_t values_at,
                                 const float* maximum, const float* sum, const float* totals, float scale,
                                 const dropout_mask& mask) {
  __shared__ __align__(16) flash_tile<ROWS, CHANNELS> keys, values, queries, d_outs;
  __shared__ kept_keys<ROWS> kept;
  __shared__ float largest[ROWS], reciprocal[ROWS], total[ROWS];
  const unsigned first = blockIdx.x * ROWS, head = blockIdx.z + g.first_head;
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned part = WIDE ? blockIdx.y * CHANNELS : 0;
  const float *a = matrix_of(g, g.a), *b = matrix_of(g, g.b), *v = b + values_at, *d = matrix_of(g, d_out);
  if (!WIDE) {
    keys.fill(b, g.b.stride, first, g.m, g.k, g.b_vectors);
    values.fill(v, g.b.stride, first, g.m, g.k, g.b_vectors);
  }

  float d_keys[CHANNELS / 8][4], d_values[CHANNELS / 8][4];
  clear_sums(d_keys);
  clear_sums(d_values);

#pragma unroll 1
  for (unsigned start = first; start < g.m; start += ROWS) {
    float scores[ROWS / 8][4], gradients[ROWS / 8][4];
    clear_sums(scores);
    clear_sums(gradients);
#pragma unroll 1
    for (unsigned channel = 0; channel < (WIDE ? g.k : 1); channel += CHANNELS) {
      __syncthreads();
      if (WIDE) {
        keys.fill(b + channel, g.b.stride, first, g.m, g.k - channel, g.b_vectors);
        values.fill(v + channel, g.b.stride, first, g.m, g.k - channel, g.b_vectors);
      }
      queries.fill(a + channel, g.a.stride, start, g.m, g.k - channel, g.a_vectors);
      d_outs.fill(d + channel, d_out.stride, start, g.m, g.k - channel, g.out_vectors);
      if (threadIdx.x < ROWS && channel == 0) {
        const unsigned query = start + threadIdx.x;
        const size_t at = (size_t)head * g.m + query;
        largest[threadIdx.x] = query < g.m ? maximum[at] : 0;
        reciprocal[threadIdx.x] = query < g.m ? 1 / sum[at] : 0;
        total[threadIdx.x] = query < g.m ? totals[at] : 0;
      }
      if (channel == 0) kept.fill(mask, mask.first_row + (size_t)head * g.m, start, first, g.m);
      __syncthreads();
      add_products_of_rows(scores, keys, queries);
      add_products_of_rows(gradients, values, d_outs);
    }
    kept.template apply<true>(gradients, mask);
#pragma unroll
    for (int i = 0; i < ROWS / 2; i++) {
      const unsigned key = first + warp * 16 + i % 4 / 2 * 8 + lane / 4,
                     place = i / 4 * 8 + lane % 4 * 2 + i % 2, query = start + place;
      float &score = scores[i / 4][i % 4], &gradient = gradients[i / 4][i % 4];
      const float p = key <= query && query < g.m
                          ? probability(score, scale, largest[place], reciprocal[place])
                          : 0;
      gradient = p * (gradient - total[place]) * scale;
      score = p;
    }
    kept.template apply<true>(scores, mask);
    if (WIDE) {
      __syncthreads();
      queries.fill(a + part, g.a.stride, start, g.m, g.k - part, g.a_vectors);
      d_outs.fill(d + part, d_out.stride, start, g.m, g.k - part, g.out_vectors);
      __syncthreads();
    }
    add_weighted_rows(d_values, scores, d_outs);
    add_weighted_rows(d_keys, gradients, queries);
  }

#pragma unroll
  for (int i = 0; i < CHANNELS / 2; i++) {
    const unsigned key = first + warp * 16 + i % 4 / 2 * 8 + lane / 4,
                   channel = part + i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (key >= g.m || channel >= g.k) continue;
    float* to = matrix_of(g, g.out) + key * g.out.stride;
    to[channel] = d_keys[i / 4][i % 4];
    to[values_at + channel] = d_values[i / 4][i % 4];
  }
}

#define FLASH_BACKWARD(NAME, ROWS, CHANNELS, WIDE)                                                          \
  extern "C" __global__ void __launch_bounds__(2 * ROWS, 2) attention_flash_queries_##NAME(                 \
      emeth_cuda_product g, emeth_cuda_matrix d_out, size_t values_at, const float* maximum,                \
      const float* sum, float* totals, float scale, dropout_mask mask) {                                    \
    attention_flash_queries<ROWS, CHANNELS, WIDE>(g, d_out, values_at, maximum, sum, totals, scale, mask);  \
  }                                                                                                         \
  extern "C" __global__ void __launch_bounds__(2 * ROWS, 2) attention_flash_keys_##NAME(                    \
      emeth_cuda_product g, emeth_cuda_matrix d_out, size_t values_at, const float* maximum,                \
      const float* sum, const float* totals, float scale, dropout_mask mask) {                              \
    attention_flash_keys<ROWS, CHANNELS, WIDE>(g, d_out, values_at, maximum, sum, totals, scale, mask);     \
  }
FLASH_BACKWARD(64, 64, 64, false)
FLASH_BACKWARD(128, 32, 128, false)
FLASH_BACKWARD(wide, 32, 128, true)
