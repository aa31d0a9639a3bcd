// Matrix products by packed panels. Threads share out tiles of the output; a chain over k is never cut
// between them, it goes on from block to block of k through the output itself.

typedef struct {
  const emeth_matmul_arguments* g;
  panel *rows, *columns;    // packed panels of a and b
  size_t a_row, a_step;     // strides of a
  size_t b_column, b_step;  // strides of b
  size_t first_row, row_count, first_column, column_count, first_step, depth;
  size_t row_panels, column_panels, row_pack_tasks;
  size_t row_span, column_span, row_tasks;  // panels of a task
  bool accumulate, last;
} matmul_job;

// Panels of a packing task.
#define PACK_SPAN 4

// Packs some panels of a, then of b.
static void matmul_pack_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const matmul_job* job = context;
  const emeth_matmul_arguments* g = job->g;
  if (index < job->row_pack_tasks) {
    for (size_t p = index * PACK_SPAN; p < emeth_min(job->row_panels, (index + 1) * PACK_SPAN); p++) {
      const size_t row = p * TILE_ROWS;
      pack_rows(job->rows + p * PANEL_COUNT(TILE_ROWS, job->depth),
                g->a + (job->first_row + row) * job->a_row + job->first_step * job->a_step, job->a_row,
                job->a_step, emeth_min(TILE_ROWS, job->row_count - row), job->depth);
    }
    return;
  }
  index -= job->row_pack_tasks;
  for (size_t p = index * PACK_SPAN; p < emeth_min(job->column_panels, (index + 1) * PACK_SPAN); p++) {
    const size_t column = p * TILE_COLUMNS;
    pack_columns(job->columns + p * PANEL_COUNT(TILE_COLUMNS, job->depth),
                 g->b + (job->first_column + column) * job->b_column + job->first_step * job->b_step,
                 job->b_column, job->b_step, emeth_min(TILE_COLUMNS, job->column_count - column), job->depth);
  }
}

INLINE void add_bias(float* out, size_t stride, const float* bias, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++, out += stride) {
    for (size_t j = 0; j < columns; j++) out[j] += bias[j];
  }
}

// A span of row panels times a span of column panels.
static void matmul_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const matmul_job* job = context;
  const emeth_matmul_arguments* g = job->g;
  const size_t first_row = index % job->row_tasks * job->row_span;
  const size_t last_row = emeth_min(job->row_panels, first_row + job->row_span);
  const size_t first = index / job->row_tasks * job->column_span;
  for (size_t p = first; p < emeth_min(job->column_panels, first + job->column_span); p++) {
    const size_t column = p * TILE_COLUMNS, columns = emeth_min(TILE_COLUMNS, job->column_count - column);
    const panel* b = job->columns + p * PANEL_COUNT(TILE_COLUMNS, job->depth);
    for (size_t q = first_row; q < last_row; q++) {
      const size_t row = q * TILE_ROWS, rows = emeth_min(TILE_ROWS, job->row_count - row);
      float* out = g->out + (job->first_row + row) * g->n + job->first_column + column;
      tile_part(out, g->n, job->rows + q * PANEL_COUNT(TILE_ROWS, job->depth), b, job->depth, job->accumulate,
                rows, columns);
      if (g->bias && job->last) add_bias(out, g->n, g->bias + job->first_column + column, rows, columns);
    }
  }
}

