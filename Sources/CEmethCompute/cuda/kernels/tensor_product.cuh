// Matrix products of the `fast` profile: operands are binary32 in memory, rounded to bfloat16 on their way to
// shared memory, and summed in binary32 by tensor cores. A block of 256 threads computes 128 x 128 outputs, a
// warp 64 x 32 of them.
#ifndef EMETH_CUDA_TENSOR_PRODUCT_CUH
#define EMETH_CUDA_TENSOR_PRODUCT_CUH

#include "bfloat16.cuh"
#include "product.cuh"

#define TENSOR_TILE EMETH_LARGE_TILE
#define TENSOR_DEPTH 32
#define TENSOR_THREADS 256
// Rows of tiles begin in different banks, and at multiples of 16 bytes.
#define TENSOR_PADDING 8

// An operand's tile in shared memory: (k, place) where places are neighbours in memory, else (place, k).
template <bool ALONG>
struct tensor_operand : operand<TENSOR_TILE, TENSOR_DEPTH, TENSOR_THREADS, ALONG> {
  static constexpr int STRIDE = (ALONG ? TENSOR_TILE : TENSOR_DEPTH) + TENSOR_PADDING;
  static constexpr int SIZE = (ALONG ? TENSOR_DEPTH : TENSOR_TILE) * STRIDE;

  DEVICE void keep(unsigned short* tile) const {
#pragma unroll
    for (int i = 0; i < this->SHARE; i++) {
      const unsigned p = this->place + i * this->NEXT_PLACE, s = this->step + i * this->NEXT_STEP;
      const float4 x = this->parts[i];
      const unsigned long long low = bfloat16_pair(x.x, x.y), high = bfloat16_pair(x.z, x.w);
      *(unsigned long long*)(tile + (ALONG ? s * STRIDE + p : p * STRIDE + s)) = low | high << 32;
    }
  }

  // 16 places and 16 steps as four matrices: both halves of the places, then those of the next 8 steps; or,
  // for b, both halves of the steps of each half of the places.
  static DEVICE void load(unsigned (&out)[4], const unsigned short* tile, unsigned place, unsigned k,
                          bool steps_first) {
    const unsigned lane = threadIdx.x % 32, matrix = lane / 8;
    const unsigned place_half = steps_first ? matrix / 2 : matrix % 2,
                   step_half = steps_first ? matrix % 2 : matrix / 2;
    const unsigned p = place + place_half * 8, s = k + step_half * 8;
    load_matrices<ALONG>(out, tile + (ALONG ? (s + lane % 8) * STRIDE + p : (p + lane % 8) * STRIDE + s));
  }
};

template <bool A_TRANSPOSED, bool B_TRANSPOSED>
DEVICE void tensor_product(const emeth_cuda_product& g) {
  typedef tensor_operand<A_TRANSPOSED> a_operand;
  typedef tensor_operand<!B_TRANSPOSED> b_operand;
  __shared__ __align__(16) unsigned short a_tiles[2][a_operand::SIZE], b_tiles[2][b_operand::SIZE];
  unsigned first_row, first_column;
  tile_place(first_row, first_column, g, TENSOR_TILE);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned row = warp / 4 * 64, column = warp % 4 * 32;

  float sums[4][4][4];
#pragma unroll
  for (int i = 0; i < 64; i++) sums[i / 16][i / 4 % 4][i % 4] = 0;

  a_operand a;
  b_operand b;
  a.begin(matrix_of(g, g.a), g.a.stride, first_row, g.m, 0, g.a_vectors);
  b.begin(matrix_of(g, g.b), g.b.stride, first_column, g.n, 0, g.b_vectors);
  const auto fetch = [&](unsigned k) {
    a.fetch(remaining(g.k, k));
    b.fetch(remaining(g.k, k));
  };
  fetch(0);
  a.keep(a_tiles[0]);
  b.keep(b_tiles[0]);
  __syncthreads();
  int buffer = 0;
#pragma unroll 1
  for (unsigned k = 0; k < g.k; k += TENSOR_DEPTH) {
    const bool last = g.k - k <= TENSOR_DEPTH;
    if (!last) fetch(k + TENSOR_DEPTH);
#pragma unroll
    for (int step = 0; step < TENSOR_DEPTH; step += 16) {
      unsigned as[4][4], bs[2][4];
#pragma unroll
      for (int i = 0; i < 4; i++) a_operand::load(as[i], a_tiles[buffer], row + i * 16, step, false);
#pragma unroll
      for (int j = 0; j < 2; j++) b_operand::load(bs[j], b_tiles[buffer], column + j * 16, step, true);
#pragma unroll
      for (int i = 0; i < 4; i++) {
#pragma unroll
        for (int j = 0; j < 4; j++)
          multiply_matrices(sums[i][j], as[i], bs[j / 2][j % 2 * 2], bs[j / 2][j % 2 * 2 + 1]);
      }
    }
    if (!last) {
      buffer ^= 1;
      a.keep(a_tiles[buffer]);
      b.keep(b_tiles[buffer]);
    }
    __syncthreads();
  }

  float* out = matrix_of(g, g.out);
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const unsigned r = first_row + row + i * 16 + half * 8 + lane / 4;
      if (r >= g.m) continue;
#pragma unroll
      for (int j = 0; j < 4; j++) {
#pragma unroll
        for (int next = 0; next < 2; next++) {
          const unsigned c = first_column + column + j * 8 + lane % 4 * 2 + next;
          if (c >= g.n) continue;
          float* to = out + r * g.out.stride + c;
          const float x = sums[i][j][half * 2 + next] + (g.accumulate ? *to : 0);
          *to = g.bias ? x + g.bias[c] : x;
        }
      }
    }
  }
  finish_tile(g, first_row, first_column, TENSOR_TILE, TENSOR_THREADS);
}

#define TENSOR_KERNEL(NAME, ...)                                                               \
  extern "C" __global__ void __launch_bounds__(TENSOR_THREADS, 1) NAME(emeth_cuda_product g) { \
    tensor_product<__VA_ARGS__>(g);                                                            \
  }

#endif
