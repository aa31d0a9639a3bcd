#include "launch.h"

#define FACTORS 16

emeth_status emeth_cuda_dropout(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t rows,
                                size_t n, emeth_dropout_mask mask) {
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_dropout, rows * emeth_cuda_blocks(n, FACTORS),
                                   EMETH_CUDA_ARGUMENTS(&out, &in, &rows, &n, &mask));
}
