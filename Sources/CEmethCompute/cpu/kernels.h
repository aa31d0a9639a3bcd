// The table that each instruction set fills, and what its kernels find around them.
#ifndef EMETH_KERNELS_H
#define EMETH_KERNELS_H

#include "../include/emeth_compute.h"

// Number of elements that a row reduction takes as one block.
#define EMETH_SUM_BLOCK 4096
// Blocks of a matrix product: steps k of a packed panel, columns of a strip, which together fit into a core's
// own cache; rows packed at a time; the fewest rows of a task.
#define EMETH_DEPTH_BLOCK 384
#define EMETH_STRIP 192
#define EMETH_ROW_BLOCK 1536
#define EMETH_TASK_ROWS 96

// As the functions of emeth_compute.h of the same names; the device's lock is held and sizes are not 0.
typedef struct {
  void (*matmul)(emeth_device*, const emeth_matmul_arguments*);
  void (*column_sum)(emeth_device*, float*, const float*, size_t, size_t);
  void (*add)(emeth_device*, float*, const float*, const float*, size_t);
  void (*add_layer_norm_forward)(emeth_device*, float*, float*, float*, float*, const float*, const float*,
                                 const float*, const float*, size_t, size_t);
  void (*layer_norm_backward)(emeth_device*, float*, float*, float*, const float*, const float*, const float*,
                              const float*, const float*, size_t, size_t);
  void (*gelu_forward)(emeth_device*, float*, const float*, size_t);
  void (*gelu_backward)(emeth_device*, float*, const float*, const float*, size_t);
  void (*embedding_forward)(emeth_device*, float*, const uint32_t*, size_t, const float*, const float*,
                            size_t, size_t, size_t);
  void (*embedding_backward)(emeth_device*, float*, float*, const float*, const uint32_t*, size_t, size_t,
                             size_t, size_t);
  size_t (*attention_scratch)(size_t T, size_t d);
  void (*dropout)(emeth_device*, float*, const float*, size_t, size_t, emeth_dropout_mask);
  void (*attention_forward)(emeth_device*, float*, float*, float*, const float*, size_t, size_t, size_t,
                            size_t, emeth_dropout_mask);
  void (*attention_backward)(emeth_device*, float*, const float*, const float*, const float*, const float*,
                             size_t, size_t, size_t, size_t, emeth_dropout_mask);
  void (*attention_cached)(emeth_device*, float*, const emeth_cached_sequence*, size_t, const float*, size_t,
                           size_t, size_t);
  void (*cross_entropy)(emeth_device*, float*, float*, const uint32_t*, size_t, size_t, size_t, size_t, float,
                        bool);
  void (*softmax)(emeth_device*, float*, const float*, size_t, size_t);
  // Sums of the blocks of EMETH_SUM_BLOCK elements of `in`, squared first with `squared`.
  void (*block_sums)(emeth_device*, float*, const float*, size_t, bool);
  void (*adamw)(emeth_device*, float*, float*, float*, const float*, const float*, const emeth_decay_span*,
                size_t, const emeth_adamw_scalars*);
  void (*exponential)(emeth_device*, float*, const float*, size_t);
  void (*logarithm)(emeth_device*, float*, const float*, size_t);
  void (*hyperbolic_tangent)(emeth_device*, float*, const float*, size_t);
  void (*packed_product)(emeth_device*, const emeth_packed_product_arguments*);
  uint64_t (*read_memory)(emeth_device*, const void*, size_t);
  double (*fma_chains)(emeth_device*, size_t, size_t);
} emeth_kernels;

// Every operation that all tables have, so that none is forgotten: a table of functions of these names.
#define EMETH_OPERATIONS(ENTRY) \
  ENTRY(fma_chains)             \
  ENTRY(matmul)                 \
  ENTRY(column_sum)             \
  ENTRY(add)                    \
  ENTRY(add_layer_norm_forward) \
  ENTRY(layer_norm_backward)    \
  ENTRY(gelu_forward)           \
  ENTRY(gelu_backward)          \
  ENTRY(embedding_forward)      \
  ENTRY(embedding_backward)     \
  ENTRY(dropout)                \
  ENTRY(attention_forward)      \
  ENTRY(attention_backward)     \
  ENTRY(attention_cached)       \
  ENTRY(cross_entropy)          \
  ENTRY(softmax)                \
  ENTRY(adamw)                  \
  ENTRY(exponential)            \
  ENTRY(logarithm)              \
  ENTRY(hyperbolic_tangent)     \
  ENTRY(packed_product)         \
  ENTRY(read_memory)
#define EMETH_ENTRY(operation) .operation = operation,

// NULL where this build has no such kernels.
extern const emeth_kernels* const emeth_kernels_portable;
extern const emeth_kernels* const emeth_kernels_avx2;
extern const emeth_kernels* const emeth_kernels_avx512;
extern const emeth_kernels* const emeth_kernels_neon;
extern const emeth_kernels* const emeth_kernels_wide;
extern const emeth_kernels* const emeth_kernels_reference;

// What the `fast` profile has in place of the operations of the same names: operands rounded to bfloat16, sums
// in binary32; products of a few rows stay in binary32. NULL where this build has none.
typedef struct {
  void (*matmul)(emeth_device*, const emeth_matmul_arguments*);
  double (*fma_chains)(emeth_device*, size_t, size_t);
} emeth_bfloat16_kernels;

extern const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_avx512;
extern const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_wide;

// Runs body(context, i, worker) for each i < count; worker < number of threads tells the threads apart.
typedef void emeth_task(void* context, size_t index, size_t worker);
void emeth_run(emeth_device* device, size_t count, emeth_task* body, void* context);
size_t emeth_device_threads(const emeth_device* device);

// Memory of a device, 64-byte aligned. Shared: the packed rows of a matrix product. Of each worker: a packed
// strip of columns and a panel of rows, or what attention_scratch asks for. Both for panels of binary64 with
// headers at most.
#define EMETH_PANELS_BYTES(neighbours) ((size_t)(neighbours) * (EMETH_DEPTH_BLOCK + 8) * sizeof(double))
#define EMETH_SHARED_BYTES EMETH_PANELS_BYTES(EMETH_ROW_BLOCK + 64)
#define EMETH_WORKER_BYTES EMETH_PANELS_BYTES(EMETH_STRIP + 64)
void* emeth_shared_scratch(emeth_device* device);
void* emeth_worker_scratch(emeth_device* device, size_t worker);

static inline size_t emeth_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t emeth_max(size_t a, size_t b) { return a > b ? a : b; }
static inline size_t emeth_blocks(size_t count, size_t block) { return (count + block - 1) / block; }
static inline size_t emeth_round_up(size_t count, size_t block) { return emeth_blocks(count, block) * block; }

#endif
