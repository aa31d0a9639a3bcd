// Matrix products of the `fast` profile: operands are binary32 in memory, rounded to bfloat16 on their way to
// shared memory, and summed in binary32 by tensor cores. A block of 256 threads computes 128 x 128 outputs, a
// warp 64 x 32 of them.
#include "bfloat16.cuh"
#include "product.cuh"

#define TENSOR_TILE EMETH_LARGE_TILE
#define TENSOR_DEPTH 32
#define TENSOR_THREADS 256
// Rows of tiles begin in different banks, and at multiples of 16 bytes.
#define TENSOR_PADDING 8
#define TENSOR_SHARE (TENSOR_TILE * TENSOR_DEPTH / 4 / TENSOR_THREADS)

// A thread's share of an operand, as in product.cuh: (k, place) in shared memory where places are neighbours
// in memory, else (place, k).
template <bool ALONG>
struct tensor_operand {
  static const int STRIDE = (ALONG ? TENSOR_TILE : TENSOR_DEPTH) + TENSOR_PADDING;
  static const int SIZE = (ALONG ? TENSOR_DEPTH : TENSOR_TILE) * STRIDE;
  float4 parts[TENSOR_SHARE];
  const float* next;
  size_t stride;
  unsigned place, step, places_left;
  bool vectors;

  static const int PLACES = ALONG ? 0 : TENSOR_TILE / TENSOR_SHARE,
                   STEPS = ALONG ? TENSOR_DEPTH / TENSOR_SHARE : 0;

  DEVICE void begin(const float* base, size_t stride_, unsigned first, unsigned end, bool vectors_) {
    place = ALONG ? threadIdx.x % (TENSOR_TILE / 4) * 4 : threadIdx.x / (TENSOR_DEPTH / 4);
    step = ALONG ? threadIdx.x / (TENSOR_TILE / 4) : threadIdx.x % (TENSOR_DEPTH / 4) * 4;
    stride = stride_;
    vectors = vectors_;
    places_left = remaining(end, first + place);
    next = base + (ALONG ? step * stride + first + place : (first + place) * stride + step);
  }

  DEVICE void fetch(unsigned steps_left) {
#pragma unroll
    for (int i = 0; i < TENSOR_SHARE; i++) {
      const unsigned steps = remaining(steps_left, step + i * STEPS),
                     places = remaining(places_left, i * PLACES);
      parts[i] = read4(next + (ALONG ? i * STEPS : i * PLACES) * stride,
                       ALONG ? (steps ? places : 0) : (places ? steps : 0), vectors);
    }
    next += ALONG ? TENSOR_DEPTH * stride : TENSOR_DEPTH;
  }

  DEVICE void keep(unsigned short* tile) const {
#pragma unroll
    for (int i = 0; i < TENSOR_SHARE; i++) {
      const unsigned at = ALONG ? (step + i * STEPS) * STRIDE + place : (place + i * PLACES) * STRIDE + step;
      const unsigned long long low = bfloat16_pair(parts[i].x, parts[i].y),
                               high = bfloat16_pair(parts[i].z, parts[i].w);
      *(unsigned long long*)(tile + at) = low | high << 32;
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
  a.begin(g.a.base, g.a.stride, first_row, g.m, g.a_vectors);
  b.begin(g.b.base, g.b.stride, first_column, g.n, g.b_vectors);
  a.fetch(g.k);
  b.fetch(g.k);
  a.keep(a_tiles[0]);
  b.keep(b_tiles[0]);
  __syncthreads();
  int buffer = 0;
#pragma unroll 1
  for (unsigned k = 0; k < g.k; k += TENSOR_DEPTH) {
    const unsigned steps = g.k - k;
    if (steps > TENSOR_DEPTH) {
      a.fetch(steps - TENSOR_DEPTH);
      b.fetch(steps - TENSOR_DEPTH);
    }
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
    if (steps > TENSOR_DEPTH) {
      buffer ^= 1;
      a.keep(a_tiles[buffer]);
      b.keep(b_tiles[buffer]);
    }
    __syncthreads();
  }

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
          float* to = g.out.base + r * g.out.stride + c;
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
TENSOR_KERNEL(matmul_bfloat16, false, false)
TENSOR_KERNEL(matmul_bfloat16_a, true, false)
TENSOR_KERNEL(matmul_bfloat16_b, false, true)
TENSOR_KERNEL(matmul_bfloat16_ab, true, true)
