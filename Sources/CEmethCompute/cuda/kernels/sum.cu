#include "kernel.cuh"

// out[i] = sum of block i of `in`, squared first with `squared`; a group of threads a block.
extern "C" __global__ void block_sums(float* out, const float* in, size_t count, unsigned squared) {
  const size_t block = thread_number() / GROUP, first = block * SUM_BLOCK;
  if (first >= count) return;
  const size_t end = first + SUM_BLOCK < count ? first + SUM_BLOCK : count;
  const float sum = squared ? group_block_sum(first, end, [&](size_t i) { return in[i] * in[i]; })
                            : group_block_sum(first, end, [&](size_t i) { return in[i]; });
  if (group_lane() == 0) out[block] = sum;
}
