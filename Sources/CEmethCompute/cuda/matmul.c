#include "launch.h"

// Products of so few rows wait for memory: they stay in binary32, as on the CPU.
#define FEW_ROWS 4

// Which part of the multiprocessors' time tiles of this size use, were they all alike: they are taken in
// rounds of one a multiprocessor, and fewer than four warps leave some of its schedulers idle. A small tile
// reads twice as much for each output.
static double use_of_time(const emeth_cuda_product* product, size_t batch, uint32_t multiprocessors,
                          size_t tile, double pace) {
  const size_t tiles = emeth_cuda_blocks(product->m, tile) * emeth_cuda_blocks(product->n, tile) * batch;
  const size_t rounds = emeth_cuda_blocks(tiles, multiprocessors);
  const double outputs = (double)product->m * (double)product->n * (double)batch;
  const double computed = (double)(rounds * multiprocessors) * (double)(tile * tile);
  const size_t warps = rounds * EMETH_TILE_THREADS(tile) / 32;
  return pace * outputs / computed * (warps < 4 ? (double)warps / 4 : 1);
}

// The products of a batch, by tiles of this size.
static emeth_status launch_tiles(const emeth_cuda_launcher* launcher, emeth_cuda_kernel kernel, size_t tile,
                                 const emeth_cuda_product* product, size_t batch) {
  const size_t tiles = emeth_cuda_blocks(product->m, tile) * emeth_cuda_blocks(product->n, tile);
  if (tiles > EMETH_CUDA_LARGEST_GRID || batch > EMETH_CUDA_LARGEST_GRID_SIDE) return EMETH_OUT_OF_RANGE;
  emeth_cuda_product copy = *product;
  return launcher->launch(launcher->context, kernel, (emeth_cuda_size){(uint32_t)tiles, 1, (uint32_t)batch},
                          (emeth_cuda_size){(uint32_t)EMETH_TILE_THREADS(tile), 1, 1}, 0,
                          EMETH_CUDA_ARGUMENTS(&copy));
}

emeth_status emeth_cuda_launch_product(const emeth_cuda_launcher* launcher, emeth_cuda_kernel large,
                                       emeth_cuda_kernel small, const emeth_cuda_product* product,
                                       size_t batch) {
  const bool choose_large = use_of_time(product, batch, launcher->multiprocessors, EMETH_LARGE_TILE, 1) >=
                            use_of_time(product, batch, launcher->multiprocessors, EMETH_SMALL_TILE, 0.85);
  return choose_large ? launch_tiles(launcher, large, EMETH_LARGE_TILE, product, batch)
                      : launch_tiles(launcher, small, EMETH_SMALL_TILE, product, batch);
}

static bool aligned(const void* pointer) { return (uintptr_t)pointer % 16 == 0; }

static emeth_cuda_matrix matrix(const float* base, size_t stride) {
  return (emeth_cuda_matrix){.base = (float*)base, .stride = stride};
}

// The product that the arguments ask for; false where a size is none for the kernels.
static bool product_of(emeth_cuda_product* out, const emeth_matmul_arguments* g) {
  // Numbers of rows and columns are 32 bits in the kernel, with room for a tile.
  const size_t limit = INT32_MAX;
  if (g->m > limit || g->n > limit || g->k > limit) return false;
  const size_t a_stride = g->a_transposed ? g->m : g->k, b_stride = g->b_transposed ? g->k : g->n;
  *out = (emeth_cuda_product){.out = matrix(g->out, g->n),
                              .a = matrix(g->a, a_stride),
                              .b = matrix(g->b, b_stride),
                              .bias = g->bias,
                              .activation = g->activation,
                              .slope_of = g->slope_of,
                              .m = (uint32_t)g->m,
                              .n = (uint32_t)g->n,
                              .k = (uint32_t)g->k,
                              .heads = 1,
                              .accumulate = g->accumulate,
                              .out_vectors = aligned(g->out) && g->n % 4 == 0,
                              .a_vectors = aligned(g->a) && a_stride % 4 == 0,
                              .b_vectors = aligned(g->b) && b_stride % 4 == 0};
  return true;
}

