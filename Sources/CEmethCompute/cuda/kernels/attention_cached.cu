// Attention with kept keys and values (T, C), for generation. As the threads are few, a block takes one query
// of one head.
#include "kernel.cuh"

// As emeth_cached_sequence.
struct cached_sequence {
  float *keys, *values;
  size_t position, rows, first_row;
};

// Row blockIdx.y of sequence blockIdx.z, from row `first` of each: its keys and values into the caches.
extern "C" __global__ void attention_cache_rows(const cached_sequence* sequences, const float* qkv,
                                                size_t first, size_t C) {
  const cached_sequence s = sequences[blockIdx.z];
  const size_t i = first + blockIdx.y, c = thread_number();
  if (i >= s.rows || c >= C) return;
  const float* in = qkv + (s.first_row + i) * 3 * C + C + c;
  s.keys[(s.position + i) * C + c] = in[0];
  s.values[(s.position + i) * C + c] = in[C];
}

// Head blockIdx.x of that row, by 256 threads. scores (sequences, rows, heads, T) are scratch memory.
extern "C" __global__ void __launch_bounds__(256)
    attention_cached(float* out, const cached_sequence* sequences, const float* qkv, float* scores,
                     size_t first, size_t T, size_t C, float scale) {
  const cached_sequence s = sequences[blockIdx.z];
  const size_t i = first + blockIdx.y, h = blockIdx.x, d = C / gridDim.x;
  if (i >= s.rows) return;
  const size_t count = s.position + i + 1, row = s.first_row + i;
  const float *query = qkv + row * 3 * C + h * d, *keys = s.keys + h * d, *values = s.values + h * d;
  float* p = scores + ((size_t)(blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + h) * T;
  for (size_t key = threadIdx.x; key < count; key += blockDim.x) {
    float chain = 0;
#pragma unroll 8
    for (size_t c = 0; c < d; c++) chain = fmaf(query[c], keys[key * C + c], chain);
    p[key] = chain;
  }
  __syncthreads();
  const float maximum = block_row_maximum(count, [&](size_t key) { return p[key] * scale; });
  const float sum = block_row_sum(count, [&](size_t key) {
    const float e = reproducible_exp(p[key] * scale - maximum);
    p[key] = e;
    return e;
  });
  for (size_t key = threadIdx.x; key < count; key += blockDim.x) p[key] = p[key] / sum;
  __syncthreads();
  for (size_t c = threadIdx.x; c < d; c += blockDim.x) {
    float chain = 0;
#pragma unroll 8
    for (size_t key = 0; key < count; key++) chain = fmaf(p[key], values[key * C + c], chain);
    out[row * C + h * d + c] = chain;
  }
}
