#include "dropout.cuh"

// out (rows, n) = in · factor; a thread takes 16 elements of a row. out may be in.
extern "C" __global__ void dropout(float* out, const float* in, size_t rows, size_t n, dropout_mask mask) {
  const size_t blocks = (n + FACTORS - 1) / FACTORS, number = thread_number();
  if (number >= rows * blocks) return;
  const size_t row = number / blocks, block = number % blocks, first = block * FACTORS;
  float factors[FACTORS];
  dropout_factors(factors, mask, (mask.first_row + row) * blocks + block);
#pragma unroll
  for (int i = 0; i < FACTORS; i++) {
    if (first + i < n) out[row * n + first + i] = in[row * n + first + i] * factors[i];
  }
}
