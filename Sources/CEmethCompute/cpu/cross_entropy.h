// Softmax of rows, and cross-entropy with its gradient in place.

INLINE float row_max(const float* in, size_t n) {
  v16 maximum = splat(in[0]);
  FOR_LANES(n, {
    // Past the end the first element stands in.
    v16 x = maximum;
    if (part == LANES)
      x = load(in + i);
    else
      memcpy(&x, in + i, part * sizeof(float));
    maximum = max16(x, maximum);
  });
  return reduce_max(maximum);
}

// out = e^(in·scale - maximum), its sum by the row rule; out may be in, or NULL where only the sum is wanted.
INLINE float row_exp(float* out, const float* in, float scale, float maximum, size_t n) {
  float partial[EMETH_LARGEST_ROW / EMETH_SUM_BLOCK];
  size_t blocks = 0;
  for (size_t start = 0; start < n; start += EMETH_SUM_BLOCK, blocks++) {
    v16 sums = zero();
    FOR_LANES(emeth_min(EMETH_SUM_BLOCK, n - start), {
      v16 e = exp16(LOAD(in + start) * splat(scale) - splat(maximum));
      if (part < LANES) e = load_part((const float*)&e, part);
      if (out) STORE(out + start, e);
      sums += e;
    });
    partial[blocks] = reduce(sums);
  }
  return blocks == 1 ? partial[0] : block_sum(partial, blocks);
}

typedef struct {
  float* out;
  const float* in;
  size_t rows, n;
} softmax_job;

static void softmax_task(void* context, size_t row, size_t worker) {
  (void)worker;
  const softmax_job* job = context;
  const float* in = job->in + row * job->n;
  float* out = job->out + row * job->n;
  const v16 sum = splat(row_exp(out, in, 1.0f, row_max(in, job->n), job->n));
  FOR_LANES(job->n, { STORE(out, LOAD(out) / sum); });
}

static void softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n) {
  softmax_job job = {out, in, rows, n};
  emeth_run(device, rows, softmax_task, &job);
}

typedef struct {
  float *losses, *logits;
  const uint32_t* targets;
  size_t group, stride, rows, V;
  float scale;
  bool backward;
} cross_entropy_job;

static void cross_entropy_row(const cross_entropy_job* job, size_t row) {
  const size_t V = job->V;
  float* logits = job->logits + row * V;
  const uint32_t target = job->targets[row / job->group * job->stride + row % job->group];
  if (target == EMETH_NO_TARGET) {
    job->losses[row] = 0;
    if (job->backward) memset(logits, 0, V * sizeof(float));
    return;
  }
  const float maximum = row_max(logits, V), chosen = logits[target];
  const float sum = row_exp(job->backward ? logits : NULL, logits, 1.0f, maximum, V);
  job->losses[row] = log16(splat(sum))[0] - (chosen - maximum);
  if (!job->backward) return;
  const v16 sums = splat(sum), scale = splat(job->scale);
  const float p = (splat(logits[target]) / sums)[0];
  FOR_LANES(V, { STORE(logits, (LOAD(logits) / sums) * scale); });
  logits[target] = (p - 1.0f) * job->scale;
}

static void cross_entropy_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const cross_entropy_job* job = context;
  const size_t span = rows_of_task(job->V);
  for (size_t row = index * span; row < emeth_min(job->rows, (index + 1) * span); row++)
    cross_entropy_row(job, row);
}

static void cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                          size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward) {
  cross_entropy_job job = {losses, logits, targets, group, stride, rows, V, scale, backward};
  emeth_run(device, emeth_blocks(rows, rows_of_task(V)), cross_entropy_task, &job);
}
