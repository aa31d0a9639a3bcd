// Panels of bfloat16 for the `fast` profile: an element holds two steps of a chain, the even step's value in
// its lower half. Operands are rounded to nearest, ties to even; products are exact and summed in binary32.

// Rows have to be packed.
#define TILE_READS_ROWS false
#define PANEL_PAIR 2

typedef uint32_t words16_32 __attribute__((vector_size(64)));
typedef uint16_t halves16_16 __attribute__((vector_size(32), aligned(2)));
typedef uint16_t halves16_32 __attribute__((vector_size(64)));

#if EMETH_HARDWARE_BFLOAT16

// sum + both products of a's and b's pairs.
INLINE v16 chain16(v16 a, v16 b, v16 sum) {
  return (v16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

// x rounded to bfloat16.
INLINE halves16_16 halves(v16 x) { return (halves16_16)_mm512_cvtneps_pbh((__m512)x); }

// Pairs of even and odd steps.
INLINE v16 pairs(v16 even, v16 odd) {
  const halves16_32 both = (halves16_32)_mm512_cvtne2ps_pbh((__m512)odd, (__m512)even);
  return (v16)__builtin_shufflevector(both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25,
                                      10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

#else

// The upper halves hold x as bfloat16, the lower ones what was cut off. A NaN stays one: rounding must not
// carry it into an infinity.
INLINE words16_32 round_to_bfloat16(v16 x) {
  const words16_32 bits = (words16_32)x;
  const words16_32 rounded = bits + 0x7FFF + (bits >> 16 & 1), quiet = bits | 0x400000;
  const words16_32 number = (words16_32)(x == x);
  return (number & rounded) | (~number & quiet);
}

INLINE halves16_16 halves(v16 x) {
  return __builtin_convertvector(round_to_bfloat16(x) >> 16, halves16_16);
}

INLINE v16 pairs(v16 even, v16 odd) {
  return (v16)((round_to_bfloat16(odd) & 0xFFFF0000) | round_to_bfloat16(even) >> 16);
}

INLINE v16 odd_step(v16 pairs) { return (v16)((words16_32)pairs & 0xFFFF0000); }
INLINE v16 even_step(v16 pairs) { return (v16)((words16_32)pairs << 16); }

INLINE v16 chain16(v16 a, v16 b, v16 sum) {
  return fma16(even_step(a), even_step(b), fma16(odd_step(a), odd_step(b), sum));
}

#endif

// out[i] = the pair of in[2i] and in[2i + 1], 2i < depth; a missing last one is +0.
INLINE void pair_neighbours(float* out, const float* in, size_t depth) {
  uint16_t* to = (uint16_t*)out;
  FOR_LANES(depth, {
    const halves16_16 rounded = halves(LOAD(in));
    memcpy(to + i, &rounded, part * sizeof(uint16_t));
  });
  if (depth % 2 != 0) memset(to + depth, 0, sizeof(uint16_t));
}

// Steps that wait in a buffer to be transposed.
#define PAIR_SPAN 64

// body[k/2·width + i] = the pair of in[i·neighbour_stride + k] and the step after it, i < count <= width.
INLINE void pack_transposed(float* body, size_t width, const float* in, size_t neighbour_stride, size_t count,
                            size_t depth) {
  float pairs[TILE_COLUMNS * PAIR_SPAN / 2] __attribute__((aligned(64)));
  for (size_t first = 0; first < depth; first += PAIR_SPAN) {
    const size_t steps = emeth_min(PAIR_SPAN, depth - first);
    for (size_t i = 0; i < count; i++) {
      pair_neighbours(pairs + i * PAIR_SPAN / 2, in + i * neighbour_stride + first, steps);
    }
    transpose(body + first / 2 * width, width, pairs, PAIR_SPAN / 2, count, emeth_blocks(steps, 2));
  }
}

// body[k/2·width + i] = the pair of in[k·step_stride + i] and the step after it, i < count <= width.
INLINE void pack_steps(float* body, size_t width, const float* in, size_t step_stride, size_t count,
                       size_t depth) {
  for (size_t k = 0; k < depth; k += 2, body += width) {
    const float *even = in + k * step_stride, *odd = even + step_stride;
    const bool both = k + 1 < depth;
    FOR_LANES(count, { STORE(body, pairs(LOAD(even), both ? LOAD(odd) : zero())); });
  }
}
