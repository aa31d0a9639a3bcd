#include "launch.h"

emeth_status emeth_cuda_softmax(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t rows,
                                size_t n) {
  if (n > EMETH_CUDA_LARGEST_ROW) return EMETH_OUT_OF_RANGE;
  return emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_softmax, rows, EMETH_CUDA_ARGUMENTS(&out, &in, &n));
}
