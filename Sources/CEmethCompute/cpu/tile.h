// The micro-kernel: a tile of TILE_ROWS x TILE_COLUMNS outputs, each one fma chain, and the panels it reads.
//
// A panel holds `depth` steps k of TILE_ROWS (or TILE_COLUMNS) neighbours: element [k·width + i], places
// without a source are +0. Where fma is emulated a panel holds binary64 and begins with a header, the range
// of its exponents.

#if EMETH_HARDWARE_FMA

typedef float panel;
#define PANEL_HEADER 0
#define TILE_COLUMNS (TILE_VECTORS * LANES)

INLINE void panel_finish(panel* p, size_t width, size_t depth) {
  (void)p;
  (void)width;
  (void)depth;
}

// Asks for the memory of the tile that comes next, whose chains go on from what is there.
INLINE void tile_prefetch(const float* c, size_t stride) {
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) __builtin_prefetch(c + i * stride + j * LANES, 1);
    __builtin_prefetch(c + i * stride + TILE_COLUMNS - 1, 1);
  }
}

// Chains over k < depth of row elements a[i·row + k·step], of which row or step is 1, and b's panel.
INLINE void tile_chains(float* c, size_t stride, const float* a, size_t row, size_t step, const float* b,
                        size_t depth, bool accumulate) {
  v16 sums[TILE_ROWS][TILE_VECTORS];
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) {
      sums[i][j] = accumulate ? load(c + i * stride + j * LANES) : zero();
    }
  }
  // One pointer for three rows: x86 adds the stride once or twice while it loads.
  const float* rows[(TILE_ROWS + 2) / 3];
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i += 3) {
    rows[i / 3] = a + i * row;
    // Does nothing, but hides how the pointers are related: else each is computed from the others in the loop.
    __asm__("" : "+r"(rows[i / 3]));
  }
#pragma clang loop unroll_count(4)
  for (size_t k = 0; k < depth; k++, b += TILE_COLUMNS) {
    v16 columns[TILE_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) columns[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i++) {
      const v16 x = splat(rows[i / 3][i % 3 * row]);
#pragma clang loop unroll(full)
      for (int j = 0; j < TILE_VECTORS; j++) sums[i][j] = fma16(x, columns[j], sums[i][j]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i += 3) rows[i / 3] += step;
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) store(c + i * stride + j * LANES, sums[i][j]);
  }
}

// c (TILE_ROWS rows `stride` apart) = chains over k < depth of a·b, from +0 or from c; b's panel is read from
// step `first` on.
static void tile(float* c, size_t stride, const panel* a, const panel* b, size_t first, size_t depth,
                 bool accumulate) {
  tile_chains(c, stride, a, 1, TILE_ROWS, b + first * TILE_COLUMNS, depth, accumulate);
}

// The same with rows of a as they lie in memory, `row` elements apart.
static void tile_direct(float* c, size_t stride, const float* a, size_t row, const panel* b, size_t depth,
                        bool accumulate) {
  tile_chains(c, stride, a, row, 1, b, depth, accumulate);
}

// The same with columns of a as they lie in memory, `step` elements apart; goes on from c.
static void tile_across(float* c, size_t stride, const float* a, size_t step, const panel* b, size_t first,
                        size_t depth) {
  tile_chains(c, stride, a, 1, step, b + first * TILE_COLUMNS, depth, true);
}

#else

#include "tile_emulated.h"

#endif

#define PANEL_COUNT(width, depth) (PANEL_HEADER + (width) * (depth))

// 4x4 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose4(float* out, size_t out_stride, const float* in, size_t in_stride) {
  const v4 r0 = *(const v4_anywhere*)in, r1 = *(const v4_anywhere*)(in + in_stride);
  const v4 r2 = *(const v4_anywhere*)(in + 2 * in_stride), r3 = *(const v4_anywhere*)(in + 3 * in_stride);
  const v4 t0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), t1 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const v4 t2 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), t3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  *(v4_anywhere*)out = __builtin_shufflevector(t0, t2, 0, 1, 4, 5);
  *(v4_anywhere*)(out + out_stride) = __builtin_shufflevector(t0, t2, 2, 3, 6, 7);
  *(v4_anywhere*)(out + 2 * out_stride) = __builtin_shufflevector(t1, t3, 0, 1, 4, 5);
  *(v4_anywhere*)(out + 3 * out_stride) = __builtin_shufflevector(t1, t3, 2, 3, 6, 7);
}

#if EMETH_HARDWARE_FMA

