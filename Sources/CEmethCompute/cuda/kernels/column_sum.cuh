// Sums of columns over rows ascending, `out[c] = out[c] + term`, for as many sums at once as a term has
// values. A chain is one thread's and can't be cut, so the other seven warps of its block fetch for it: 32
// columns of a slab of rows, 32 KiB, at a time, the next ones while these are summed.
#ifndef EMETH_CUDA_COLUMN_SUM_CUH
#define EMETH_CUDA_COLUMN_SUM_CUH

#include "kernel.cuh"

#define SLAB_COLUMNS 32
#define SLAB_WARPS 8

// term(values, row, column) sets SUMS values. Blocks of 256 threads, one for 32 columns.
template <int SUMS, typename Term>
DEVICE void column_sums(float* const (&out)[SUMS], size_t rows, size_t columns, Term term) {
  constexpr int ROWS = 256 / SUMS, SHARE = ROWS / SLAB_WARPS;
  __shared__ float slab[SUMS][ROWS][SLAB_COLUMNS];
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const size_t column = (size_t)blockIdx.x * SLAB_COLUMNS + lane;
  float fetched[SHARE][SUMS], sums[SUMS];
#pragma unroll
  for (int s = 0; s < SUMS; s++) sums[s] = warp == 0 && column < columns ? out[s][column] : 0;
  const auto fetch = [&](size_t first) {
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
      const size_t row = first + i * SLAB_WARPS + warp;
      if (row < rows && column < columns) term(fetched[i], row, column);
    }
  };
  fetch(0);
  for (size_t first = 0; first < rows; first += ROWS) {
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
      const size_t row = first + i * SLAB_WARPS + warp;
#pragma unroll
      for (int s = 0; s < SUMS; s++) {
        if (row < rows && column < columns) slab[s][i * SLAB_WARPS + warp][lane] = fetched[i][s];
      }
    }
    __syncthreads();
    fetch(first + ROWS);
    if (warp == 0 && column < columns) {
      const unsigned count = rows - first < ROWS ? (unsigned)(rows - first) : ROWS;
#pragma unroll 8
      for (unsigned row = 0; row < count; row++) {
#pragma unroll
        for (int s = 0; s < SUMS; s++) sums[s] += slab[s][row][lane];
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int s = 0; s < SUMS; s++) {
    if (warp == 0 && column < columns) out[s][column] = sums[s];
  }
}

#endif
