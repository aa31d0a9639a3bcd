#include "kernel.cuh"

// As emeth_decay_span and emeth_adamw_scalars.
struct decay_span {
  size_t offset, count;
  float decay;
};
struct adamw_scalars {
  float learning_rate, beta1, one_minus_beta1, beta2, one_minus_beta2, correction1, correction2, epsilon,
      gradient_scale;
};

// A thread an element; spans are ascending, without gaps.
extern "C" __global__ void adamw(float* parameters, float* first_moments, float* second_moments,
                                 const float* gradients, const decay_span* spans, size_t span_count,
                                 size_t count, adamw_scalars s) {
  const size_t i = thread_number();
  if (i >= count) return;
  size_t low = 0, high = span_count - 1;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (i < spans[middle].offset + spans[middle].count)
      high = middle;
    else
      low = middle + 1;
  }
  const float theta = parameters[i], g = gradients[i] * s.gradient_scale;
  const float m = fmaf(s.beta1, first_moments[i], s.one_minus_beta1 * g);
  const float v = fmaf(s.beta2, second_moments[i], s.one_minus_beta2 * (g * g));
  const float u = (m * s.correction1) / (sqrtf(v * s.correction2) + s.epsilon);
  first_moments[i] = m;
  second_moments[i] = v;
  parameters[i] = fmaf(-s.learning_rate, fmaf(spans[low].decay, theta, u), theta);
}
