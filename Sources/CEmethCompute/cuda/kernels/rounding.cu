#include "bfloat16.cuh"
#include "product.cuh"

// out = in (rows, columns), rounded; eight elements a thread. The rows of out are filled up with zeros to whole
// vectors of 16 bytes, at whose multiples both begin.
extern "C" __global__ void round_to_bfloat16(unsigned long long* out, const float* in, size_t rows,
                                             size_t columns) {
  const size_t i = thread_number(), vectors = (columns + 7) / 8;
  if (i >= rows * vectors) return;
  const size_t row = i / vectors, first = i % vectors * 8, left = columns - first;
  const float* from = in + row * columns + first;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const float4 x =
        read4(from + half * 4, left < 8 ? remaining((unsigned)left, half * 4) : 4, columns % 4 == 0);
    const unsigned long long low = bfloat16_pair(x.x, x.y), high = bfloat16_pair(x.z, x.w);
    out[2 * i + half] = low | high << 32;
  }
}
