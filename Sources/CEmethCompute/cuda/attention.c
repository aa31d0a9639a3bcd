#include <math.h>

#include "launch.h"

// Of all heads of all sequences, as many at a time as this many scores hold (128 MiB), so that they stay
// near.
#define SCORES ((size_t)1 << 25)

// Kernels of a product: both sizes of tile, or one for tensor cores.
typedef struct {
  emeth_cuda_kernel large, small, bfloat16;
} product_kernels;

typedef struct {
  const emeth_cuda_launcher* launcher;
  bool bfloat16;
  size_t B, T, C, NH, d;
  float scale;
  emeth_dropout_mask dropout;
  size_t first, heads;  // of b · NH + h
} attention_pass;

static attention_pass begin(const emeth_cuda_launcher* launcher, bool bfloat16, size_t B, size_t T, size_t C,
                            size_t NH, emeth_dropout_mask dropout) {
  const size_t d = C / NH;
  attention_pass pass = {launcher, bfloat16, B, T, C, NH, d, (float)(1.0 / sqrt((double)d)), dropout, 0, 0};
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
  if (pass->bfloat16) {
    return emeth_cuda_launch_tiles(pass->launcher, kernels.bfloat16, EMETH_LARGE_TILE, &product, pass->heads);
  }
  return emeth_cuda_launch_product(pass->launcher, kernels.large, kernels.small, &product, pass->heads);
}

// scores = a · bᵀ for keys up to the query
static emeth_status multiply_scores(const attention_pass* pass, float* scores, emeth_cuda_matrix a,
                                    emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_scores_large,
                                          EMETH_KERNEL_attention_scores_small,
                                          EMETH_KERNEL_attention_scores_bfloat16};
  return multiply(pass, kernels, scores_of(pass, scores), a, b, pass->T, pass->d);
}

// out = weights · b for keys up to the query
static emeth_status multiply_by_query(const attention_pass* pass, emeth_cuda_matrix out, float* weights,
                                      emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_by_query_large,
                                          EMETH_KERNEL_attention_by_query_small,
                                          EMETH_KERNEL_attention_by_query_bfloat16};
  return multiply(pass, kernels, out, scores_of(pass, weights), b, pass->d, pass->T);
}

