// Causal attention in the products of whole matrices of scores (heads, T, T), some heads at a time: host code
// in attention.c.
#include "product.cuh"

// scores = queries · keysᵀ, or d_out · valuesᵀ
PRODUCT_KERNELS(attention_scores, false, true, OUT_TO_ROW)
// out = probabilities · values, or d_queries = d_scores · keys: keys up to the query
PRODUCT_KERNELS(attention_by_query, false, false, UP_TO_ROW)
// d_keys = d_scoresᵀ · queries, or d_values = probabilitiesᵀ · d_out: queries from the key on
PRODUCT_KERNELS(attention_by_key, true, false, FROM_ROW_ON)

// scores (heads · T, T) become probabilities of keys up to the query. A group of threads a row; its
// statistics lie at first_row + row.
extern "C" __global__ void attention_softmax(float* scores, float* maximum, float* sum, size_t first_row,
                                             size_t rows, size_t T, float scale) {
  const size_t row = thread_number() / GROUP;
  if (row >= rows) return;
  float* p = scores + row * T;
  const size_t count = row % T + 1;
  const unsigned lane = group_lane();
  // The first score counts even where it is no number.
  float m = __shfl_sync(group_mask(), lane == 0 ? p[0] * scale : 0, 0, GROUP);
  for (size_t i = lane; i < count; i += GROUP) m = larger(p[i] * scale, m);
  m = group_maximum(m);
  const float s = group_row_sum(count, [&](size_t i) {
    const float e = reproducible_exp(p[i] * scale - m);
    p[i] = e;
    return e;
  });
  for (size_t i = lane; i < count; i += GROUP) p[i] = p[i] / s;
  if (lane == 0) {
    maximum[first_row + row] = m;
    sum[first_row + row] = s;
  }
}

// scores become probabilities again.
extern "C" __global__ void attention_probabilities(float* scores, const float* maximum, const float* sum,
                                                   size_t first_row, size_t rows, size_t T, float scale) {
  const size_t row = thread_number() / GROUP;
  if (row >= rows) return;
  float* p = scores + row * T;
  const float m = maximum[first_row + row], s = sum[first_row + row];
  for (size_t i = group_lane(); i <= row % T; i += GROUP) p[i] = reproducible_exp(p[i] * scale - m) / s;
}

// gradients (heads · T, T), those of the probabilities, become those of the scores.
extern "C" __global__ void attention_score_gradients(float* gradients, const float* probabilities,
                                                     size_t rows, size_t T, float scale) {
  const size_t row = thread_number() / GROUP;
  if (row >= rows) return;
  float* g = gradients + row * T;
  const float* p = probabilities + row * T;
  const size_t count = row % T + 1;
  const float total = group_row_sum(count, [&](size_t i) { return g[i] * p[i]; });
  for (size_t i = group_lane(); i < count; i += GROUP) g[i] = (p[i] * (g[i] - total)) * scale;
}
