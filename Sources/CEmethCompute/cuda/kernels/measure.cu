// How fast this device is: what a product or a stream of weights can't be faster than.
#include "kernel.cuh"

#define CHAINS 32

// A thread has CHAINS chains side by side.
extern "C" __global__ void __launch_bounds__(256) fma_chains(float* out, size_t steps, float start) {
  float chains[CHAINS];
#pragma unroll
  for (int i = 0; i < CHAINS; i++) chains[i] = start + (float)i;
#pragma unroll 1
  for (size_t step = 0; step < steps; step++) {
#pragma unroll
    for (int i = 0; i < CHAINS; i++) chains[i] = fmaf(start, chains[i], start);
  }
  float sum = 0;
#pragma unroll
  for (int i = 0; i < CHAINS; i++) sum += chains[i];
  out[thread_number()] = sum;
}

// out[thread] = sum of the 64-bit words thread, thread + all threads, …
extern "C" __global__ void __launch_bounds__(256)
    read_memory(unsigned long long* out, const unsigned long long* in, size_t words) {
  unsigned long long sum = 0;
  const size_t threads = (size_t)gridDim.x * blockDim.x;
#pragma unroll 8
  for (size_t i = thread_number(); i < words; i += threads) sum += in[i];
  out[thread_number()] = sum;
}
