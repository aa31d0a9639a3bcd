#include "launch.h"

emeth_status emeth_cuda_adamw(const emeth_cuda_launcher* launcher, float* parameters, float* first_moments,
                              float* second_moments, const float* gradients, const float* sums,
                              const emeth_decay_span* spans, size_t span_count,
                              const emeth_adamw_scalars* scalars) {
  void *device_spans, *device_scalars, *device_sums = NULL;
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_spans, 0, spans, span_count * sizeof *spans));
  EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_scalars, 1, scalars, sizeof *scalars));
  if (sums) EMETH_CUDA_TRY(emeth_cuda_upload(launcher, &device_sums, 2, sums, 2 * sizeof *sums));
  size_t count = spans[span_count - 1].offset + spans[span_count - 1].count;
  if (count == 0) return EMETH_OK;
  return emeth_cuda_launch_threads(
      launcher, EMETH_KERNEL_adamw, count,
      EMETH_CUDA_ARGUMENTS(&parameters, &first_moments, &second_moments, &gradients, &device_sums, &device_spans,
                           &span_count, &count, &device_scalars));
}
