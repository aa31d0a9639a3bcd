#include "column_sum.cuh"

extern "C" __global__ void __launch_bounds__(256)
    column_sum(float* out, const float* in, size_t rows, size_t columns) {
  float* const sums[1] = {out};
  column_sums<1>(sums, rows, columns, [&](float (&values)[1], size_t row, size_t column) {
    values[0] = in[row * columns + column];
  });
}
