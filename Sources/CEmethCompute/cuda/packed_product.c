#include "launch.h"

#define OUTPUTS 32
#define ROWS 8

emeth_status emeth_cuda_packed_product(const emeth_cuda_launcher* launcher,
                                       const emeth_packed_product_arguments* arguments) {
  emeth_packed_product_arguments g = *arguments;
  const size_t x = emeth_cuda_blocks(g.n, OUTPUTS), y = emeth_cuda_blocks(g.m, ROWS);
  if (x > EMETH_CUDA_LARGEST_GRID || y > EMETH_CUDA_LARGEST_GRID_SIDE) return EMETH_OUT_OF_RANGE;
  uint32_t format = g.format, gelu = g.gelu;
  return launcher->launch(
      launcher->context, EMETH_KERNEL_packed_product, (emeth_cuda_size){(uint32_t)x, (uint32_t)y, 1},
      (emeth_cuda_size){EMETH_CUDA_BLOCK, 1, 1}, 0,
      EMETH_CUDA_ARGUMENTS(&g.out, &g.a, &g.weights, &g.bias, &g.residual, &g.m, &g.n, &g.k, &format, &gelu));
}

emeth_status emeth_cuda_packed_embedding(const emeth_cuda_launcher* launcher, float* out,
                                         const uint32_t* tokens, const uint32_t* positions, const void* wte,
                                         emeth_weight_format format, const float* wpe, size_t rows,
                                         size_t C) {
  void *device_tokens, *device_positions;
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_tokens, 0, tokens, rows * sizeof *tokens));
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_positions, 1, positions, rows * sizeof *positions));
  uint32_t number = format;
  return emeth_cuda_launch_threads(
      launcher, EMETH_KERNEL_packed_embedding, rows * C,
      EMETH_CUDA_ARGUMENTS(&out, &device_tokens, &device_positions, &wte, &number, &wpe, &rows, &C));
}
