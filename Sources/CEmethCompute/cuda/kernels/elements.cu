// What is calculated element by element. out may be an input.
#include "kernel.cuh"

extern "C" __global__ void add(float* out, const float* a, const float* b, size_t count) {
  const size_t i = thread_number();
  if (i < count) out[i] = a[i] + b[i];
}

extern "C" __global__ void gelu_forward(float* out, const float* in, size_t count) {
  const size_t i = thread_number();
  if (i < count) out[i] = gelu(in[i]);
}

extern "C" __global__ void gelu_backward(float* d_in, const float* d_out, const float* in, size_t count) {
  const size_t i = thread_number();
  if (i < count) d_in[i] = gelu_gradient(d_out[i], in[i]);
}

extern "C" __global__ void exponential(float* out, const float* in, size_t count) {
  const size_t i = thread_number();
  if (i < count) out[i] = reproducible_exp(in[i]);
}

extern "C" __global__ void logarithm(float* out, const float* in, size_t count) {
  const size_t i = thread_number();
  if (i < count) out[i] = reproducible_log(in[i]);
}

extern "C" __global__ void hyperbolic_tangent(float* out, const float* in, size_t count) {
  const size_t i = thread_number();
  if (i < count) out[i] = reproducible_tanh(in[i]);
}
