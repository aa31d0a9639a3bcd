// Panels of bfloat16 for the `fast` profile: an element holds two steps of a chain, the even step's value in
// its lower half. Operands are rounded to nearest, ties to even; products are exact and summed in binary32.

// Rows have to be packed.
#define TILE_READS_ROWS false
#define PANEL_PAIR 2

typedef uint32_t words16_32 __attribute__((vector_size(64)));
typedef words16_32 words16_32_anywhere __attribute__((aligned(4)));
typedef uint16_t halves16_16 __attribute__((vector_size(32), aligned(2)));

// The upper halves hold x as bfloat16, the lower ones what was cut off. A NaN stays one: rounding must not
// carry it into an infinity.
INLINE words16_32 round_to_bfloat16(v16 x) {
  const words16_32 bits = (words16_32)x;
  const words16_32 rounded = bits + 0x7FFF + (bits >> 16 & 1), quiet = bits | 0x400000;
  const words16_32 number = (words16_32)(x == x);
  return (number & rounded) | (~number & quiet);
}

#if EMETH_HARDWARE_BFLOAT16

// sum + both products of a's and b's pairs.
INLINE v16 chain16(v16 a, v16 b, v16 sum) {
  return (v16)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
}

#else

INLINE v16 odd_step(v16 pairs) { return (v16)((words16_32)pairs & 0xFFFF0000); }
INLINE v16 even_step(v16 pairs) { return (v16)((words16_32)pairs << 16); }

INLINE v16 chain16(v16 a, v16 b, v16 sum) {
  return fma16(even_step(a), even_step(b), fma16(odd_step(a), odd_step(b), sum));
}

#endif

// out[i] = the pair of in[2i] and in[2i + 1], 2i < depth; a missing last one is +0.
INLINE void pair_neighbours(float* out, const float* in, size_t depth) {
  uint16_t* halves = (uint16_t*)out;
  FOR_LANES(depth, {
    const words16_32 rounded = round_to_bfloat16(LOAD(in)) >> 16;
    const halves16_16 stored = __builtin_convertvector(rounded, halves16_16);
    memcpy(halves + i, &stored, part * sizeof(uint16_t));
  });
  if (depth % 2 != 0) memset(halves + depth, 0, sizeof(uint16_t));
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
    FOR_LANES(count, {
      const words16_32 low = round_to_bfloat16(LOAD(even)) >> 16;
      const words16_32 high = both ? round_to_bfloat16(LOAD(odd)) & 0xFFFF0000 : (words16_32){0};
      STORE(body, (v16)(high | low));
    });
  }
}
