// What every kernel finds around it: the project's functions, sums by the row rule of PROTOCOL 6, dropout.
// Text for NVRTC, without any header of CUDA; the tests compile it as C++ for the CPU.
#ifndef EMETH_CUDA_KERNEL_CUH
#define EMETH_CUDA_KERNEL_CUH

#define DEVICE inline __device__

DEVICE int bits_of(float x) { return __float_as_int(x); }
DEVICE float float_of(int bits) { return __int_as_float(bits); }

// What NVRTC lacks of the compilers' own functions.
#if defined(__CUDACC_RTC__)
#define __builtin_inff() __int_as_float(0x7F800000)
#define __builtin_nanf(text) __int_as_float(0x7FC00000)
#endif

#define REAL float
#define INTEGER int
#define REAL_OF(x) (x)
#define REAL_FMA(a, b, c) fmaf(a, b, c)
#define BITS(x) bits_of(x)
#define FROM_BITS(i) float_of(i)
#define REAL_SELECT(c, a, b) ((c) ? (a) : (b))
#define MATH(name) reproducible_##name
#define MATH_FUNCTION DEVICE
#include "../../common/reproducible_math.h"

DEVICE float gelu_tanh(float x) { return reproducible_tanh(0.79788456f * (x + ((0.044715f * x) * x) * x)); }

DEVICE float gelu(float x) { return (0.5f * x) * (1.0f + gelu_tanh(x)); }

DEVICE float gelu_gradient(float d_out, float x) {
  const float t = gelu_tanh(x), slope = 0.79788456f * (1.0f + (0.134145f * x) * x);
  return d_out * (0.5f * (1.0f + t) + ((0.5f * x) * (1.0f - t * t)) * slope);
}

// The number of this thread in a grid of one dimension.
DEVICE size_t thread_number() { return (size_t)blockIdx.x * blockDim.x + threadIdx.x; }

// A group is 16 neighbouring threads of a block, each a lane of the row rule. Groups of a warp may take
// different ways.
#define GROUP 16
DEVICE unsigned group_lane() { return threadIdx.x % GROUP; }
DEVICE unsigned group_mask() { return 0xFFFFu << (threadIdx.x & GROUP); }

// The end of a row reduction: lane i += lane i + 8, + 4, + 2, + 1. As a + b is b + a, all lanes have the
// result.
DEVICE float group_reduce(float sum) {
  const unsigned mask = group_mask();
  sum += __shfl_xor_sync(mask, sum, 8);
  sum += __shfl_xor_sync(mask, sum, 4);
  sum += __shfl_xor_sync(mask, sum, 2);
  sum += __shfl_xor_sync(mask, sum, 1);
  return sum;
}

// The larger one, a where neither is.
DEVICE float larger(float b, float a) { return b > a ? b : a; }

DEVICE float group_maximum(float x) {
  const unsigned mask = group_mask();
  x = larger(__shfl_xor_sync(mask, x, 8), x);
  x = larger(__shfl_xor_sync(mask, x, 4), x);
  x = larger(__shfl_xor_sync(mask, x, 2), x);
  return larger(__shfl_xor_sync(mask, x, 1), x);
}

// Elements that a row reduction takes as one block, and the most that a row may have: its blocks are one
// block.
#define SUM_BLOCK 4096
#define LARGEST_ROW (1 << 22)
#define LARGEST_BLOCK_COUNT (LARGEST_ROW / SUM_BLOCK)

// Sum of term(i) over first <= i < end, one block. Lane l calls term for first + l, first + l + 16, …
template <typename Term>
DEVICE float group_block_sum(size_t first, size_t end, Term term) {
  float sum = 0;
  for (size_t i = first + group_lane(); i < end; i += GROUP) sum += term(i);
  return group_reduce(sum);
}

// Sum of term(i) over i < count by a group; all its threads have it.
template <typename Term>
DEVICE float group_row_sum(size_t count, Term term) {
  if (count <= SUM_BLOCK) return group_block_sum(0, count, term);
  float sum = 0;
  for (size_t first = 0, block = 0; first < count; first += SUM_BLOCK, block++) {
    const size_t end = first + SUM_BLOCK < count ? first + SUM_BLOCK : count;
    const float part = group_block_sum(first, end, term);
    if (block % GROUP == group_lane()) sum += part;
  }
  return group_reduce(sum);
}

// The same by all threads of a block, whose groups share out the blocks of the row.
template <typename Term>
DEVICE float block_row_sum(size_t count, Term term) {
  __shared__ float parts[LARGEST_BLOCK_COUNT];
  const size_t blocks = (count + SUM_BLOCK - 1) / SUM_BLOCK;
  for (size_t block = threadIdx.x / GROUP; block < blocks; block += blockDim.x / GROUP) {
    const size_t first = block * SUM_BLOCK;
    const float part = group_block_sum(first, first + SUM_BLOCK < count ? first + SUM_BLOCK : count, term);
    if (group_lane() == 0) parts[block] = part;
  }
  __syncthreads();
  const float sum = group_block_sum(0, blocks, [&](size_t block) { return parts[block]; });
  __syncthreads();
  return sum;
}

// The largest of value(i), i < count, by all threads of a block; value(0) where it is no number.
template <typename Value>
DEVICE float block_row_maximum(size_t count, Value value) {
  __shared__ float maxima[1024 / GROUP];
  float maximum = value(0);
  for (size_t i = threadIdx.x; i < count; i += blockDim.x) maximum = larger(value(i), maximum);
  maximum = group_maximum(maximum);
  if (group_lane() == 0) maxima[threadIdx.x / GROUP] = maximum;
  __syncthreads();
  for (unsigned group = 0; group < blockDim.x / GROUP; group++) maximum = larger(maxima[group], maximum);
  __syncthreads();
  return maximum;
}

#endif
