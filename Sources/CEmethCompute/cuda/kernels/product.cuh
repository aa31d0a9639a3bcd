// Matrix products: each output one fma chain over k ascending, so no k is split and no tensor core can help.
//
// A block computes a tile of TILE x TILE outputs, a thread 8 x 8 of them in registers: four rows and four
// columns twice, so that its parts of a and b are read from shared memory 16 bytes at a time. Of a warp's 32
// x 64 outputs the lanes are laid out so that lanes x and x ^ 2 read the same part of a, x and x ^ 1 of b:
// half the reads then go together. DEPTH steps of k lie in shared memory, the next ones are on their way in
// registers.
#ifndef EMETH_CUDA_PRODUCT_CUH
#define EMETH_CUDA_PRODUCT_CUH

#include "kernel.cuh"
#include "product.h"

#define DEPTH 8
#define PADDING 4

// Which k belong to row i of the outputs.
enum product_shape {
  WHOLE,        // all
  OUT_TO_ROW,   // all; outputs (i, j) with j > i are not wanted
  UP_TO_ROW,    // k <= i
  FROM_ROW_ON,  // k >= i
};

// Four neighbours of which `left` exist, the others 0.
DEVICE float4 read4(const float* in, unsigned left, bool vectors) {
  if (left >= 4 && vectors) return *(const float4*)in;
  float4 x = {0, 0, 0, 0};
  if (left > 0) x.x = in[0];
  if (left > 1) x.y = in[1];
  if (left > 2) x.z = in[2];
  if (left > 3) x.w = in[3];
  return x;
}

DEVICE unsigned remaining(unsigned end, unsigned at) { return at < end ? end - at : 0; }

// A thread's share of STEPS steps of k of one operand, PLACES rows of a or columns of b. ALONG: neighbours in
// memory are neighbours among the places, else among the steps.
template <int PLACES, int STEPS, int THREADS, bool ALONG>
struct operand {
  static constexpr int SHARE = PLACES * STEPS / 4 / THREADS;
  // What lies between a thread's parts.
  static constexpr int NEXT_PLACE = ALONG ? 0 : THREADS / (STEPS / 4),
                       NEXT_STEP = ALONG ? THREADS / (PLACES / 4) : 0;
  float4 parts[SHARE];
  const float* next;
  size_t stride;
  unsigned place, step, places_left;
  bool vectors;

  // From `first` of `end` rows or columns and step k on. Neighbouring lanes read a row's neighbours: all of
  // each sector is used.
  DEVICE void begin(const float* base, size_t stride_, unsigned first, unsigned end, unsigned k,
                    bool vectors_) {
    place = ALONG ? threadIdx.x % (PLACES / 4) * 4 : threadIdx.x / (STEPS / 4);
    step = ALONG ? threadIdx.x / (PLACES / 4) : threadIdx.x % (STEPS / 4) * 4;
    stride = stride_;
    vectors = vectors_;
    places_left = remaining(end, first + place);
    next = base + (ALONG ? (k + step) * stride + first + place : (first + place) * stride + k + step);
  }

  // The next STEPS steps, of which `steps_left` are there.
  DEVICE void fetch(unsigned steps_left) {
#pragma unroll
    for (int i = 0; i < SHARE; i++) {
      const unsigned steps = remaining(steps_left, step + i * NEXT_STEP),
                     places = remaining(places_left, i * NEXT_PLACE);
      parts[i] = read4(next + (ALONG ? i * NEXT_STEP : i * NEXT_PLACE) * stride,
                       ALONG ? (steps ? places : 0) : (places ? steps : 0), vectors);
    }
    next += ALONG ? STEPS * stride : STEPS;
  }
};

// Of a tile with DEPTH steps of k.
template <int TILE, bool ALONG>
struct tile_operand : operand<TILE, DEPTH, EMETH_TILE_THREADS(TILE), ALONG> {
  // Lanes store to different banks.
  DEVICE void keep(float (*tile)[TILE + PADDING]) const {
#pragma unroll
    for (int i = 0; i < this->SHARE; i++) {
      const unsigned s = this->step + i * this->NEXT_STEP, p = this->place + i * this->NEXT_PLACE;
      const float4 x = this->parts[i];
      if (ALONG) {
        *(float4*)&tile[s][p] = x;
      } else {
        tile[s][p] = x.x, tile[s + 1][p] = x.y;
        tile[s + 2][p] = x.z, tile[s + 3][p] = x.w;
      }
    }
  }
};

