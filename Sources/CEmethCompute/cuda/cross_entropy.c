#include "launch.h"

emeth_status emeth_cuda_cross_entropy(const emeth_cuda_launcher* launcher, float* losses, float* logits,
                                      const uint32_t* targets, size_t group, size_t stride, size_t rows,
                                      size_t V, float scale, bool backward) {
  if (V > EMETH_CUDA_LARGEST_ROW) return EMETH_OUT_OF_RANGE;
  void* memory;
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &memory, 0, rows * sizeof(uint32_t)));
  uint32_t* ids = memory;
  for (size_t row = 0; row < rows; row += group) {
    EMETH_CUDA_TRY(launcher->copy_in(launcher->context, ids + row, targets + row / group * stride,
                                     emeth_cuda_min(group, rows - row) * sizeof(uint32_t)));
  }
  uint32_t gradients = backward;
  return emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_cross_entropy, rows,
                                  EMETH_CUDA_ARGUMENTS(&losses, &logits, &ids, &V, &scale, &gradients));
}
