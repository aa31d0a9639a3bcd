#include "launch.h"

static emeth_status map(const emeth_cuda_launcher* launcher, emeth_cuda_kernel kernel, float* out,
                        const float* in, size_t count) {
  return emeth_cuda_launch_threads(launcher, kernel, count, EMETH_CUDA_ARGUMENTS(&out, &in, &count));
}

emeth_status emeth_cuda_exp(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count) {
  return map(launcher, EMETH_KERNEL_exponential, out, in, count);
}

emeth_status emeth_cuda_log(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count) {
  return map(launcher, EMETH_KERNEL_logarithm, out, in, count);
}

emeth_status emeth_cuda_tanh(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count) {
  return map(launcher, EMETH_KERNEL_hyperbolic_tangent, out, in, count);
}

emeth_status emeth_cuda_gelu_forward(const emeth_cuda_launcher* launcher, float* out, const float* in,
                                     size_t count) {
  return map(launcher, EMETH_KERNEL_gelu_forward, out, in, count);
}

emeth_status emeth_cuda_gelu_backward(const emeth_cuda_launcher* launcher, float* d_in, const float* d_out,
                                      const float* in, size_t count) {
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_gelu_backward, count,
                                   EMETH_CUDA_ARGUMENTS(&d_in, &d_out, &in, &count));
}

emeth_status emeth_cuda_add(const emeth_cuda_launcher* launcher, float* out, const float* a, const float* b,
                            size_t count) {
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_add, count,
                                   EMETH_CUDA_ARGUMENTS(&out, &a, &b, &count));
}