DEVICE float* matrix_of(const emeth_cuda_product& g, const emeth_cuda_matrix& matrix) {
  const unsigned head = blockIdx.z + g.first_head;
  return matrix.base + blockIdx.z * matrix.each + head / g.heads * matrix.outer +
         head % g.heads * matrix.inner;
}

// Where the tile of this block begins. Neighbouring blocks take EMETH_TILE_GROUP tiles of rows before the
// next columns: what they read stays in L2.
DEVICE void tile_place(unsigned& first_row, unsigned& first_column, const emeth_cuda_product& g,
                       unsigned tile) {
  const unsigned rows = (g.m + tile - 1) / tile, columns = (g.n + tile - 1) / tile;
  const unsigned group = blockIdx.x / (EMETH_TILE_GROUP * columns), group_first = group * EMETH_TILE_GROUP;
  const unsigned group_rows = rows - group_first < EMETH_TILE_GROUP ? rows - group_first : EMETH_TILE_GROUP;
  const unsigned in_group = blockIdx.x % (EMETH_TILE_GROUP * columns);
  first_row = (group_first + in_group % group_rows) * tile;
  first_column = in_group / group_rows * tile;
}

// What follows the outputs of a tile, while they are still near.
DEVICE void finish_tile(const emeth_cuda_product& g, unsigned first_row, unsigned first_column, unsigned tile,
                        unsigned threads) {
  if (!g.activation && !g.slope_of) return;
  __syncthreads();
#pragma unroll 1
  for (unsigned i = threadIdx.x; i < tile * tile; i += threads) {
    const size_t r = first_row + i / tile, c = first_column + i % tile;
    if (r >= g.m || c >= g.n) continue;
    float* element = g.out.base + r * g.out.stride + c;
    const float x = *element;
    if (g.activation) g.activation[r * g.n + c] = gelu(x);
    if (g.slope_of) *element = gelu_gradient(x, g.slope_of[r * g.n + c]);
  }
}

template <int TILE, bool A_TRANSPOSED, bool B_TRANSPOSED, product_shape SHAPE>
DEVICE void product(const emeth_cuda_product& g) {
  __shared__ __align__(16) float a_tiles[2][DEPTH][TILE + PADDING], b_tiles[2][DEPTH][TILE + PADDING];
  // Where the tile lies: kept here, the loop needs the registers.
  __shared__ unsigned origin[2];
  unsigned first_row, first_column;
  tile_place(first_row, first_column, g, TILE);
  if (SHAPE == OUT_TO_ROW && first_column > first_row + TILE - 1) return;

  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const unsigned row = warp / (TILE / 64) * 32 + (lane / 16 * 2 + lane % 2) * 4;
  const unsigned column = warp % (TILE / 64) * 64 + lane % 16 / 2 * 4;
  if (threadIdx.x == 0) origin[0] = first_row, origin[1] = first_column;

  // sums[i][j] is output (row + i % 4 + i / 4 * 16, column + j % 4 + j / 4 * 32).
  float sums[8][8];
#pragma unroll
  for (int i = 0; i < 8; i++) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      const unsigned r = first_row + row + i % 4 + i / 4 * 16, c = first_column + column + half * 32;
      const unsigned left = SHAPE == WHOLE && g.accumulate && r < g.m ? remaining(g.n, c) : 0;
      const float4 x = read4(g.out.base + r * g.out.stride + c, left, g.out_vectors);
      sums[i][half * 4] = x.x, sums[i][half * 4 + 1] = x.y;
      sums[i][half * 4 + 2] = x.z, sums[i][half * 4 + 3] = x.w;
    }
  }

  // One step of k for all outputs; with a condition only for those whose chain has this step.
  const auto advance = [&](int buffer, int step, bool conditional, unsigned k) {
    const float4 a0 = *(const float4*)&a_tiles[buffer][step][row],
                 a1 = *(const float4*)&a_tiles[buffer][step][row + 16];
    const float4 b0 = *(const float4*)&b_tiles[buffer][step][column];
    const float4 b1 = *(const float4*)&b_tiles[buffer][step][column + 32];
    const float as[8] = {a0.x, a0.y, a0.z, a0.w, a1.x, a1.y, a1.z, a1.w};
    const float bs[8] = {b0.x, b0.y, b0.z, b0.w, b1.x, b1.y, b1.z, b1.w};
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const unsigned position = first_row + row + i % 4 + i / 4 * 16;
      if (conditional && (SHAPE == UP_TO_ROW ? k > position : k < position)) continue;
#pragma unroll
      for (int j = 0; j < 8; j++) sums[i][j] = fmaf(as[i], bs[j], sums[i][j]);
    }
  };

  const unsigned k_first = SHAPE == FROM_ROW_ON ? first_row : 0;
  const unsigned k_end = SHAPE == UP_TO_ROW && first_row + TILE < g.k ? first_row + TILE : g.k;
  tile_operand<TILE, A_TRANSPOSED> a;
  tile_operand<TILE, !B_TRANSPOSED> b;
  a.begin(matrix_of(g, g.a), g.a.stride, first_row, g.m, k_first, g.a_vectors);
  b.begin(matrix_of(g, g.b), g.b.stride, first_column, g.n, k_first, g.b_vectors);
  int buffer = 0;
  a.fetch(remaining(k_end, k_first));
  b.fetch(remaining(k_end, k_first));
  a.keep(a_tiles[0]);
  b.keep(b_tiles[0]);
  __syncthreads();
