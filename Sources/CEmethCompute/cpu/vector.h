// Sixteen lanes of binary32, whatever the registers' width. The file that includes this says with
// EMETH_HARDWARE_FMA whether the target has an fma instruction; otherwise it is made of binary64.
#include <string.h>

#include "kernels.h"

// Vectors are passed between functions that are always inlined, never through an ABI.
#pragma clang diagnostic ignored "-Wpsabi"

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

typedef float v4 __attribute__((vector_size(16)));
typedef float v8 __attribute__((vector_size(32)));
typedef float v16 __attribute__((vector_size(64)));
typedef int32_t integers16 __attribute__((vector_size(64)));
typedef double d2 __attribute__((vector_size(16)));
typedef int64_t long2 __attribute__((vector_size(16)));

typedef v16 v16_anywhere __attribute__((aligned(4)));
typedef v8 v8_anywhere __attribute__((aligned(4)));
typedef v4 v4_anywhere __attribute__((aligned(4)));

INLINE v16 load(const float* p) { return *(const v16_anywhere*)p; }
INLINE void store(float* p, v16 x) { *(v16_anywhere*)p = x; }
INLINE v16 splat(float x) { return (v16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE v16 zero(void) { return (v16){0}; }

// The first `count` < 16 elements at p, then +0.
INLINE v16 load_part(const float* p, size_t count) {
  v16 x = {0};
  memcpy(&x, p, count * sizeof(float));
  return x;
}
INLINE void store_part(float* p, v16 x, size_t count) { memcpy(p, &x, count * sizeof(float)); }

INLINE v16 select16(integers16 condition, v16 a, v16 b) {
  return (v16)((condition & (integers16)a) | (~condition & (integers16)b));
}
INLINE v16 max16(v16 a, v16 b) { return select16(a > b, a, b); }
INLINE v16 sqrt16(v16 x) { return __builtin_elementwise_sqrt(x); }

// Lane i += lane i + 8, + 4, + 2, + 1: the end of a row reduction.
INLINE float reduce(v16 x) {
  const v8 a = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7) +
               __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  const v4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE float reduce_max(v16 x) {
  float m = x[0];
  for (int lane = 1; lane < LANES; lane++) m = x[lane] > m ? x[lane] : m;
  return m;
}

#if EMETH_HARDWARE_FMA

INLINE v16 fma16(v16 a, v16 b, v16 c) { return __builtin_elementwise_fma(a, b, c); }

#else

INLINE d2 widen_low(v4 x) { return __builtin_convertvector(__builtin_shufflevector(x, x, 0, 1), d2); }
INLINE d2 widen_high(v4 x) { return __builtin_convertvector(__builtin_shufflevector(x, x, 2, 3), d2); }

// a·b + c of binary32 values, rounded to odd: where the sum is not exact, the one of its two binary64
// neighbours whose last bit is 1. Rounding that to binary32 gives the fma, for subnormal results too.
INLINE d2 fma_to_odd(d2 a, d2 b, d2 c) {
  const d2 product = a * b;  // exact: 48 bits at most
  const d2 sum = product + c;
  const d2 part = sum - product;
  const d2 error = (product - (sum - part)) + (c - part);
  // Neither factor can underflow here, and NaN compares false.
  const d2 direction = error * sum;
  const long2 even = ((long2)sum & 1) - 1;
  return (d2)((long2)sum + (((direction < 0) - (direction > 0)) & even));
}

INLINE v4 fma4(v4 a, v4 b, v4 c) {
  typedef float v2 __attribute__((vector_size(8)));
  const v2 low = __builtin_convertvector(fma_to_odd(widen_low(a), widen_low(b), widen_low(c)), v2);
  const v2 high = __builtin_convertvector(fma_to_odd(widen_high(a), widen_high(b), widen_high(c)), v2);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
}

INLINE v4 quarter(v16 x, int i) {
  switch (i) {
    case 0: return __builtin_shufflevector(x, x, 0, 1, 2, 3);
    case 1: return __builtin_shufflevector(x, x, 4, 5, 6, 7);
    case 2: return __builtin_shufflevector(x, x, 8, 9, 10, 11);
    default: return __builtin_shufflevector(x, x, 12, 13, 14, 15);
  }
}

INLINE v16 fma16(v16 a, v16 b, v16 c) {
  const v4 r0 = fma4(quarter(a, 0), quarter(b, 0), quarter(c, 0));
  const v4 r1 = fma4(quarter(a, 1), quarter(b, 1), quarter(c, 1));
  const v4 r2 = fma4(quarter(a, 2), quarter(b, 2), quarter(c, 2));
  const v4 r3 = fma4(quarter(a, 3), quarter(b, 3), quarter(c, 3));
  return __builtin_shufflevector(__builtin_shufflevector(r0, r1, 0, 1, 2, 3, 4, 5, 6, 7),
                                 __builtin_shufflevector(r2, r3, 0, 1, 2, 3, 4, 5, 6, 7), 0, 1, 2, 3, 4, 5, 6,
                                 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

#endif

#define REAL v16
#define INTEGER integers16
#define REAL_OF(x) splat(x)
#define REAL_FMA(a, b, c) fma16(a, b, c)
#define BITS(x) ((integers16)(x))
#define FROM_BITS(i) ((v16)(i))
#define REAL_SELECT(c, a, b) select16(c, a, b)
#define MATH(name) name##16
#define MATH_FUNCTION INLINE
#include "../common/reproducible_math.h"

// A loop over `count` elements in vectors of 16: the body sees the index i, and `part`, the number of
// elements left where it is below 16, else 16.
#define LOAD(p) (part == LANES ? load((p) + i) : load_part((p) + i, part))
#define STORE(p, x)                   \
  do {                                \
    if (part == LANES)                \
      store((p) + i, (x));            \
    else                              \
      store_part((p) + i, (x), part); \
  } while (0)
#define FOR_LANES(count, ...)                                                     \
  do {                                                                            \
    const size_t full_ = (count) & ~(size_t)(LANES - 1), rest_ = (count) - full_; \
    size_t i = 0;                                                                 \
    {                                                                             \
      const size_t part = LANES;                                                  \
      for (; i < full_; i += LANES) __VA_ARGS__                                   \
    }                                                                             \
    if (rest_) {                                                                  \
      const size_t part = rest_;                                                  \
      __VA_ARGS__                                                                 \
    }                                                                             \
  } while (0)
