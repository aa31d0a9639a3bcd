// AdamW, all of it in one pass over parameters, moments and gradients.

typedef struct {
  float *parameters, *first, *second;
  const float* gradients;
  const emeth_decay_span* spans;
  size_t span_count, count;
  emeth_adamw_scalars s;
  float factor;
} adamw_job;

INLINE void adamw_range(const adamw_job* job, size_t start, size_t count, float decay) {
  float *parameters = job->parameters + start, *first = job->first + start, *second = job->second + start;
  const float* gradients = job->gradients + start;
  const emeth_adamw_scalars s = job->s;
  FOR_LANES(count, {
    const v16 theta = LOAD(parameters);
    const v16 g = LOAD(gradients) * splat(job->factor);
    const v16 m = fma16(splat(s.beta1), LOAD(first), splat(s.one_minus_beta1) * g);
    const v16 v = fma16(splat(s.beta2), LOAD(second), splat(s.one_minus_beta2) * (g * g));
    const v16 u = (m * splat(s.correction1)) / (sqrt16(v * splat(s.correction2)) + splat(s.epsilon));
    STORE(first, m);
    STORE(second, v);
    STORE(parameters, fma16(splat(-s.learning_rate), fma16(splat(decay), theta, u), theta));
  });
}

static void adamw_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const adamw_job* job = context;
  size_t start = index * ELEMENT_SPAN;
  const size_t end = emeth_min(start + ELEMENT_SPAN, job->count);
  for (size_t span = 0; span < job->span_count && start < end; span++) {
    const size_t span_end = job->spans[span].offset + job->spans[span].count;
    if (span_end <= start) continue;
    const size_t stop = emeth_min(span_end, end);
    adamw_range(job, start, stop - start, job->spans[span].decay);
    start = stop;
  }
}

static void adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                  const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                  const emeth_adamw_scalars* scalars) {
  const emeth_decay_span last = spans[span_count - 1];
  adamw_job job = {parameters, first_moments, second_moments,           gradients,
                   spans,      span_count,    last.offset + last.count, *scalars, 1};
  if (sums) {
    // Of finite numbers alone it is 0.
    if (sums[0] - sums[0] != 0 || sums[1] - sums[1] != 0) return;
    const float norm = __builtin_sqrtf(sums[1]);
    if (norm > scalars->limit) job.factor = scalars->limit / norm;
  }
  emeth_run(device, emeth_blocks(job.count, ELEMENT_SPAN), adamw_task, &job);
}
