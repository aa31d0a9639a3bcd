#include <math.h>

#include "launch.h"

// In the `reproducible` profile, of all heads of all sequences as many at a time as this many scores hold
// (128 MiB), so that they stay near. The `fast` profile keeps none.
#define SCORES ((size_t)1 << 25)

// Kernels of a product: both sizes of tile.
typedef struct {
  emeth_cuda_kernel large, small;
} product_kernels;

typedef struct {
  const emeth_cuda_launcher* launcher;
  size_t B, T, C, NH, d;
  float scale;
  emeth_dropout_mask dropout;
  size_t first, heads;  // of b · NH + h
} attention_pass;

static attention_pass begin(const emeth_cuda_launcher* launcher, size_t B, size_t T, size_t C, size_t NH,
                            emeth_dropout_mask dropout) {
  const size_t d = C / NH;
  attention_pass pass = {launcher, B, T, C, NH, d, (float)(1.0 / sqrt((double)d)), dropout, 0, 0};
  pass.heads = SCORES / T / T;
  pass.heads =
      emeth_cuda_min(pass.heads ? pass.heads : 1, emeth_cuda_min(B * NH, EMETH_CUDA_LARGEST_GRID_SIDE));
  return pass;
}

static emeth_status scores_memory(const attention_pass* pass, float** out, size_t slot) {
  void* memory;
  EMETH_CUDA_TRY(pass->launcher->scratch(pass->launcher->context, &memory, slot,
                                         pass->heads * pass->T * pass->T * sizeof(float)));
  *out = memory;
  return EMETH_OK;
}

// Matrix (T, d) of a head in an array (B·T, `stride`) whose first head begins at base.
static emeth_cuda_matrix head_of(const attention_pass* pass, const float* base, size_t stride) {
  return (emeth_cuda_matrix){
      .base = (float*)base, .stride = stride, .each = 0, .outer = pass->T * stride, .inner = pass->d};
}

// Matrix (T, T) of a head in scratch memory.
static emeth_cuda_matrix scores_of(const attention_pass* pass, float* scores) {
  return (emeth_cuda_matrix){.base = scores, .stride = pass->T, .each = pass->T * pass->T};
}

static uint32_t vectors(const emeth_cuda_matrix* matrix) {
  return (uintptr_t)matrix->base % 16 == 0 && matrix->stride % 4 == 0 && matrix->each % 4 == 0 &&
         matrix->outer % 4 == 0 && matrix->inner % 4 == 0;
}

static emeth_status multiply(const attention_pass* pass, product_kernels kernels, emeth_cuda_matrix out,
                             emeth_cuda_matrix a, emeth_cuda_matrix b, size_t n, size_t k) {
  const emeth_cuda_product product = {.out = out,
                                      .a = a,
                                      .b = b,
                                      .m = (uint32_t)pass->T,
                                      .n = (uint32_t)n,
                                      .k = (uint32_t)k,
                                      .heads = (uint32_t)pass->NH,
                                      .first_head = (uint32_t)pass->first,
                                      .out_vectors = vectors(&out),
                                      .a_vectors = vectors(&a),
                                      .b_vectors = vectors(&b)};
  return emeth_cuda_launch_product(pass->launcher, kernels.large, kernels.small, &product, pass->heads);
}

// scores = a · bᵀ for keys up to the query
static emeth_status multiply_scores(const attention_pass* pass, float* scores, emeth_cuda_matrix a,
                                    emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_scores_large,
                                          EMETH_KERNEL_attention_scores_small};
  return multiply(pass, kernels, scores_of(pass, scores), a, b, pass->T, pass->d);
}

// out = weights · b for keys up to the query
static emeth_status multiply_by_query(const attention_pass* pass, emeth_cuda_matrix out, float* weights,
                                      emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_by_query_large,
                                          EMETH_KERNEL_attention_by_query_small};
  return multiply(pass, kernels, out, scores_of(pass, weights), b, pass->d, pass->T);
}

// out = weightsᵀ · b for queries from the key on
static emeth_status multiply_by_key(const attention_pass* pass, emeth_cuda_matrix out, float* weights,
                                    emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_by_key_large,
                                          EMETH_KERNEL_attention_by_key_small};
  return multiply(pass, kernels, out, scores_of(pass, weights), b, pass->d, pass->T);
}

static emeth_status drop(const attention_pass* pass, float* scores) {
  if (!pass->dropout.threshold) return EMETH_OK;
  emeth_dropout_mask mask = pass->dropout;
  mask.first_row += pass->first * pass->T;
  return emeth_cuda_dropout(pass->launcher, scores, scores, pass->heads * pass->T, pass->T, mask);
}

