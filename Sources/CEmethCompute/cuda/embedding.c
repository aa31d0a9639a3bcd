#include "launch.h"

emeth_status emeth_cuda_upload_ids(const emeth_cuda_launcher* launcher, uint32_t** out, size_t slot,
                                   const uint32_t* host, size_t rows, size_t columns, size_t stride) {
  void* memory;
  const bool whole = columns == stride;
  if (whole && launcher->holds(launcher->context, host)) {
    *out = (uint32_t*)host;
    return EMETH_OK;
  }
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &memory, slot, rows * columns * sizeof(uint32_t)));
  *out = memory;
  const size_t pieces = whole ? 1 : rows, count = whole ? rows * columns : columns;
  for (size_t i = 0; i < pieces; i++) {
    EMETH_CUDA_TRY(
        launcher->copy_in(launcher->context, *out + i * count, host + i * stride, count * sizeof(uint32_t)));
  }
  return EMETH_OK;
}

emeth_status emeth_cuda_embedding_forward(const emeth_cuda_launcher* launcher, float* out,
                                          const uint32_t* tokens, size_t stride, const float* wte,
                                          const float* wpe, size_t B, size_t T, size_t C) {
  uint32_t* ids;
  EMETH_CUDA_TRY(emeth_cuda_upload_ids(launcher, &ids, 0, tokens, B, T, stride));
  size_t rows = B * T;
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_embedding_forward, rows * C,
                                   EMETH_CUDA_ARGUMENTS(&out, &ids, &wte, &wpe, &rows, &T, &C));
}

emeth_status emeth_cuda_embedding_backward(const emeth_cuda_launcher* launcher, float* d_wte, float* d_wpe,
                                           const float* d_out, const uint32_t* tokens, size_t stride,
                                           size_t B, size_t T, size_t C) {
  uint32_t* ids;
  EMETH_CUDA_TRY(emeth_cuda_upload_ids(launcher, &ids, 0, tokens, B, T, stride));
  size_t rows = B * T;
  EMETH_CUDA_TRY(emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_embedding_tokens, rows,
                                          EMETH_CUDA_ARGUMENTS(&d_wte, &d_out, &ids, &rows, &C)));
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_embedding_positions, T * C,
                                   EMETH_CUDA_ARGUMENTS(&d_wpe, &d_out, &B, &T, &C));
}