#pragma unroll 1
  for (unsigned k = k_first; k < k_end; k += DEPTH) {
    const unsigned steps = k_end - k;
    if (steps > DEPTH) {
      a.fetch(steps - DEPTH);
      b.fetch(steps - DEPTH);
    }
    const bool conditional = (SHAPE == UP_TO_ROW && k + DEPTH - 1 > first_row) ||
                             (SHAPE == FROM_ROW_ON && k < first_row + TILE - 1);
    if (!conditional && steps >= DEPTH) {
#pragma unroll
      for (int step = 0; step < DEPTH; step++) advance(buffer, step, false, 0);
    } else {
      // Steps beyond the end would turn -0 into +0.
#pragma unroll 1
      for (unsigned step = 0; step < DEPTH && step < steps; step++)
        advance(buffer, step, SHAPE >= UP_TO_ROW, k + step);
    }
    if (steps > DEPTH) {
      buffer ^= 1;
      a.keep(a_tiles[buffer]);
      b.keep(b_tiles[buffer]);
    }
    __syncthreads();
  }

  float* out = matrix_of(g, g.out);
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const unsigned c = origin[1] + column + half * 32, left = remaining(g.n, c);
    const float4 bias = read4(g.bias + (g.bias ? c : 0), g.bias ? left : 0, false);
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const unsigned r = origin[0] + row + i % 4 + i / 4 * 16;
      if (r >= g.m) continue;
      float* to = out + r * g.out.stride + c;
      float4 x = {sums[i][half * 4], sums[i][half * 4 + 1], sums[i][half * 4 + 2], sums[i][half * 4 + 3]};
      if (g.bias) x.x += bias.x, x.y += bias.y, x.z += bias.z, x.w += bias.w;
      if (left >= 4 && g.out_vectors) {
        *(float4*)to = x;
        continue;
      }
      if (left > 0) to[0] = x.x;
      if (left > 1) to[1] = x.y;
      if (left > 2) to[2] = x.z;
      if (left > 3) to[3] = x.w;
    }
  }
  if (SHAPE == WHOLE) finish_tile(g, origin[0], origin[1], TILE, EMETH_TILE_THREADS(TILE));
}

#define PRODUCT_KERNEL(NAME, TILE, BLOCKS, ...)                                  \
  extern "C" __global__ void __launch_bounds__(EMETH_TILE_THREADS(TILE), BLOCKS) \
      NAME(emeth_cuda_product g) {                                               \
    product<TILE, __VA_ARGS__>(g);                                               \
  }
// Both sizes of tile. Two large blocks, or six small ones, have the registers of a multiprocessor for
// themselves.
#define PRODUCT_KERNELS(NAME, ...)                               \
  PRODUCT_KERNEL(NAME##_large, EMETH_LARGE_TILE, 2, __VA_ARGS__) \
  PRODUCT_KERNEL(NAME##_small, EMETH_SMALL_TILE, 6, __VA_ARGS__)

#endif
