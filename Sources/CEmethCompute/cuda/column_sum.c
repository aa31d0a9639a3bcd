#include "launch.h"

#define COLUMNS 32

emeth_status emeth_cuda_column_sum(const emeth_cuda_launcher* launcher, float* out, const float* in,
                                   size_t rows, size_t columns) {
  return emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_column_sum, emeth_cuda_blocks(columns, COLUMNS),
                                  EMETH_CUDA_ARGUMENTS(&out, &in, &rows, &columns));
}