// All rows of a times the packed columns, for one block of k.
static void matmul_block(emeth_device* device, matmul_job* job) {
  const size_t m = job->g->m;
  for (job->first_row = 0; job->first_row < m; job->first_row += EMETH_ROW_BLOCK) {
    job->row_count = emeth_min(EMETH_ROW_BLOCK, m - job->first_row);
    job->row_panels = emeth_blocks(job->row_count, TILE_ROWS);
    job->row_pack_tasks = emeth_blocks(job->row_panels, PACK_SPAN);
    // The columns stay packed from the first block of rows on.
    const size_t column_pack_tasks = job->first_row == 0 ? emeth_blocks(job->column_panels, PACK_SPAN) : 0;
    emeth_run(device, job->row_pack_tasks + column_pack_tasks, matmul_pack_task, job);
    job->row_span = emeth_blocks(EMETH_TASK_ROWS, TILE_ROWS);
    job->row_tasks = emeth_blocks(job->row_panels, job->row_span);
    // Enough tasks that a slow thread holds up the others little, as long as each has 64 columns.
    const size_t wanted = emeth_blocks(6 * emeth_device_threads(device), job->row_tasks);
    const size_t column_tasks = emeth_max(1, emeth_min(wanted, job->column_panels * TILE_COLUMNS / 64));
    job->column_span = emeth_blocks(job->column_panels, column_tasks);
    emeth_run(device, job->row_tasks * emeth_blocks(job->column_panels, job->column_span), matmul_task, job);
  }
}

// Columns of a task of a product with few rows.
#define THIN_SPAN 64
#define THIN_ROWS 4

// A few rows times b stored (k, n): b is read once, where it lies.
static void matmul_thin_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const emeth_matmul_arguments* g = ((const matmul_job*)context)->g;
  const size_t first = index * THIN_SPAN, count = emeth_min(THIN_SPAN, g->n - first);
  for (size_t row = 0; row < g->m; row++) {
    const float* a = g->a + (g->a_transposed ? row : row * g->k);
    const size_t step = g->a_transposed ? g->m : 1;
    float* out = g->out + row * g->n + first;
    if (count == THIN_SPAN) {
      const float* b = g->b + first;
      v16 s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
      if (g->accumulate) s0 = load(out), s1 = load(out + 16), s2 = load(out + 32), s3 = load(out + 48);
      for (size_t k = 0; k < g->k; k++, b += g->n) {
        const v16 x = splat(a[k * step]);
        s0 = fma16(x, load(b), s0);
        s1 = fma16(x, load(b + 16), s1);
        s2 = fma16(x, load(b + 32), s2);
        s3 = fma16(x, load(b + 48), s3);
      }
      store(out, s0);
      store(out + 16, s1);
      store(out + 32, s2);
      store(out + 48, s3);
    } else {
      FOR_LANES(count, {
        v16 sum = g->accumulate ? LOAD(out) : zero();
        for (size_t k = 0; k < g->k; k++) sum = fma16(splat(a[k * step]), LOAD(g->b + k * g->n + first), sum);
        STORE(out, sum);
      });
    }
    if (g->bias) add_bias(out, 0, g->bias + first, 1, count);
  }
}

static void matmul(emeth_device* device, const emeth_matmul_arguments* g) {
  matmul_job job = {.g = g, .columns = emeth_shared_scratch(device)};
  if (g->m <= THIN_ROWS && !g->b_transposed) {
    emeth_run(device, emeth_blocks(g->n, THIN_SPAN), matmul_thin_task, &job);
    return;
  }
  job.rows = (panel*)((char*)job.columns + EMETH_COLUMN_PANELS_BYTES);
  job.a_row = g->a_transposed ? 1 : g->k;
  job.a_step = g->a_transposed ? g->m : 1;
  job.b_column = g->b_transposed ? g->k : 1;
  job.b_step = g->b_transposed ? 1 : g->n;
  for (job.first_column = 0; job.first_column < g->n; job.first_column += EMETH_COLUMN_BLOCK) {
    job.column_count = emeth_min(EMETH_COLUMN_BLOCK, g->n - job.first_column);
    job.column_panels = emeth_blocks(job.column_count, TILE_COLUMNS);
    job.first_step = 0;
    // A chain of no steps is +0, or stays as it is: one block of depth 0.
    do {
      job.depth = emeth_min(EMETH_DEPTH_BLOCK, g->k - job.first_step);
      job.accumulate = g->accumulate || job.first_step > 0;
      job.last = job.first_step + job.depth == g->k;
      matmul_block(device, &job);
      job.first_step += job.depth;
    } while (job.first_step < g->k);
  }
}
