#include <stdlib.h>

#include "launch.h"

#define CHAINS 32
// Blocks a multiprocessor that read memory.
#define READERS 8

emeth_status emeth_cuda_fma_chains(const emeth_cuda_launcher* launcher, double* operations, size_t tasks,
                                   size_t steps) {
  void* out;
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &out, 0, tasks * EMETH_CUDA_BLOCK * sizeof(float)));
  float start = 0.5f;
  EMETH_CUDA_TRY(emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_fma_chains, tasks,
                                          EMETH_CUDA_ARGUMENTS(&out, &steps, &start)));
  *operations = 2.0 * CHAINS * EMETH_CUDA_BLOCK * (double)tasks * (double)steps;
  return launcher->synchronize(launcher->context);
}

emeth_status emeth_cuda_read_memory(const emeth_cuda_launcher* launcher, uint64_t* sum, const void* memory,
                                    size_t bytes) {
  const size_t blocks = READERS * launcher->multiprocessors, threads = blocks * EMETH_CUDA_BLOCK;
  size_t words = bytes / sizeof(uint64_t);
  void* out;
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &out, 0, threads * sizeof(uint64_t)));
  EMETH_CUDA_TRY(emeth_cuda_launch_blocks(launcher, EMETH_KERNEL_read_memory, blocks,
                                          EMETH_CUDA_ARGUMENTS(&out, &memory, &words)));
  uint64_t* sums = malloc(threads * sizeof(uint64_t));
  if (!sums) return EMETH_NO_MEMORY;
  const emeth_status status = launcher->copy_out(launcher->context, sums, out, threads * sizeof(uint64_t));
  *sum = 0;
  for (size_t i = 0; status == EMETH_OK && i < threads; i++) *sum += sums[i];
  free(sums);
  return status;
}
