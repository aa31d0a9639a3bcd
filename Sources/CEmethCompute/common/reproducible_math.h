// exp, log and tanh of binary32 from +, x, / and fma alone, so that every CPU and GPU gives the same bits: at
// most 2 ulp from the true value, checked over all inputs by the tests. No include guard: included once for
// each kind of number, which these macros describe and which the end of the file takes away again:
//   REAL, INTEGER        a binary32 number or vector of them; as many 32-bit integers
//   REAL_OF(x)           a REAL of the constant x            REAL_FMA(a, b, c)   a·b + c, rounded once
//   BITS(x), FROM_BITS(i) the same bits as INTEGER, as REAL  REAL_SELECT(c, a, b) a where c holds, else b
//   MATH(name)           the functions' names                MATH_FUNCTION       what stands before them
// Integer arithmetic wraps; >> keeps the sign. The polynomials are minimax fits of this project.

// e^x. NaN stays NaN, above 88.73 it is infinite, below -103.98 it is 0; subnormal results are rounded once.
MATH_FUNCTION REAL MATH(exp)(REAL x) {
  x = REAL_SELECT(x > REAL_OF(100.0f), REAL_OF(100.0f), x);
  x = REAL_SELECT(x < REAL_OF(-120.0f), REAL_OF(-120.0f), x);
  // x = n ln 2 + r: adding 1.5·2^23 leaves n in the low bits of the sum.
  const REAL magic = REAL_OF(12582912.0f);
  const REAL shifted = REAL_FMA(x, REAL_OF(0x1.715476p+0f), magic);
  const REAL n = shifted - magic;
  const INTEGER exponent = BITS(shifted) - BITS(magic);
  REAL r = REAL_FMA(n, REAL_OF(-0x1.62e43p-1f), x);
  r = REAL_FMA(n, REAL_OF(0x1.05c61p-29f), r);
  REAL q = REAL_OF(0x1.6a23dep-10f);
  q = REAL_FMA(q, r, REAL_OF(0x1.123a2p-7f));
  q = REAL_FMA(q, r, REAL_OF(0x1.5558f2p-5f));
  q = REAL_FMA(q, r, REAL_OF(0x1.555492p-3f));
  q = REAL_FMA(q, r, REAL_OF(0x1.fffffcp-2f));
  q = REAL_FMA(q, r, REAL_OF(1.0f));
  q = REAL_FMA(q, r, REAL_OF(1.0f));
  // 2^n in two factors, as n may lie outside the exponents of normal numbers.
  const INTEGER half = exponent >> 1;
  return (q * FROM_BITS((half + 127) << 23)) * FROM_BITS((exponent - half + 127) << 23);
}

// Natural logarithm. 0 gives -infinity, what is below 0 gives NaN.
MATH_FUNCTION REAL MATH(log)(REAL x) {
  const INTEGER tiny = x < REAL_OF(0x1p-126f);
  const REAL scaled = REAL_SELECT(tiny, x * REAL_OF(0x1p+23f), x);
  // scaled = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2).
  const INTEGER offset = BITS(scaled) - BITS(REAL_OF(0x1.6a09e6p-1f));
  const INTEGER exponent = offset >> 23;
  const REAL f = FROM_BITS(BITS(scaled) - (exponent << 23)) - REAL_OF(1.0f);
  // The integer k as a number: the low bits of 1.5·2^23 + k.
  const REAL magic = REAL_OF(12582912.0f);
  const REAL k =
      (FROM_BITS(BITS(magic) + exponent) - magic) - REAL_SELECT(tiny, REAL_OF(23.0f), REAL_OF(0.0f));
  const REAL square = f * f;
  REAL p = REAL_OF(0x1.145798p-4f);
  p = REAL_FMA(p, f, REAL_OF(-0x1.de3c04p-4f));
  p = REAL_FMA(p, f, REAL_OF(0x1.e6f068p-4f));
  p = REAL_FMA(p, f, REAL_OF(-0x1.fc220ap-4f));
  p = REAL_FMA(p, f, REAL_OF(0x1.233768p-3f));
  p = REAL_FMA(p, f, REAL_OF(-0x1.555c4ep-3f));
  p = REAL_FMA(p, f, REAL_OF(0x1.99a4b6p-3f));
  p = REAL_FMA(p, f, REAL_OF(-0x1.000006p-2f));
  p = REAL_FMA(p, f, REAL_OF(0x1.555548p-2f));
  // k ln 2 + f - f²/2 + f³ p, the small parts first. ln 2 = 0x1.62p-1 + the rest, k times the first is exact.
  REAL low = REAL_FMA(p * f, square, k * REAL_OF(0x1.c85fep-10f));
  low = REAL_FMA(square, REAL_OF(-0.5f), low);
  REAL result = REAL_FMA(k, REAL_OF(0x1.62p-1f), f + low);
  result = REAL_SELECT(x == REAL_OF(__builtin_inff()), x, result);
  result = REAL_SELECT(x == REAL_OF(0.0f), REAL_OF(-__builtin_inff()), result);
  return REAL_SELECT(x >= REAL_OF(0.0f), result, REAL_OF(__builtin_nanf("")));
}

// Hyperbolic tangent: x + x³ p(x²) below 0.6, else 1 - 2 / (e^2x + 1). -0 stays -0, NaN stays NaN.
MATH_FUNCTION REAL MATH(tanh)(REAL x) {
  const INTEGER sign = BITS(x) & BITS(REAL_OF(-0.0f));
  const REAL size = FROM_BITS(BITS(x) ^ sign);
  const REAL square = x * x;
  REAL p = REAL_OF(-0x1.82584cp-8f);
  p = REAL_FMA(p, square, REAL_OF(0x1.54b89ep-6f));
  p = REAL_FMA(p, square, REAL_OF(-0x1.b898dep-5f));
  p = REAL_FMA(p, square, REAL_OF(0x1.1109aep-3f));
  p = REAL_FMA(p, square, REAL_OF(-0x1.55553ep-2f));
  const REAL small = REAL_FMA(p * square, size, size);
  const REAL large = REAL_OF(1.0f) - REAL_OF(2.0f) / (MATH(exp)(size + size) + REAL_OF(1.0f));
  return FROM_BITS(BITS(REAL_SELECT(size < REAL_OF(0.6f), small, large)) | sign);
}

#undef REAL
#undef INTEGER
#undef REAL_OF
#undef REAL_FMA
#undef BITS
#undef FROM_BITS
#undef REAL_SELECT
#undef MATH
#undef MATH_FUNCTION