// The numbers of rows and heads are 32 bits in the kernels.
static bool fits(size_t B, size_t T, size_t NH) { return T <= EMETH_CUDA_LARGEST_ROW && B * NH <= INT32_MAX; }

emeth_status emeth_cuda_attention_forward(const emeth_cuda_launcher* launcher, float* out, float* maximum,
                                          float* sum, const float* qkv, size_t B, size_t T, size_t C,
                                          size_t NH, emeth_dropout_mask dropout) {
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, B, T, C, NH, dropout);
  float* scores;
  EMETH_CUDA_TRY(scores_memory(&pass, &scores, 0));
  const emeth_cuda_matrix queries = head_of(&pass, qkv, 3 * C), keys = head_of(&pass, qkv + C, 3 * C),
                          values = head_of(&pass, qkv + 2 * C, 3 * C), outputs = head_of(&pass, out, C);
  for (; pass.first < B * NH; pass.first += pass.heads) {
    pass.heads = emeth_cuda_min(pass.heads, B * NH - pass.first);
    size_t first_row = pass.first * T, rows = pass.heads * T;
    EMETH_CUDA_TRY(multiply_scores(&pass, scores, queries, keys));
    EMETH_CUDA_TRY(emeth_cuda_launch_rows(
        launcher, EMETH_KERNEL_attention_softmax, rows, T,
        EMETH_CUDA_ARGUMENTS(&scores, &maximum, &sum, &first_row, &rows, &T, &pass.scale)));
    EMETH_CUDA_TRY(drop(&pass, scores));
    EMETH_CUDA_TRY(multiply_by_query(&pass, outputs, scores, values));
  }
  return EMETH_OK;
}

emeth_status emeth_cuda_attention_backward(const emeth_cuda_launcher* launcher, float* d_qkv,
                                           const float* d_out, const float* qkv, const float* maximum,
                                           const float* sum, size_t B, size_t T, size_t C, size_t NH,
                                           emeth_dropout_mask dropout) {
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, B, T, C, NH, dropout);
  float *scores, *gradients;
  EMETH_CUDA_TRY(scores_memory(&pass, &scores, 0));
  EMETH_CUDA_TRY(scores_memory(&pass, &gradients, 1));
  const emeth_cuda_matrix queries = head_of(&pass, qkv, 3 * C), keys = head_of(&pass, qkv + C, 3 * C),
                          values = head_of(&pass, qkv + 2 * C, 3 * C), d_outputs = head_of(&pass, d_out, C),
                          d_queries = head_of(&pass, d_qkv, 3 * C), d_keys = head_of(&pass, d_qkv + C, 3 * C),
                          d_values = head_of(&pass, d_qkv + 2 * C, 3 * C);
  for (; pass.first < B * NH; pass.first += pass.heads) {
    pass.heads = emeth_cuda_min(pass.heads, B * NH - pass.first);
    size_t first_row = pass.first * T, rows = pass.heads * T;
    EMETH_CUDA_TRY(multiply_scores(&pass, scores, queries, keys));
    EMETH_CUDA_TRY(emeth_cuda_launch_rows(
        launcher, EMETH_KERNEL_attention_probabilities, rows, T,
        EMETH_CUDA_ARGUMENTS(&scores, &maximum, &sum, &first_row, &rows, &T, &pass.scale)));
    EMETH_CUDA_TRY(multiply_scores(&pass, gradients, d_outputs, values));
    EMETH_CUDA_TRY(drop(&pass, gradients));
    EMETH_CUDA_TRY(emeth_cuda_launch_rows(launcher, EMETH_KERNEL_attention_score_gradients, rows, T,
                                          EMETH_CUDA_ARGUMENTS(&gradients, &scores, &rows, &T, &pass.scale)));
    EMETH_CUDA_TRY(drop(&pass, scores));
    EMETH_CUDA_TRY(multiply_by_query(&pass, d_queries, gradients, keys));
    EMETH_CUDA_TRY(multiply_by_key(&pass, d_keys, gradients, queries));
    EMETH_CUDA_TRY(multiply_by_key(&pass, d_values, scores, d_outputs));
  }
  return EMETH_OK;
}

// Of the `fast` profile's kernels, as in kernels/attention_flash.cu and kernels/attention_flash_backward.cu: the
// channels of which a block has outputs.
static size_t flash_channels(size_t d) { return d <= 64 ? 64 : 128; }

