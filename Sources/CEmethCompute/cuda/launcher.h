// What the operations of a CUDA device need of it: memory, and kernels that run. The driver's
// implementation is driver.c; the tests' emulator is another. All calls are from one thread at a time and
// keep their order: a kernel sees what the copies and kernels before it wrote.
#ifndef EMETH_CUDA_LAUNCHER_H
#define EMETH_CUDA_LAUNCHER_H

#include "../include/emeth_compute.h"
#include "kernels/list.h"

// Every kernel by number: EMETH_KERNEL_<name>.
typedef enum {
#define EMETH_CUDA_NUMBER(file, name) EMETH_KERNEL_##name,
  EMETH_CUDA_KERNELS(EMETH_CUDA_NUMBER)
#undef EMETH_CUDA_NUMBER
      EMETH_KERNEL_COUNT
} emeth_cuda_kernel;

typedef struct {
  uint32_t x, y, z;
} emeth_cuda_size;

// Pieces of scratch memory that an operation can have at once.
#define EMETH_CUDA_SCRATCH_SLOTS 8

typedef struct emeth_cuda_launcher emeth_cuda_launcher;
struct emeth_cuda_launcher {
  void* context;  // the implementation's
  uint32_t multiprocessors;
  uint32_t largest_shared_bytes;  // of a block, dynamic and static together; at least 48 KiB

  // Starts a kernel: arguments[i] points to its i-th argument. x of the grid is at most 2^31 - 1, y and z 65535;
  // a block has at most 1024 threads. Returns when it is queued; what goes wrong later is synchronize's status.
  emeth_status (*launch)(void* context, emeth_cuda_kernel kernel, emeth_cuda_size grid, emeth_cuda_size block,
                         size_t shared_bytes, void** arguments);
  // At least `bytes` of the device's memory, 256-byte aligned, with any content: the same memory each time for
  // the same slot until a call asks for more. For one operation; slots below EMETH_CUDA_SCRATCH_SLOTS.
  emeth_status (*scratch)(void* context, void** out, size_t slot, size_t bytes);
  // To device memory from the host's, or back. copy_in may return before the device has it, but the host's
  // memory is free again; copy_out returns when all before it and the copy is done.
  emeth_status (*copy_in)(void* context, void* device, const void* host, size_t bytes);
  emeth_status (*copy_out)(void* context, void* host, const void* device, size_t bytes);
  // Sets device memory to bytes of this value.
  emeth_status (*fill)(void* context, void* device, uint8_t value, size_t bytes);
  // Whether kernels can read the host's memory at this address as it is: then it needs no copy.
  bool (*holds)(void* context, const void* memory);
  // A product by NVIDIA's library with a and b in bfloat16; NULL where there is none. EMETH_NOT_AVAILABLE, and
  // nothing is queued, where it has no way for it.
  emeth_status (*multiply)(void* context, const emeth_matmul_arguments* arguments, const void* a, const void* b);
  // Waits until all is done: EMETH_OK, or what went wrong since the last time.
  emeth_status (*synchronize)(void* context);
};

#endif
