// Row reductions and the elementwise operations.

// Sum of at most EMETH_SUM_BLOCK elements.
INLINE float block_sum(const float* in, size_t count) {
  v16 sums = zero();
  FOR_LANES(count, { sums += LOAD(in); });
  return reduce(sums);
}

INLINE float block_sum_of_squares(const float* in, size_t count) {
  v16 sums = zero();
  FOR_LANES(count, {
    const v16 x = LOAD(in);
    sums += x * x;
  });
  return reduce(sums);
}

typedef struct {
  float* out;
  const float* in;
  size_t count;
  bool squared;
} block_sums_job;

static void block_sums_task(void* context, size_t block, size_t worker) {
  (void)worker;
  const block_sums_job* job = context;
  const float* in = job->in + block * EMETH_SUM_BLOCK;
  const size_t count = emeth_min(EMETH_SUM_BLOCK, job->count - block * EMETH_SUM_BLOCK);
  job->out[block] = job->squared ? block_sum_of_squares(in, count) : block_sum(in, count);
}

static void block_sums(emeth_device* device, float* out, const float* in, size_t count, bool squared) {
  block_sums_job job = {out, in, count, squared};
  emeth_run(device, emeth_blocks(count, EMETH_SUM_BLOCK), block_sums_task, &job);
}

// Columns of a task of a column reduction.
#define COLUMN_SPAN 64

typedef struct {
  float* out;
  const float* in;
  size_t rows, columns;
} column_sum_job;

static void column_sum_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const column_sum_job* job = context;
  const size_t first = index * COLUMN_SPAN, count = emeth_min(COLUMN_SPAN, job->columns - first);
  const float* in = job->in + first;
  float* out = job->out + first;
  if (count == COLUMN_SPAN) {
    v16 s0 = load(out), s1 = load(out + 16), s2 = load(out + 32), s3 = load(out + 48);
    for (size_t row = 0; row < job->rows; row++, in += job->columns) {
      s0 += load(in);
      s1 += load(in + 16);
      s2 += load(in + 32);
      s3 += load(in + 48);
    }
    store(out, s0);
    store(out + 16, s1);
    store(out + 32, s2);
    store(out + 48, s3);
    return;
  }
  FOR_LANES(count, {
    v16 sum = LOAD(out);
    for (size_t row = 0; row < job->rows; row++) sum += LOAD(in + row * job->columns);
    STORE(out, sum);
  });
}

static void column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns) {
  column_sum_job job = {out, in, rows, columns};
  emeth_run(device, emeth_blocks(columns, COLUMN_SPAN), column_sum_task, &job);
}

// Elements of a task of an elementwise operation.
#define ELEMENT_SPAN 8192

typedef struct {
  float* out;
  const float* a;
  const float* b;
  size_t count;
} elements_job;

static void run_elements(emeth_device* device, emeth_task* task, float* out, const float* a, const float* b,
                         size_t count) {
  elements_job job = {out, a, b, count};
  emeth_run(device, emeth_blocks(count, ELEMENT_SPAN), task, &job);
}

// A task that computes EXPRESSION of x from a and, where it is not NULL, y from b.
#define ELEMENTS_TASK(NAME, EXPRESSION)                               \
  static void NAME(void* context, size_t index, size_t worker) {      \
    (void)worker;                                                     \
    const elements_job* job = context;                                \
    const size_t first = index * ELEMENT_SPAN;                        \
    const size_t count = emeth_min(ELEMENT_SPAN, job->count - first); \
    float* out = job->out + first;                                    \
    const float* a = job->a + first;                                  \
    const float* b = job->b ? job->b + first : a;                     \
    FOR_LANES(count, {                                                \
      const v16 x = LOAD(a);                                          \
      const v16 y = LOAD(b);                                          \
      (void)y;                                                        \
      STORE(out, EXPRESSION);                                         \
    });                                                               \
  }

ELEMENTS_TASK(add_task, x + y)
ELEMENTS_TASK(exp_task, exp16(x))
ELEMENTS_TASK(log_task, log16(x))
ELEMENTS_TASK(tanh_task, tanh16(x))

static void add(emeth_device* device, float* out, const float* a, const float* b, size_t count) {
  run_elements(device, add_task, out, a, b, count);
}
static void exponential(emeth_device* device, float* out, const float* in, size_t count) {
  run_elements(device, exp_task, out, in, NULL, count);
}
static void logarithm(emeth_device* device, float* out, const float* in, size_t count) {
  run_elements(device, log_task, out, in, NULL, count);
}
static void hyperbolic_tangent(emeth_device* device, float* out, const float* in, size_t count) {
  run_elements(device, tanh_task, out, in, NULL, count);
}

ELEMENTS_TASK(gelu_forward_task, gelu(x))
ELEMENTS_TASK(gelu_backward_task, x* gelu_derivative(y))

static void gelu_forward(emeth_device* device, float* out, const float* in, size_t count) {
  run_elements(device, gelu_forward_task, out, in, NULL, count);
}

static void gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in,
                          size_t count) {
  run_elements(device, gelu_backward_task, d_in, d_out, in, count);
}
