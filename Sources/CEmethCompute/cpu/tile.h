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

// c (TILE_ROWS rows `stride` apart) = chains over k < depth of a·b, from +0 or from c; b's panel is read from
// step `first` on.
static void tile(float* c, size_t stride, const panel* a, const panel* b, size_t first, size_t depth,
                 bool accumulate) {
  b += first * TILE_COLUMNS;
  v16 sums[TILE_ROWS][TILE_VECTORS];
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) {
      sums[i][j] = accumulate ? load(c + i * stride + j * LANES) : zero();
    }
  }
  for (size_t k = 0; k < depth; k++, a += TILE_ROWS, b += TILE_COLUMNS) {
    v16 columns[TILE_VECTORS];
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) columns[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i++) {
      const v16 row = splat(a[i]);
#pragma clang loop unroll(full)
      for (int j = 0; j < TILE_VECTORS; j++) sums[i][j] = fma16(row, columns[j], sums[i][j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < TILE_ROWS; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < TILE_VECTORS; j++) store(c + i * stride + j * LANES, sums[i][j]);
  }
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
  const size_t whole = depth & ~(size_t)3;
  for (size_t i = 0; i < count;) {
    const float* source = in + i * neighbour_stride;
    const size_t step = i + 4 <= count ? 4 : i + 2 <= count ? 2 : 1;
    size_t k = 0;
    if (step == 4) {
      for (; k < whole; k += 4) transpose4(body + k * width + i, width, source + k, neighbour_stride);
    } else if (step == 2) {
      for (; k < whole; k += 4) transpose2(body + k * width + i, width, source + k, neighbour_stride);
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
