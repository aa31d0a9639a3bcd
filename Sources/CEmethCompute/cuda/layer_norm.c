#include "launch.h"

#define COLUMNS 32

emeth_status emeth_cuda_add_layer_norm_forward(const emeth_cuda_launcher* launcher, float* out, float* mean,
                                               float* reciprocal, float* sum, const float* a, const float* b,
                                               const float* gain, const float* offset, size_t rows,
                                               size_t n) {
  return emeth_cuda_launch_rows(
      launcher, EMETH_KERNEL_layer_norm_forward, rows, n,
      EMETH_CUDA_ARGUMENTS(&out, &mean, &reciprocal, &sum, &a, &b, &gain, &offset, &rows, &n));
}

emeth_status emeth_cuda_layer_norm_backward(const emeth_cuda_launcher* launcher, float* d_in, float* d_gain,
                                            float* d_offset, const float* d_out, const float* in,
                                            const float* gain, const float* mean, const float* reciprocal,
                                            size_t rows, size_t n) {
  EMETH_CUDA_TRY(
      emeth_cuda_launch_rows(launcher, EMETH_KERNEL_layer_norm_backward, rows, n,
                             EMETH_CUDA_ARGUMENTS(&d_in, &d_out, &in, &gain, &mean, &reciprocal, &rows, &n)));
  return emeth_cuda_launch_blocks(
      launcher, EMETH_KERNEL_layer_norm_parameters, emeth_cuda_blocks(n, COLUMNS),
      EMETH_CUDA_ARGUMENTS(&d_gain, &d_offset, &d_out, &in, &mean, &reciprocal, &rows, &n));
}
