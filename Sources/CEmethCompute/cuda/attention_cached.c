#include <math.h>

#include "launch.h"

// Scores in scratch memory (128 MiB).
#define SCORES ((size_t)1 << 25)

emeth_status emeth_cuda_attention_cached(const emeth_cuda_launcher* launcher, float* out,
                                         const emeth_cached_sequence* sequences, size_t count,
                                         const float* qkv, size_t T, size_t C, size_t NH) {
  if (T > EMETH_CUDA_LARGEST_ROW || count > EMETH_CUDA_LARGEST_GRID_SIDE) return EMETH_OUT_OF_RANGE;
  size_t longest = 0;
  for (size_t i = 0; i < count; i++) longest = sequences[i].rows > longest ? sequences[i].rows : longest;
  if (longest == 0) return EMETH_OK;
  size_t rows = SCORES / (count * NH * T);
  rows = emeth_cuda_min(rows ? rows : 1, emeth_cuda_min(longest, EMETH_CUDA_LARGEST_GRID_SIDE));
  void *device_sequences, *scores;
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_sequences, 0, sequences, count * sizeof *sequences));
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &scores, 1, count * rows * NH * T * sizeof(float)));
  float scale = (float)(1.0 / sqrt((double)(C / NH)));
  const emeth_cuda_size block = {EMETH_CUDA_BLOCK, 1, 1};
  for (size_t first = 0; first < longest; first += rows) {
    const uint32_t y = (uint32_t)emeth_cuda_min(rows, longest - first), z = (uint32_t)count;
    const emeth_cuda_size channels = {(uint32_t)emeth_cuda_blocks(C, EMETH_CUDA_BLOCK), y, z},
                          heads = {(uint32_t)NH, y, z};
    EMETH_CUDA_TRY(launcher->launch(launcher->context, EMETH_KERNEL_attention_cache_rows, channels, block, 0,
                                    EMETH_CUDA_ARGUMENTS(&device_sequences, &qkv, &first, &C)));
    EMETH_CUDA_TRY(launcher->launch(
        launcher->context, EMETH_KERNEL_attention_cached, heads, block, 0,
        EMETH_CUDA_ARGUMENTS(&out, &device_sequences, &qkv, &scores, &first, &T, &C, &scale)));
  }
  return EMETH_OK;
}
