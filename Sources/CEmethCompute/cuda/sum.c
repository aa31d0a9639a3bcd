#include "launch.h"

#define SUM_BLOCK 4096

// Sums of blocks, of the sums' blocks, and so on, as PROTOCOL 6 says. The last goes to `out` itself where kernels
// can write there; else the host waits for it.
emeth_status emeth_cuda_sum(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count,
                            bool squared) {
  const size_t first = emeth_cuda_blocks(count, SUM_BLOCK);
  void* scratch;
  EMETH_CUDA_TRY(launcher->scratch(launcher->context, &scratch, 0,
                                   (first + emeth_cuda_blocks(first, SUM_BLOCK)) * sizeof(float)));
  float *sums = scratch, *next = sums + first;
  uint32_t square = squared;
  const bool holds = launcher->holds(launcher->context, out);
  do {
    const size_t blocks = emeth_cuda_blocks(count, SUM_BLOCK);
    if (blocks == 1 && holds) sums = out;
    EMETH_CUDA_TRY(emeth_cuda_launch_threads(launcher, EMETH_KERNEL_block_sums, blocks * EMETH_CUDA_GROUP,
                                             EMETH_CUDA_ARGUMENTS(&sums, &in, &count, &square)));
    float* const used = sums;
    in = used;
    sums = next;
    next = used;
    square = 0;
    count = blocks;
  } while (count > 1);
  return holds ? EMETH_OK : launcher->copy_out(launcher->context, out, in, sizeof(float));
}
