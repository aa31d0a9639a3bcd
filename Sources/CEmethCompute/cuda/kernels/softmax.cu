#include "kernel.cuh"

// A block of 256 threads a row. out may be in.
extern "C" __global__ void __launch_bounds__(256) softmax(float* out, const float* in, size_t n) {
  in += blockIdx.x * n;
  out += blockIdx.x * n;
  const float maximum = block_row_maximum(n, [&](size_t i) { return in[i]; });
  const float sum = block_row_sum(n, [&](size_t i) {
    const float e = reproducible_exp(in[i] - maximum);
    out[i] = e;
    return e;
  });
  for (size_t i = threadIdx.x; i < n; i += blockDim.x) out[i] = out[i] / sum;
}
