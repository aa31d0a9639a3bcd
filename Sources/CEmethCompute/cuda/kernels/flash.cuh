// Attention of the `fast` profile without scores in memory: what its kernels share. A warp takes 16 rows of a
// block and goes over the other side's rows, a tile at a time; scores stay in registers.
//
// A head of more channels than CHANNELS is WIDE: scores add up over CHANNELS of them at a time, and each of
// gridDim.y blocks has CHANNELS channels of the outputs. What dropout takes away is calculated again by everyone.
#ifndef EMETH_CUDA_FLASH_CUH
#define EMETH_CUDA_FLASH_CUH

#include "bfloat16.cuh"
#include "dropout.cuh"
#include "product.cuh"

// ROWS queries, keys, values or gradients of at most CHANNELS channels, rounded to bfloat16. Rows begin in
// different banks. A block has two threads for each row.
template <int ROWS, int CHANNELS>
struct flash_tile {
  static constexpr int THREADS = 2 * ROWS;
  unsigned short rows[ROWS][CHANNELS + 8];

  // Rows from `first` on, rounded; what is not there is 0.
  DEVICE void fill(const float* base, size_t stride, unsigned first, unsigned end, unsigned channels,
                   bool vectors) {
#pragma unroll
    for (int i = 0; i < ROWS * CHANNELS / 4 / THREADS; i++) {
      const unsigned unit = i * THREADS + threadIdx.x, row = unit / (CHANNELS / 4),
                     channel = unit % (CHANNELS / 4) * 4;
      const unsigned left = first + row < end ? remaining(channels, channel) : 0;
      const float4 x = read4(base + (first + row) * stride + channel, left, vectors);
      const unsigned long long low = bfloat16_pair(x.x, x.y), high = bfloat16_pair(x.z, x.w);
      *(unsigned long long*)&rows[row][channel] = low | high << 32;
    }
  }

  // 16 rows and 16 channels as four matrices: both halves of the rows, then of the channels; or the other way
  // round.
  template <bool TRANSPOSED>
  DEVICE void load(unsigned (&out)[4], unsigned row, unsigned channel, bool channels_first) const {
    const unsigned lane = threadIdx.x % 32, matrix = lane / 8;
    const unsigned row_half = channels_first ? matrix / 2 : matrix % 2;
    const unsigned channel_half = channels_first ? matrix % 2 : matrix / 2;
    load_matrices<TRANSPOSED>(out, &rows[row + row_half * 8 + lane % 8][channel + channel_half * 8]);
  }
};

// Which keys of a tile are kept by dropout for the queries of another, a bit for each.
template <int ROWS>
struct kept_keys {
  unsigned bits[ROWS][ROWS / FACTORS];

  // first_row: the number of the head's first row in the mask. What is no key of a query has no bit.
  DEVICE void fill(const dropout_mask& mask, size_t first_row, unsigned query, unsigned key, unsigned T) {
    if (!mask.threshold) return;
#pragma unroll 1
    for (unsigned unit = threadIdx.x; unit < ROWS * (ROWS / FACTORS); unit += 2 * ROWS) {
      const unsigned row = unit / (ROWS / FACTORS), place = unit % (ROWS / FACTORS);
      const unsigned q = query + row, k = key + place * FACTORS;
      bits[row][place] =
          q < T && k <= q
              ? dropout_kept(mask, (first_row + q) * ((T + FACTORS - 1) / FACTORS) + k / FACTORS)
              : 0;
    }
  }
  // The warp's rows of a tile of scores times their factors. Rows are queries, with BY_KEY keys.
  template <bool BY_KEY>
  DEVICE void apply(float (&scores)[ROWS / 8][4], const dropout_mask& mask) const {
    if (!mask.threshold) return;
    const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < ROWS / 2; i++) {
      const unsigned row = warp * 16 + i % 4 / 2 * 8 + lane / 4, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      const unsigned query = BY_KEY ? column : row, key = BY_KEY ? row : column;
      scores[i / 4][i % 4] *= bits[query][key / FACTORS] >> key % FACTORS & 1 ? mask.scale : 0.0f;
    }
  }
};

// Among the four lanes that hold a row.
DEVICE float row_maximum(float x) {
  x = larger(__shfl_xor_sync(0xFFFFFFFFu, x, 1), x);
  return larger(__shfl_xor_sync(0xFFFFFFFFu, x, 2), x);
}
DEVICE float row_total(float x) {
  x += __shfl_xor_sync(0xFFFFFFFFu, x, 1);
  return x + __shfl_xor_sync(0xFFFFFFFFu, x, 2);
}

template <int COUNT>
DEVICE void clear_sums(float (&sums)[COUNT][4]) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) sums[i][0] = sums[i][1] = sums[i][2] = sums[i][3] = 0;
}

// sums (16, ROWS) += the warp's rows of `own` · the rows of `other`, transposed.
template <int ROWS, int CHANNELS>
DEVICE void add_products_of_rows(float (&sums)[ROWS / 8][4], const flash_tile<ROWS, CHANNELS>& own,
                                 const flash_tile<ROWS, CHANNELS>& other) {
#pragma unroll
  for (int c = 0; c < CHANNELS / 16; c++) {
    unsigned as[4];
    own.template load<false>(as, threadIdx.x / 32 * 16, c * 16, false);
#pragma unroll
    for (int j = 0; j < ROWS / 16; j++) {
      unsigned part[4];
      other.template load<false>(part, j * 16, c * 16, true);
      multiply_matrices(sums[2 * j], as, part[0], part[1]);
      multiply_matrices(sums[2 * j + 1], as, part[2], part[3]);
    }
  }
}

// sums (16, CHANNELS) += weights (16, ROWS), rounded · the rows of `tile`. The sums of two neighbouring
// products are an operand of the next one as they lie.
template <int ROWS, int CHANNELS>
DEVICE void add_weighted_rows(float (&sums)[CHANNELS / 8][4], const float (&weights)[ROWS / 8][4],
                              const flash_tile<ROWS, CHANNELS>& tile) {
#pragma unroll
  for (int j = 0; j < ROWS / 16; j++) {
    const unsigned as[4] = {bfloat16_pair(weights[2 * j][0], weights[2 * j][1]),
                            bfloat16_pair(weights[2 * j][2], weights[2 * j][3]),
                            bfloat16_pair(weights[2 * j + 1][0], weights[2 * j + 1][1]),
                            bfloat16_pair(weights[2 * j + 1][2], weights[2 * j + 1][3])};
#pragma unroll
    for (int c = 0; c < CHANNELS / 16; c++) {
      unsigned part[4];
      tile.template load<true>(part, j * 16, c * 16, false);
      multiply_matrices(sums[2 * c], as, part[0], part[1]);
      multiply_matrices(sums[2 * c + 1], as, part[2], part[3]);
    }
  }
}

#endif
