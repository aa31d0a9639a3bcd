// tokens (B·T) have no gaps here.
#include "kernel.cuh"

extern "C" __global__ void embedding_forward(float* out, const unsigned* tokens, const float* wte,
                                             const float* wpe, size_t rows, size_t T, size_t C) {
  const size_t i = thread_number();
  if (i >= rows * C) return;
  const size_t row = i / C, c = i % C;
  out[i] = wte[tokens[row] * C + c] + wpe[row % T * C + c];
}

// d_wpe (T, C): a thread an element, b ascending.
extern "C" __global__ void embedding_positions(float* d_wpe, const float* d_out, size_t B, size_t T,
                                               size_t C) {
  const size_t i = thread_number();
  if (i >= T * C) return;
  float sum = d_wpe[i];
#pragma unroll 8
  for (size_t b = 0; b < B; b++) sum += d_out[b * T * C + i];
  d_wpe[i] = sum;
}

// d_wte (V, C): block r, of 256 threads, is the only one that adds to its token's row, if row r is the first
// with that token: rows ascending, without atomics. The others end.
extern "C" __global__ void __launch_bounds__(256)
    embedding_tokens(float* d_wte, const float* d_out, const unsigned* tokens, size_t rows, size_t C) {
  __shared__ unsigned matches[256], counts[8];
  const size_t first = blockIdx.x;
  const unsigned token = tokens[first], warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  // Backwards: a frequent token is found at once.
  for (size_t span = 0; span < first; span += 2048) {
    bool found = false;
#pragma unroll
    for (size_t i = 0; i < 2048; i += 256) {
      const size_t back = span + i + threadIdx.x + 1;
      found = found || (back <= first && tokens[first - back] == token);
    }
    if (__syncthreads_or(found)) return;
  }
  for (size_t start = first; start < rows; start += 256) {
    const size_t row = start + threadIdx.x;
    const bool match = row < rows && tokens[row] == token;
    const unsigned ballot = __ballot_sync(0xFFFFFFFFu, match);
    if (lane == 0) counts[warp] = __popc(ballot);
    __syncthreads();
    unsigned before = 0, total = 0;
    for (unsigned w = 0; w < 8; w++) {
      before += w < warp ? counts[w] : 0;
      total += counts[w];
    }
    if (match) matches[before + __popc(ballot & ((1u << lane) - 1))] = (unsigned)(row - start);
    __syncthreads();
    for (size_t c = threadIdx.x; total > 0 && c < C; c += 256) {
      float sum = d_wte[token * C + c];
#pragma unroll 4
      for (unsigned i = 0; i < total; i++) sum += d_out[(start + matches[i]) * C + c];
      d_wte[token * C + c] = sum;
    }
    __syncthreads();
  }
}
