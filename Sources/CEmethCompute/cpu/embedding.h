// Token and position embeddings.

typedef struct {
  float* out;
  const uint32_t* tokens;
  const float *wte, *wpe;
  size_t stride, rows, T, C;
} embedding_forward_job;

static void embedding_forward_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const embedding_forward_job* job = context;
  const size_t C = job->C, span = rows_of_task(C);
  for (size_t row = index * span; row < emeth_min(job->rows, (index + 1) * span); row++) {
    const size_t b = row / job->T, t = row % job->T;
    const float *token = job->wte + job->tokens[b * job->stride + t] * C, *position = job->wpe + t * C;
    float* out = job->out + row * C;
    FOR_LANES(C, { STORE(out, LOAD(token) + LOAD(position)); });
  }
}

static void embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                              const float* wte, const float* wpe, size_t B, size_t T, size_t C) {
  embedding_forward_job job = {out, tokens, wte, wpe, stride, B * T, T, C};
  emeth_run(device, emeth_blocks(B * T, rows_of_task(C)), embedding_forward_task, &job);
}

typedef struct {
  float *d_wte, *d_wpe;
  const float* d_out;
  const uint32_t* tokens;
  size_t stride, B, T, C;
} embedding_backward_job;

// All rows in order for COLUMN_SPAN channels: no two tasks share an element.
static void embedding_backward_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const embedding_backward_job* job = context;
  const size_t C = job->C, first = index * COLUMN_SPAN, count = emeth_min(COLUMN_SPAN, C - first);
  for (size_t b = 0; b < job->B; b++) {
    for (size_t t = 0; t < job->T; t++) {
      const float* d = job->d_out + (b * job->T + t) * C + first;
      float* token = job->d_wte + job->tokens[b * job->stride + t] * C + first;
      float* position = job->d_wpe + t * C + first;
      FOR_LANES(count, {
        const v16 x = LOAD(d);
        STORE(token, LOAD(token) + x);
        STORE(position, LOAD(position) + x);
      });
    }
  }
}

static void embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                               const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C) {
  embedding_backward_job job = {d_wte, d_wpe, d_out, tokens, stride, B, T, C};
  emeth_run(device, emeth_blocks(C, COLUMN_SPAN), embedding_backward_task, &job);
}
