#include "kernel.cuh"

// As emeth_decay_span and emeth_adamw_scalars.
struct decay_span {
  size_t offset, count;
  float decay;
};
struct adamw_scalars {
  float learning_rate, beta1, one_minus_beta1, beta2, one_minus_beta2, correction1, correction2, epsilon, limit;
};

// A thread an element; spans are ascending, without gaps. sums may be NULL. The scalars lie in memory, so that a
// graph has those of its step.
extern "C" __global__ void adamw(float* parameters, float* first_moments, float* second_moments,
                                 const float* gradients, const float* sums, const decay_span* spans,
                                 size_t span_count, size_t count, const adamw_scalars* scalars) {
  const size_t i = thread_number();
  if (i >= count) return;
  const adamw_scalars s = *scalars;
  float factor = 1;
  if (sums) {
    // Of finite numbers alone it is 0.
    if (sums[0] - sums[0] != 0 || sums[1] - sums[1] != 0) return;
    const float norm = sqrtf(sums[1]);
    if (norm > s.limit) factor = s.limit / norm;
  }
  size_t low = 0, high = span_count - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (i < spans[middle].offset + spans[middle].count)
      high = middle;
    else
      low = middle + 1;
  }
  const float theta = parameters[i], g = gradients[i] * factor;
  const float m = fmaf(s.beta1, first_moments[i], s.one_minus_beta1 * g);
  const float v = fmaf(s.beta2, second_moments[i], s.one_minus_beta2 * (g * g));
  const float u = (m * s.correction1) / (sqrtf(v * s.correction2) + s.epsilon);
  first_moments[i] = m;
  second_moments[i] = v;
  parameters[i] = fmaf(-s.learning_rate, fmaf(spans[low].decay, theta, u), theta);
}
