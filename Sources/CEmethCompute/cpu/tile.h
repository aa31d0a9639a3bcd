// The micro-kernel: a tile of TILE_ROWS x TILE_COLUMNS outputs, each one fma chain, and the panels it reads.
//
// A panel holds `depth` steps k of TILE_ROWS (or TILE_COLUMNS) neighbours: element [k·width + i], places
// without a source are +0. Where fma is emulated a panel holds binary64 and begins with a header, the range
// of its exponents; with EMETH_BFLOAT16 an element is a pair of steps (bfloat16.h).

#if EMETH_HARDWARE_FMA

typedef float panel;
#define PANEL_HEADER 0
#define TILE_COLUMNS (TILE_VECTORS * LANES)

#include "transpose.h"

#if EMETH_BFLOAT16

#include "bfloat16.h"

#else

#define TILE_READS_ROWS true
// Steps of a chain in an element.
#define PANEL_PAIR 1

INLINE v16 chain16(v16 a, v16 b, v16 sum) { return fma16(a, b, sum); }

INLINE void pack_transposed(float* body, size_t width, const float* in, size_t neighbour_stride, size_t count,
                            size_t depth) {
  transpose(body, width, in, neighbour_stride, count, depth);
}

INLINE void pack_steps(float* body, size_t width, const float* in, size_t step_stride, size_t count,
                       size_t depth) {
  for (size_t k = 0; k < depth; k++)
    memcpy(body + k * width, in + k * step_stride, count * sizeof(float));
}

#endif

#define PANEL_STEPS(depth) emeth_blocks(depth, PANEL_PAIR)

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

// Chains over k < depth panel steps of row elements a[i·row + k·step], of which row or step is 1, and b's
// panel.
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
      for (int j = 0; j < TILE_VECTORS; j++) sums[i][j] = chain16(x, columns[j], sums[i][j]);
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
  tile_chains(c, stride, a, 1, TILE_ROWS, b + first * TILE_COLUMNS, PANEL_STEPS(depth), accumulate);
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

#define PANEL_COUNT(width, depth) (PANEL_HEADER + (width) * PANEL_STEPS(depth))

// Packs in[i·neighbour_stride + k·step_stride], i < count <= width, k < depth. `width` is a constant.
INLINE void pack(panel* out, size_t width, const float* in, size_t neighbour_stride, size_t step_stride,
                 size_t count, size_t depth) {
  panel* body = out + PANEL_HEADER;
  if (count < width) memset(body, 0, width * PANEL_STEPS(depth) * sizeof(panel));
  if (neighbour_stride != 1) {
    pack_transposed(body, width, in, neighbour_stride, count, depth);
  } else if (count == width) {
    pack_steps(body, width, in, step_stride, width, depth);
  } else {
    pack_steps(body, width, in, step_stride, count, depth);
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

// Steps that are packed of all panels of a strip before the next ones.
#define STRIP_STEPS 8

// Packs a strip: in[i·column_stride + k·step_stride], i < columns, k < depth, in panels of TILE_COLUMNS.
static void pack_strip(panel* strip, const float* in, size_t column_stride, size_t step_stride, size_t columns,
                       size_t depth) {
  const size_t size = PANEL_COUNT(TILE_COLUMNS, depth);
  size_t column = 0;
#if EMETH_HARDWARE_FMA
  // Steps lie far apart: a few of them are read along the whole strip, so that pages are met once.
  if (column_stride == 1) {
    for (size_t k = 0; k < depth; k += STRIP_STEPS) {
      const size_t steps = emeth_min(STRIP_STEPS, depth - k);
      for (column = 0; column + TILE_COLUMNS <= columns; column += TILE_COLUMNS) {
        pack_steps(strip + column / TILE_COLUMNS * size + k / PANEL_PAIR * TILE_COLUMNS, TILE_COLUMNS,
                   in + column + k * step_stride, step_stride, TILE_COLUMNS, steps);
      }
    }
  }
#endif
  for (; column < columns; column += TILE_COLUMNS) {
    pack_columns(strip + column / TILE_COLUMNS * size, in + column * column_stride, column_stride, step_stride,
                 emeth_min(TILE_COLUMNS, columns - column), depth);
  }
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
