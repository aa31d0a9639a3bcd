// What the operations share on the host's side.
#ifndef EMETH_CUDA_LAUNCH_H
#define EMETH_CUDA_LAUNCH_H

#include "operations.h"

// After the headers that declare size_t.
#include "kernels/product.h"

#define EMETH_CUDA_BLOCK 256
// Threads of a row reduction, and the longest row: as in kernels/kernel.cuh.
#define EMETH_CUDA_GROUP 16
#define EMETH_CUDA_LARGEST_ROW ((size_t)1 << 22)
// The longest x of a grid; y and z.
#define EMETH_CUDA_LARGEST_GRID ((size_t)INT32_MAX)
#define EMETH_CUDA_LARGEST_GRID_SIDE ((size_t)UINT16_MAX)

// Leaves the function with the status where it is not EMETH_OK.
#define EMETH_CUDA_TRY(call)                 \
  do {                                       \
    const emeth_status status_ = (call);     \
    if (status_ != EMETH_OK) return status_; \
  } while (0)

// The arguments of a kernel as launch takes them.
#define EMETH_CUDA_ARGUMENTS(...) ((void*[]){__VA_ARGS__})

static inline size_t emeth_cuda_blocks(size_t count, size_t block) {
  return count / block + (count % block != 0);
}
static inline size_t emeth_cuda_min(size_t a, size_t b) { return a < b ? a : b; }

// Blocks of 256 threads of one dimension.
static inline emeth_status emeth_cuda_launch_blocks(const emeth_cuda_launcher* launcher,
                                                    emeth_cuda_kernel kernel, size_t blocks,
                                                    void** arguments) {
  if (blocks > EMETH_CUDA_LARGEST_GRID) return EMETH_OUT_OF_RANGE;
  return launcher->launch(launcher->context, kernel, (emeth_cuda_size){(uint32_t)blocks, 1, 1},
                          (emeth_cuda_size){EMETH_CUDA_BLOCK, 1, 1}, 0, arguments);
}

// At least `threads` threads.
static inline emeth_status emeth_cuda_launch_threads(const emeth_cuda_launcher* launcher,
                                                     emeth_cuda_kernel kernel, size_t threads,
                                                     void** arguments) {
  return emeth_cuda_launch_blocks(launcher, kernel, emeth_cuda_blocks(threads, EMETH_CUDA_BLOCK), arguments);
}

// A group of threads for each of `rows` rows of n elements.
static inline emeth_status emeth_cuda_launch_rows(const emeth_cuda_launcher* launcher,
                                                  emeth_cuda_kernel kernel, size_t rows, size_t n,
                                                  void** arguments) {
  if (n > EMETH_CUDA_LARGEST_ROW) return EMETH_OUT_OF_RANGE;
  return emeth_cuda_launch_threads(launcher, kernel, rows * EMETH_CUDA_GROUP, arguments);
}

// The host's `bytes` where kernels can read them: as they are, or in a slot of scratch memory.
static inline emeth_status emeth_cuda_upload(const emeth_cuda_launcher* launcher, void** out, size_t slot,
                                             const void* host, size_t bytes) {
  if (launcher->holds(launcher->context, host)) {
    *out = (void*)host;
    return EMETH_OK;
  }
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, out, slot, bytes));
  return launcher->copy_in(launcher->context, *out, host, bytes);
}

// The host's rows of `columns` ids, `stride` apart, without gaps: as they are, or in a slot of scratch memory.
emeth_status emeth_cuda_upload_ids(const emeth_cuda_launcher* launcher, uint32_t** out, size_t slot,
                                   const uint32_t* host, size_t rows, size_t columns, size_t stride);

// The products of a batch, by tiles of the size that suits their number.
emeth_status emeth_cuda_launch_product(const emeth_cuda_launcher* launcher, emeth_cuda_kernel large,
                                       emeth_cuda_kernel small, const emeth_cuda_product* product,
                                       size_t batch);

#endif