static size_t layout_of(const emeth_matmul_arguments* g) {
  return (g->a_transposed ? 1 : 0) + (g->b_transposed ? 2 : 0);
}

emeth_status emeth_cuda_matmul(const emeth_cuda_launcher* launcher, const emeth_matmul_arguments* g) {
  emeth_cuda_product product;
  if (!product_of(&product, g)) return EMETH_OUT_OF_RANGE;
  static const emeth_cuda_kernel kernels[4][2] = {
      {EMETH_KERNEL_matmul_large, EMETH_KERNEL_matmul_small},
      {EMETH_KERNEL_matmul_a_large, EMETH_KERNEL_matmul_a_small},
      {EMETH_KERNEL_matmul_b_large, EMETH_KERNEL_matmul_b_small},
      {EMETH_KERNEL_matmul_ab_large, EMETH_KERNEL_matmul_ab_small}};
  const emeth_cuda_kernel* pair = kernels[layout_of(g)];
  return emeth_cuda_launch_product(launcher, pair[0], pair[1], &product, 1);
}

// Scratch slots of rounded operands.
#define A_SLOT 2
#define B_SLOT 3

static emeth_status round_operand(const emeth_cuda_launcher* launcher, void** out, size_t slot, const float* in,
                                  size_t rows, size_t columns) {
  const size_t vectors = rows * emeth_cuda_blocks(columns, 8);
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, out, slot, vectors * 8 * sizeof(uint16_t)));
  return emeth_cuda_launch_threads(launcher, EMETH_KERNEL_round_to_bfloat16, vectors,
                                   EMETH_CUDA_ARGUMENTS(out, &in, &rows, &columns));
}

// By NVIDIA's library, whose tensor cores read operands as bfloat16 from memory, row by row at multiples of 16
// bytes. Where it can't do what follows a product, that follows.
static emeth_status multiply_by_library(const emeth_cuda_launcher* launcher, const emeth_matmul_arguments* g) {
  if (!launcher->multiply || g->k == 0) return EMETH_NOT_AVAILABLE;
  const void* const arrays[] = {g->out, g->a, g->b, g->bias, g->activation, g->slope_of};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
    if (!aligned(arrays[i])) return EMETH_NOT_AVAILABLE;
  }
  void *a, *b;
  EMETH_CUDA_TRY(round_operand(launcher, &a, A_SLOT, g->a, g->a_transposed ? g->k : g->m,
                               g->a_transposed ? g->m : g->k));
  EMETH_CUDA_TRY(round_operand(launcher, &b, B_SLOT, g->b, g->b_transposed ? g->n : g->k,
                               g->b_transposed ? g->k : g->n));
  emeth_status status = launcher->multiply(launcher->context, g, a, b);
  if (status != EMETH_NOT_AVAILABLE || (!g->activation && !g->slope_of)) return status;
  emeth_matmul_arguments plain = *g;
  plain.activation = NULL;
  plain.slope_of = NULL;
  EMETH_CUDA_TRY(launcher->multiply(launcher->context, &plain, a, b));
  const size_t count = g->m * g->n;
  if (g->activation) EMETH_CUDA_TRY(emeth_cuda_gelu_forward(launcher, g->activation, g->out, count));
  return g->slope_of ? emeth_cuda_gelu_backward(launcher, g->out, g->out, g->slope_of, count) : EMETH_OK;
}

emeth_status emeth_cuda_matmul_bfloat16(const emeth_cuda_launcher* launcher,
                                        const emeth_matmul_arguments* g) {
  if (g->m <= FEW_ROWS) return emeth_cuda_matmul(launcher, g);
  const emeth_status status = multiply_by_library(launcher, g);
  if (status != EMETH_NOT_AVAILABLE) return status;
  emeth_cuda_product product;
  if (!product_of(&product, g)) return EMETH_OUT_OF_RANGE;
  static const emeth_cuda_kernel kernels[4] = {EMETH_KERNEL_matmul_bfloat16, EMETH_KERNEL_matmul_bfloat16_a,
                                               EMETH_KERNEL_matmul_bfloat16_b,
                                               EMETH_KERNEL_matmul_bfloat16_ab};
  return launch_tiles(launcher, kernels[layout_of(g)], EMETH_LARGE_TILE, &product, 1);
}
