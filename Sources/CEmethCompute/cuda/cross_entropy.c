#include "launch.h"

emeth_status emeth_cuda_cross_entropy(const emeth_cuda_launcher* launcher, float* losses, float* logits,
                                      const uint32_t* targets, size_t group, size_t stride, size_t rows,
                                      size_t V, float scale, bool backward) {
  if (V > EMETH_CUDA_LARGEST_ROW) return EMETH_OUT_OF_RANGE;
  // Of the last group some rows alone may be there.
  const size_t groups = rows / group;
  uint32_t* ids;
  if (groups * group == rows) {
    EMETH_CUDA_TRY(emeth_cuda_upload_ids(launcher, &ids, 0, targets, groups, group, stride));
  } else {
    void* memory;
    EMETH_CUDA_TRY(launcher->scratch(launcher->context, &memory, 0, rows * sizeof(uint32_t)));
    ids = memory;
    for (size_t row = 0; row < rows; row += group) {
      EMETH_CUDA_TRY(launcher->copy_in(launcher->context, ids + row, targets + row / group * stride,
                                       emeth_cuda_min(group, rows - row) * sizeof(uint32_t)));
    }
  }
  uint32_t gradients = backward;
  return emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_cross_entropy, rows,
                                  EMETH_CUDA_ARGUMENTS(&losses, &logits, &ids, &V, &scale, &gradients));
}
