// A group of threads a row; the gradients of gain and offset are sums of columns.
#include "column_sum.cuh"

// sum, if there is one, (rows, n) = a + b, and out the norm of it, else of a. sum may be a or b.
extern "C" __global__ void layer_norm_forward(float* out, float* mean, float* reciprocal, float* sum,
                                              const float* a, const float* b, const float* gain,
                                              const float* offset, size_t rows, size_t n) {
  const size_t row = thread_number() / GROUP;
  if (row >= rows) return;
  const float* in = (sum ? sum : a) + row * n;
  out += row * n;
  float total;
  if (sum) {
    total = group_row_sum(n, [&](size_t i) {
      const float x = a[row * n + i] + b[row * n + i];
      sum[row * n + i] = x;
      return x;
    });
  } else {
    total = group_row_sum(n, [&](size_t i) { return in[i]; });
  }
  const float m = total / (float)n;
  const float variance = group_row_sum(n,
                                       [&](size_t i) {
                                         const float d = in[i] - m;
                                         return d * d;
                                       }) /
                         (float)n;
  const float r = 1.0f / sqrtf(variance + 1e-5f);
  for (size_t i = group_lane(); i < n; i += GROUP) out[i] = fmaf((in[i] - m) * r, gain[i], offset[i]);
  if (group_lane() == 0) {
    mean[row] = m;
    reciprocal[row] = r;
  }
}

extern "C" __global__ void layer_norm_backward(float* d_in, const float* d_out, const float* in,
                                               const float* gain, const float* mean, const float* reciprocal,
                                               size_t rows, size_t n) {
  const size_t row = thread_number() / GROUP;
  if (row >= rows) return;
  d_in += row * n, d_out += row * n, in += row * n;
  const float m = mean[row], r = reciprocal[row];
  const float a = group_row_sum(n, [&](size_t i) { return d_out[i] * gain[i]; }) / (float)n;
  const float b =
      group_row_sum(n, [&](size_t i) { return (d_out[i] * gain[i]) * ((in[i] - m) * r); }) / (float)n;
  for (size_t i = group_lane(); i < n; i += GROUP) {
    const float normal = (in[i] - m) * r;
    d_in[i] += r * ((d_out[i] * gain[i] - a) - normal * b);
  }
}

extern "C" __global__ void __launch_bounds__(256)
    layer_norm_parameters(float* d_gain, float* d_offset, const float* d_out, const float* in,
                          const float* mean, const float* reciprocal, size_t rows, size_t n) {
  float* const sums[2] = {d_gain, d_offset};
  column_sums<2>(sums, rows, n, [&](float (&values)[2], size_t row, size_t column) {
    const float d = d_out[row * n + column];
    values[0] = d * ((in[row * n + column] - mean[row]) * reciprocal[row]);
    values[1] = d;
  });
}
