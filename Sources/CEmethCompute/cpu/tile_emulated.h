// The micro-kernel without an fma instruction. A product of two binary32 numbers is exact in binary64; the
// sum is rounded to 53 bits and then to 24. The second rounding can only go wrong where the first one ends
// exactly half-way between two binary32 numbers (low 29 bits 1 and 28 zeros), or where the result is
// subnormal or too large for binary32. The first case is looked for at every step, the others are excluded by
// the exponents of the panels; a tile in which either occurs is computed again with fma_to_odd.

typedef double panel;
#define PANEL_HEADER 2
#define TILE_COLUMNS 4
#define PANEL_STEPS(depth) (depth)
#define TILE_READS_ROWS false

// header[0], header[1]: smallest and largest exponent of the elements that are not 0.
INLINE void panel_finish(panel* p, size_t width, size_t depth) {
  int64_t smallest = 1 << 20, largest = -(1 << 20);
  for (size_t i = 0; i < width * depth; i++) {
    uint64_t bits;
    memcpy(&bits, &p[PANEL_HEADER + i], sizeof bits);
    const int64_t exponent = (int64_t)(bits >> 52 & 0x7FF) - 1023;
    const int64_t low = exponent == -1023 ? smallest : exponent;
    smallest = low < smallest ? low : smallest;
    largest = exponent > largest ? exponent : largest;
  }
  p[0] = (double)smallest;
  p[1] = (double)largest;
}

static void tile_exactly(float* c, size_t stride, const panel* a, const panel* b, size_t first, size_t depth,
                         bool accumulate) {
  typedef float v2 __attribute__((vector_size(8)));
  for (size_t i = 0; i < TILE_ROWS; i++) {
    v2 sums[2] = {{0}, {0}};
    if (accumulate) memcpy(sums, c + i * stride, sizeof sums);
    for (size_t k = 0; k < depth; k++) {
      const panel x = a[PANEL_HEADER + k * TILE_ROWS + i];
      for (size_t j = 0; j < 2; j++) {
        d2 column;
        memcpy(&column, b + PANEL_HEADER + (first + k) * TILE_COLUMNS + 2 * j, sizeof column);
        const d2 sum = fma_to_odd((d2){x, x}, column, __builtin_convertvector(sums[j], d2));
        sums[j] = __builtin_convertvector(sum, v2);
      }
    }
    memcpy(c + i * stride, sums, sizeof sums);
  }
}

// Whether every partial sum is a multiple of 2^-149, so that small ones are exact, and far below 2^127.
static bool tile_is_safe(const float* c, size_t stride, const panel* a, const panel* b, bool accumulate) {
  if (a[0] + b[0] < -103 || a[1] + b[1] > 80) return false;
  for (size_t i = 0; accumulate && i < TILE_ROWS; i++) {
    for (size_t j = 0; j < TILE_COLUMNS; j++) {
      const float x = c[i * stride + j];
      if (!(x < 0x1p100f && x > -0x1p100f)) return false;
    }
  }
  return true;
}

typedef int32_t integers4 __attribute__((vector_size(16)));

// The nearest number of 24 bits, by adding half a unit to the bits and cutting them off. Where the bits that
// are cut off are 0 before the cut it was a tie: then the low word of that lane of `ties` becomes other than
// 0. (The high words mean nothing.)
INLINE d2 round_to_24_bits(d2 x, integers4* ties) {
  const long2 shifted = (long2)x + (1 << 28);
  const long2 cut = shifted & ~(long2){0x1FFFFFFF, 0x1FFFFFFF};
  *ties |= (integers4)shifted == (integers4)cut;
  return (d2)cut;
}

static void tile(float* c, size_t stride, const panel* a, const panel* b, size_t first, size_t depth,
                 bool accumulate) {
  if (!tile_is_safe(c, stride, a, b, accumulate)) {
    tile_exactly(c, stride, a, b, first, depth, accumulate);
    return;
  }
  typedef float v2 __attribute__((vector_size(8)));
  d2 sums[TILE_ROWS][2];
  integers4 ties = {0};
  for (int i = 0; i < TILE_ROWS; i++) {
    for (int j = 0; j < 2; j++) {
      v2 start = {0};
      if (accumulate) memcpy(&start, c + i * stride + 2 * j, sizeof start);
      sums[i][j] = __builtin_convertvector(start, d2);
    }
  }
  const panel *x = a + PANEL_HEADER, *y = b + PANEL_HEADER + first * TILE_COLUMNS;
  for (size_t k = 0; k < depth; k++, x += TILE_ROWS, y += TILE_COLUMNS) {
    d2 columns[2];
    memcpy(columns, y, sizeof columns);
#pragma clang loop unroll(full)
    for (int i = 0; i < TILE_ROWS; i++) {
      const d2 row = {x[i], x[i]};
      const d2 low = row * columns[0] + sums[i][0], high = row * columns[1] + sums[i][1];
      sums[i][0] = round_to_24_bits(low, &ties);
      sums[i][1] = round_to_24_bits(high, &ties);
    }
  }
  if (ties[0] | ties[2]) {
    tile_exactly(c, stride, a, b, first, depth, accumulate);
    return;
  }
  for (int i = 0; i < TILE_ROWS; i++) {
    for (int j = 0; j < 2; j++) {
      const v2 result = __builtin_convertvector(sums[i][j], v2);
      memcpy(c + i * stride + 2 * j, &result, sizeof result);
    }
  }
}

INLINE void pack_transposed(double* body, size_t width, const float* in, size_t neighbour_stride,
                            size_t count, size_t depth) {
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < depth; k++) body[k * width + i] = in[i * neighbour_stride + k];
  }
}

INLINE void pack_steps(double* body, size_t width, const float* in, size_t step_stride, size_t count,
                       size_t depth) {
  for (size_t k = 0; k < depth; k++) {
    for (size_t i = 0; i < count; i++) body[k * width + i] = in[k * step_stride + i];
  }
}

// Panels hold binary64 here: nothing is read where it lies.
INLINE void tile_direct(float* c, size_t stride, const float* a, size_t row, const panel* b, size_t depth,
                        bool accumulate) {
  (void)c, (void)stride, (void)a, (void)row, (void)b, (void)depth, (void)accumulate;
}

INLINE void tile_across(float* c, size_t stride, const float* a, size_t step, const panel* b, size_t first,
                        size_t depth) {
  (void)c, (void)stride, (void)a, (void)step, (void)b, (void)first, (void)depth;
}

INLINE void tile_prefetch(const float* c, size_t stride) { (void)c, (void)stride; }