// out = weightsᵀ · b for queries from the key on
static emeth_status multiply_by_key(const attention_pass* pass, emeth_cuda_matrix out, float* weights,
                                    emeth_cuda_matrix b) {
  static const product_kernels kernels = {EMETH_KERNEL_attention_by_key_large,
                                          EMETH_KERNEL_attention_by_key_small,
                                          EMETH_KERNEL_attention_by_key_bfloat16};
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

// As in kernels/attention_flash.cu and kernels/attention_flash_backward.cu: rows of a block, which has two
// threads for each.
#define FLASH_SPAN 64
#define FLASH_CHANNELS 128

// Whether scores need not be in memory.
static bool is_flash(const attention_pass* pass) {
  return pass->bfloat16 && !pass->dropout.threshold && pass->d <= FLASH_CHANNELS;
}

// In one kernel, without scores in memory.
static emeth_status forward_flash(attention_pass* pass, float* out, float* maximum, float* sum,
                                  const float* qkv) {
  const size_t C = pass->C;
  const emeth_cuda_kernel kernel =
      pass->d <= 64 ? EMETH_KERNEL_attention_flash_64 : EMETH_KERNEL_attention_flash_128;
  emeth_cuda_product product = {.out = head_of(pass, out, C),
                                .a = head_of(pass, qkv, 3 * C),
                                .b = head_of(pass, qkv + C, 3 * C),
                                .m = (uint32_t)pass->T,
                                .k = (uint32_t)pass->d,
                                .heads = (uint32_t)pass->NH};
  // Values lie where the keys' vectors are aligned too.
  product.a_vectors = vectors(&product.a);
  product.b_vectors = vectors(&product.b) && C % 4 == 0;
  size_t values_at = C;
  const size_t count = pass->B * pass->NH;
  for (size_t first = 0; first < count; first += EMETH_CUDA_LARGEST_GRID_SIDE) {
    product.first_head = (uint32_t)first;
    const emeth_cuda_size grid = {(uint32_t)emeth_cuda_blocks(pass->T, FLASH_SPAN), 1,
                                  (uint32_t)emeth_cuda_min(count - first, EMETH_CUDA_LARGEST_GRID_SIDE)};
    EMETH_CUDA_TRY(
        pass->launcher->launch(pass->launcher->context, kernel, grid, (emeth_cuda_size){2 * FLASH_SPAN, 1, 1},
                               0, EMETH_CUDA_ARGUMENTS(&product, &values_at, &maximum, &sum, &pass->scale)));
  }
  return EMETH_OK;
}

static emeth_status forward(const emeth_cuda_launcher* launcher, bool bfloat16, float* out, float* maximum,
                            float* sum, const float* qkv, size_t B, size_t T, size_t C, size_t NH,
                            emeth_dropout_mask dropout) {
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, bfloat16, B, T, C, NH, dropout);
  if (is_flash(&pass)) return forward_flash(&pass, out, maximum, sum, qkv);
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

emeth_status emeth_cuda_attention_forward(const emeth_cuda_launcher* launcher, float* out, float* maximum,
                                          float* sum, const float* qkv, size_t B, size_t T, size_t C,
                                          size_t NH, emeth_dropout_mask dropout) {
  return forward(launcher, false, out, maximum, sum, qkv, B, T, C, NH, dropout);
}

emeth_status emeth_cuda_attention_forward_bfloat16(const emeth_cuda_launcher* launcher, float* out,
                                                   float* maximum, float* sum, const float* qkv, size_t B,
                                                   size_t T, size_t C, size_t NH,
                                                   emeth_dropout_mask dropout) {
  return forward(launcher, true, out, maximum, sum, qkv, B, T, C, NH, dropout);
}

// In two kernels: queries first, which leave the totals of their rows to the keys.
static emeth_status backward_flash(attention_pass* pass, float* d_qkv, const float* d_out, const float* qkv,
                                   const float* maximum, const float* sum) {
  const size_t C = pass->C, count = pass->B * pass->NH;
  const bool narrow = pass->d <= 64;
  const size_t rows = narrow ? 64 : 32;
  const emeth_cuda_kernel kernels[] = {
      narrow ? EMETH_KERNEL_attention_flash_queries_64 : EMETH_KERNEL_attention_flash_queries_128,
      narrow ? EMETH_KERNEL_attention_flash_keys_64 : EMETH_KERNEL_attention_flash_keys_128};
  void* totals;
  EMETH_CUDA_TRY(
      pass->launcher->scratch(pass->launcher->context, &totals, 0, count * pass->T * sizeof(float)));
  emeth_cuda_matrix d_outputs = head_of(pass, d_out, C);
  emeth_cuda_product product = {.a = head_of(pass, qkv, 3 * C),
                                .b = head_of(pass, qkv + C, 3 * C),
                                .m = (uint32_t)pass->T,
                                .k = (uint32_t)pass->d,
                                .heads = (uint32_t)pass->NH};
  product.a_vectors = vectors(&product.a);
  product.b_vectors = vectors(&product.b) && C % 4 == 0;
  // No output is written by vectors: it says so of its gradient, which is read.
  product.out_vectors = vectors(&d_outputs);
  size_t values_at = C;
  for (size_t kernel = 0; kernel < 2; kernel++) {
    product.out = head_of(pass, d_qkv + (kernel == 0 ? 0 : C), 3 * C);
    for (size_t first = 0; first < count; first += EMETH_CUDA_LARGEST_GRID_SIDE) {
      product.first_head = (uint32_t)first;
      const emeth_cuda_size grid = {(uint32_t)emeth_cuda_blocks(pass->T, rows), 1,
                                    (uint32_t)emeth_cuda_min(count - first, EMETH_CUDA_LARGEST_GRID_SIDE)};
      EMETH_CUDA_TRY(pass->launcher->launch(
          pass->launcher->context, kernels[kernel], grid, (emeth_cuda_size){(uint32_t)(2 * rows), 1, 1}, 0,
          EMETH_CUDA_ARGUMENTS(&product, &d_outputs, &values_at, &maximum, &sum, &totals, &pass->scale)));
    }
  }
  return EMETH_OK;
}

static emeth_status backward(const emeth_cuda_launcher* launcher, bool bfloat16, float* d_qkv,
                             const float* d_out, const float* qkv, const float* maximum, const float* sum,
                             size_t B, size_t T, size_t C, size_t NH, emeth_dropout_mask dropout) {
  if (!fits(B, T, NH)) return EMETH_OUT_OF_RANGE;
  attention_pass pass = begin(launcher, bfloat16, B, T, C, NH, dropout);
  if (is_flash(&pass)) return backward_flash(&pass, d_qkv, d_out, qkv, maximum, sum);
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

emeth_status emeth_cuda_attention_backward(const emeth_cuda_launcher* launcher, float* d_qkv,
                                           const float* d_out, const float* qkv, const float* maximum,
                                           const float* sum, size_t B, size_t T, size_t C, size_t NH,
                                           emeth_dropout_mask dropout) {
  return backward(launcher, false, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, dropout);
}

emeth_status emeth_cuda_attention_backward_bfloat16(const emeth_cuda_launcher* launcher, float* d_qkv,
                                                    const float* d_out, const float* qkv,
                                                    const float* maximum, const float* sum, size_t B,
                                                    size_t T, size_t C, size_t NH,
                                                    emeth_dropout_mask dropout) {
  return backward(launcher, true, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, dropout);
}
