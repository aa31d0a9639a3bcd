#include "launch.h"

emeth_status emeth_cuda_adamw(const emeth_cuda_launcher* launcher, float* parameters, float* first_moments,
                              float* second_moments, const float* gradients, const emeth_decay_span* spans,
                              size_t span_count, emeth_adamw_scalars scalars) {
  void* device_spans;
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_spans, 0, spans, span_count * sizeof *spans));
  size_t count = spans[span_count - 1].offset + spans[span_count - 1].count;
  if (count == 0) return EMETH_OK;
  return emeth_cuda_launch_threads(
      launcher, EMETH_KERNEL_adamw, count,
      EMETH_CUDA_ARGUMENTS(&parameters, &first_moments, &second_moments, &gradients, &device_spans,
                           &span_count, &count, &scalars));
}