// A kernel for heads of at most 64 channels, of at most 128, or of any number.
static emeth_cuda_kernel flash_kernel(const emeth_cuda_kernel kernels[3], size_t d) {
  return kernels[d <= 64 ? 0 : d <= 128 ? 1 : 2];
}

static emeth_cuda_product flash_product(const attention_pass* pass, const float* qkv) {
  const size_t C = pass->C;
  emeth_cuda_product product = {.a = head_of(pass, qkv, 3 * C),
                                .b = head_of(pass, qkv + C, 3 * C),
                                .m = (uint32_t)pass->T,
                                .k = (uint32_t)pass->d,
                                .heads = (uint32_t)pass->NH};
  // Values lie where the keys' vectors are aligned too.
  product.a_vectors = vectors(&product.a);
  product.b_vectors = vectors(&product.b) && C % 4 == 0;
  return product;
}

// Blocks of `rows` rows, which have two threads for each. product is among the arguments.
static emeth_status launch_flash(const attention_pass* pass, emeth_cuda_kernel kernel, size_t rows,
                                 emeth_cuda_product* product, void** arguments) {
  const size_t parts = emeth_cuda_blocks(pass->d, flash_channels(pass->d)), count = pass->B * pass->NH;
  for (size_t first = 0; first < count; first += EMETH_CUDA_LARGEST_GRID_SIDE) {
    product->first_head = (uint32_t)first;
    const emeth_cuda_size grid = {(uint32_t)emeth_cuda_blocks(pass->T, rows), (uint32_t)parts,
                                  (uint32_t)emeth_cuda_min(count - first, EMETH_CUDA_LARGEST_GRID_SIDE)};
    EMETH_CUDA_TRY(pass->launcher->launch(pass->launcher->context, kernel, grid,
                                          (emeth_cuda_size){(uint32_t)(2 * rows), 1, 1}, 0, arguments));
  }
  return EMETH_OK;
}

// In one kernel.
emeth_status emeth_cuda_attention_forward_bfloat16(const emeth_cuda_launcher* launcher, float* out,
                                                   float* maximum, float* sum, const float* qkv, size_t B,
                                                   size_t T, size_t C, size_t NH,
                                                   emeth_dropout_mask dropout) {
  static const emeth_cuda_kernel kernels[] = {EMETH_KERNEL_attention_flash_64, EMETH_KERNEL_attention_flash_128,
                                              EMETH_KERNEL_attention_flash_wide};
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, B, T, C, NH, dropout);
  emeth_cuda_product product = flash_product(&pass, qkv);
  product.out = head_of(&pass, out, C);
  size_t values_at = C;
  return launch_flash(&pass, flash_kernel(kernels, pass.d), 64, &product,
                      EMETH_CUDA_ARGUMENTS(&product, &values_at, &maximum, &sum, &pass.scale, &pass.dropout));
}

// In two kernels: queries first, which leave the totals of their rows to the keys.
emeth_status emeth_cuda_attention_backward_bfloat16(const emeth_cuda_launcher* launcher, float* d_qkv,
                                                    const float* d_out, const float* qkv,
                                                    const float* maximum, const float* sum, size_t B,
                                                    size_t T, size_t C, size_t NH,
                                                    emeth_dropout_mask dropout) {
  static const emeth_cuda_kernel
      queries[] = {EMETH_KERNEL_attention_flash_queries_64, EMETH_KERNEL_attention_flash_queries_128,
                   EMETH_KERNEL_attention_flash_queries_wide},
      keys[] = {EMETH_KERNEL_attention_flash_keys_64, EMETH_KERNEL_attention_flash_keys_128,
                EMETH_KERNEL_attention_flash_keys_wide};
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, B, T, C, NH, dropout);
  void* totals;
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &totals, 0, B * NH * T * sizeof(float)));
  emeth_cuda_matrix d_outputs = head_of(&pass, d_out, C);
  emeth_cuda_product product = flash_product(&pass, qkv);
  // No output is written by vectors: it says so of its gradient, which is read.
  product.out_vectors = vectors(&d_outputs);
  size_t values_at = C;
  void** arguments = EMETH_CUDA_ARGUMENTS(&product, &d_outputs, &values_at, &maximum, &sum, &totals, &pass.scale,
                                          &pass.dropout);
  const size_t rows = pass.d <= 64 ? 64 : 32;
  product.out = head_of(&pass, d_qkv, 3 * C);
  EMETH_CUDA_TRY(launch_flash(&pass, flash_kernel(queries, pass.d), rows, &product, arguments));
  product.out = head_of(&pass, d_qkv + C, 3 * C);
  return launch_flash(&pass, flash_kernel(keys, pass.d), rows, &product, arguments);
}