// 8x8 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose8(float* out, size_t out_stride, const float* in, size_t in_stride) {
  v8 rows[8], pairs[8], fours[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) rows[i] = *(const v8_anywhere*)(in + i * in_stride);
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  // fours[i]: steps i and i + 4 of rows 0 … 3, fours[i + 4]: of rows 4 … 7.
#pragma clang loop unroll(full)
  for (int half = 0; half < 8; half += 4) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      const v8 a = pairs[half + i], b = pairs[half + 2 + i];
      fours[half + 2 * i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[half + 2 * i + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const v8 a = fours[i], b = fours[i + 4];
    *(v8_anywhere*)(out + i * out_stride) = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    *(v8_anywhere*)(out + (i + 4) * out_stride) = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// 2x4 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose2(float* out, size_t out_stride, const float* in, size_t in_stride) {
  const v4 r0 = *(const v4_anywhere*)in, r1 = *(const v4_anywhere*)(in + in_stride);
  const v4 low = __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
           high = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  memcpy(out, &low, 8);
  memcpy(out + out_stride, (const char*)&low + 8, 8);
  memcpy(out + 2 * out_stride, &high, 8);
  memcpy(out + 3 * out_stride, (const char*)&high + 8, 8);
}

// body[k·width + i] = in[i·neighbour_stride + k], i < count, k < depth.
INLINE void pack_transposed(float* body, size_t width, const float* in, size_t neighbour_stride, size_t count,
                            size_t depth) {
  for (size_t i = 0; i < count;) {
    const float* source = in + i * neighbour_stride;
    const size_t left = count - i, step = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    size_t k = 0;
    if (step == 8) {
      for (; k + 8 <= depth; k += 8) transpose8(body + k * width + i, width, source + k, neighbour_stride);
    } else if (step == 4) {
      for (; k + 4 <= depth; k += 4) transpose4(body + k * width + i, width, source + k, neighbour_stride);
    } else if (step == 2) {
      for (; k + 4 <= depth; k += 4) transpose2(body + k * width + i, width, source + k, neighbour_stride);
    }
    for (; k < depth; k++) {
      for (size_t j = 0; j < step; j++) body[k * width + i + j] = source[j * neighbour_stride + k];
    }
    i += step;
  }
}

INLINE void copy_neighbours(float* out, const float* in, size_t count) {
  memcpy(out, in, count * sizeof(float));
}

#else

INLINE void pack_transposed(double* body, size_t width, const float* in, size_t neighbour_stride,
                            size_t count, size_t depth) {
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < depth; k++) body[k * width + i] = in[i * neighbour_stride + k];
  }
}

INLINE void copy_neighbours(double* out, const float* in, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = in[i];
}

#endif

// Packs in[i·neighbour_stride + k·step_stride], i < count <= width, k < depth. `width` is a constant.
INLINE void pack(panel* out, size_t width, const float* in, size_t neighbour_stride, size_t step_stride,
                 size_t count, size_t depth) {
  panel* body = out + PANEL_HEADER;
  if (count < width) memset(body, 0, width * depth * sizeof(panel));
  if (neighbour_stride != 1) {
    pack_transposed(body, width, in, neighbour_stride, count, depth);
  } else if (count == width) {
    for (size_t k = 0; k < depth; k++) copy_neighbours(body + k * width, in + k * step_stride, width);
  } else {
    for (size_t k = 0; k < depth; k++) copy_neighbours(body + k * width, in + k * step_stride, count);
  }
  panel_finish(out, width, depth);
}

static void pack_rows(panel* out, const float* in, size_t row_stride, size_t step_stride, size_t count,
                      size_t depth) {
  pack(out, TILE_ROWS, in, row_stride, step_stride, count, depth);
}

static void pack_columns(panel* out, const float* in, size_t column_stride, size_t step_stride, size_t count,
                         size_t depth) {
  pack(out, TILE_COLUMNS, in, column_stride, step_stride, count, depth);
}

// As tile, for the first `rows` and `columns` of it: nothing else of c is read or written.
static void tile_part(float* c, size_t stride, const panel* a, const panel* b, size_t depth, bool accumulate,
                      size_t rows, size_t columns) {
  if (rows == TILE_ROWS && columns == TILE_COLUMNS) {
    tile(c, stride, a, b, 0, depth, accumulate);
    return;
  }
  float whole[TILE_ROWS * TILE_COLUMNS] = {0};
  if (accumulate) {
    for (size_t i = 0; i < rows; i++)
      memcpy(whole + i * TILE_COLUMNS, c + i * stride, columns * sizeof(float));
  }
  tile(whole, TILE_COLUMNS, a, b, 0, depth, accumulate);
  for (size_t i = 0; i < rows; i++) memcpy(c + i * stride, whole + i * TILE_COLUMNS, columns * sizeof(float));
}
