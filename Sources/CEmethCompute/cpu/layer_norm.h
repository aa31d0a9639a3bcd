// Layer norm over rows of n elements, with the residual sum before it.

// Elements of a task of an operation on rows.
#define ROWS_SPAN 8192
INLINE size_t rows_of_task(size_t n) { return emeth_max(1, ROWS_SPAN / n); }

// Sum over i < count of EXPRESSION, whose x and y are the elements of a and b, by the row rule.
#define ROW_SUM(RESULT, A, B, COUNT, EXPRESSION)                                      \
  do {                                                                                \
    float partial_[EMETH_LARGEST_ROW / EMETH_SUM_BLOCK];                              \
    size_t blocks_ = 0;                                                               \
    for (size_t start_ = 0; start_ < (COUNT); start_ += EMETH_SUM_BLOCK, blocks_++) { \
      const float *a_ = (A) + start_, *b_ = (B) + start_;                             \
      v16 sums_ = zero();                                                             \
      FOR_LANES(emeth_min(EMETH_SUM_BLOCK, (COUNT) - start_), {                       \
        const v16 x = LOAD(a_);                                                       \
        const v16 y = LOAD(b_);                                                       \
        (void)y;                                                                      \
        v16 term_ = (EXPRESSION);                                                     \
        if (part < LANES) term_ = load_part((const float*)&term_, part);              \
        sums_ += term_;                                                               \
      });                                                                             \
      partial_[blocks_] = reduce(sums_);                                              \
    }                                                                                 \
    (RESULT) = blocks_ == 1 ? partial_[0] : block_sum(partial_, blocks_);             \
  } while (0)
#define EMETH_LARGEST_ROW (1 << 22)

typedef struct {
  float *out, *mean, *reciprocal, *sum;
  const float *a, *b, *gain, *offset;
  size_t rows, n;
} layer_norm_forward_job;

static void layer_norm_forward_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const layer_norm_forward_job* job = context;
  const size_t n = job->n, span = rows_of_task(n);
  for (size_t row = index * span; row < emeth_min(job->rows, (index + 1) * span); row++) {
    const float* in = job->a + row * n;
    if (job->sum) {
      const float* b = job->b + row * n;
      float* sum = job->sum + row * n;
      FOR_LANES(n, { STORE(sum, LOAD(in) + LOAD(b)); });
      in = sum;
    }
    float total, squares;
    ROW_SUM(total, in, in, n, x);
    const float mean = total / (float)n;
    ROW_SUM(squares, in, in, n, (x - splat(mean)) * (x - splat(mean)));
    const v16 ones = splat(1.0f);
    const float reciprocal = (ones / sqrt16(splat(squares / (float)n + 1e-5f)))[0];
    job->mean[row] = mean;
    job->reciprocal[row] = reciprocal;
    float* out = job->out + row * n;
    FOR_LANES(n, {
      const v16 normal = (LOAD(in) - splat(mean)) * splat(reciprocal);
      STORE(out, fma16(normal, LOAD(job->gain), LOAD(job->offset)));
    });
  }
}

static void add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                   float* sum, const float* a, const float* b, const float* gain,
                                   const float* offset, size_t rows, size_t n) {
  layer_norm_forward_job job = {out, mean, reciprocal, sum, a, b, gain, offset, rows, n};
  emeth_run(device, emeth_blocks(rows, rows_of_task(n)), layer_norm_forward_task, &job);
}

typedef struct {
  float *d_in, *d_gain, *d_offset;
  const float *d_out, *in, *gain, *mean, *reciprocal;
  size_t rows, n, column_tasks;
} layer_norm_backward_job;

// d_gain and d_offset of COLUMN_SPAN columns.
static void layer_norm_backward_columns(const layer_norm_backward_job* job, size_t index) {
  const size_t first = index * COLUMN_SPAN, count = emeth_min(COLUMN_SPAN, job->n - first);
  float *d_gain = job->d_gain + first, *d_offset = job->d_offset + first;
  FOR_LANES(count, {
    v16 gains = LOAD(d_gain);
    v16 offsets = LOAD(d_offset);
    const float* d_out = job->d_out + first;
    const float* in = job->in + first;
    for (size_t row = 0; row < job->rows; row++, d_out += job->n, in += job->n) {
      const v16 normal = (LOAD(in) - splat(job->mean[row])) * splat(job->reciprocal[row]);
      const v16 d = LOAD(d_out);
      gains += d * normal;
      offsets += d;
    }
    STORE(d_gain, gains);
    STORE(d_offset, offsets);
  });
}

static void layer_norm_backward_rows(const layer_norm_backward_job* job, size_t index) {
  const size_t n = job->n, span = rows_of_task(n);
  const float* gain = job->gain;
  for (size_t row = index * span; row < emeth_min(job->rows, (index + 1) * span); row++) {
    const float *d_out = job->d_out + row * n, *in = job->in + row * n;
    float* d_in = job->d_in + row * n;
    const v16 mean = splat(job->mean[row]), reciprocal = splat(job->reciprocal[row]);
    // Two sums of one pass, so the row rule is written out.
    float first[EMETH_LARGEST_ROW / EMETH_SUM_BLOCK], second[EMETH_LARGEST_ROW / EMETH_SUM_BLOCK];
    size_t blocks = 0;
    for (size_t start = 0; start < n; start += EMETH_SUM_BLOCK, blocks++) {
      v16 plain = zero(), weighted = zero();
      FOR_LANES(emeth_min(EMETH_SUM_BLOCK, n - start), {
        const v16 d = LOAD(d_out + start) * LOAD(gain + start);
        const v16 x = LOAD(in + start);
        // Past the end d is 0 and x is not: the product is 0 either way.
        plain += d;
        weighted += d * ((x - mean) * reciprocal);
      });
      first[blocks] = reduce(plain);
      second[blocks] = reduce(weighted);
    }
    const v16 a = splat((blocks == 1 ? first[0] : block_sum(first, blocks)) / (float)n);
    const v16 b = splat((blocks == 1 ? second[0] : block_sum(second, blocks)) / (float)n);
    FOR_LANES(n, {
      const v16 normal = (LOAD(in) - mean) * reciprocal;
      const v16 d = LOAD(d_out) * LOAD(gain);
      STORE(d_in, LOAD(d_in) + reciprocal * ((d - a) - normal * b));
    });
  }
}

static void layer_norm_backward_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const layer_norm_backward_job* job = context;
  if (index < job->column_tasks) {
    layer_norm_backward_columns(job, index);
  } else {
    layer_norm_backward_rows(job, index - job->column_tasks);
  }
}

static void layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                                const float* d_out, const float* in, const float* gain, const float* mean,
                                const float* reciprocal, size_t rows, size_t n) {
  layer_norm_backward_job job = {d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n, 0};
  job.column_tasks = emeth_blocks(n, COLUMN_SPAN);
  emeth_run(device, job.column_tasks + emeth_blocks(rows, rows_of_task(n)), layer_norm_backward_task, &job);
}
