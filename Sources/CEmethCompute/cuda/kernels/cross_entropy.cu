#include "kernel.cuh"

#define NO_TARGET 0xFFFFFFFFu

// A block of 256 threads a row of logits (rows, V), which become their gradients with `backward`.
extern "C" __global__ void __launch_bounds__(256)
    cross_entropy(float* losses, float* logits, const unsigned* targets, size_t V, float scale,
                  unsigned backward) {
  const unsigned target = targets[blockIdx.x];
  logits += blockIdx.x * V;
  if (target == NO_TARGET) {
    if (threadIdx.x == 0) losses[blockIdx.x] = 0;
    for (size_t i = threadIdx.x; backward && i < V; i += blockDim.x) logits[i] = 0;
    return;
  }
  const float maximum = block_row_maximum(V, [&](size_t i) { return logits[i]; });
  const float chosen = logits[target];
  // Not before everyone has read it.
  __syncthreads();
  const float sum = block_row_sum(V, [&](size_t i) {
    const float e = reproducible_exp(logits[i] - maximum);
    if (backward) logits[i] = e;
    return e;
  });
  if (threadIdx.x == 0) losses[blockIdx.x] = reproducible_log(sum) - (chosen - maximum);
  for (size_t i = threadIdx.x; backward && i < V; i += blockDim.x) {
    logits[i] = (logits[i] / sum - (i == target ? 1.0f : 0.0f)) * scale;
  }
}
