// Matrix products. Threads share out the output in strips of columns, cut into spans of rows where that gives
// too few parts; a chain over k is never cut between them, it goes on from block to block of k through the
// output itself.
//
// A strip's part of b is packed by the thread that needs it, into memory that stays in its cache. Rows of a
// whose steps k are neighbours are read where they lie; else, or where fma is emulated, they are packed before
// for all threads.

typedef struct {
  emeth_device* device;
  const emeth_matmul_arguments* g;
  panel* rows;              // packed panels of a, or NULL
  size_t a_row, a_step;     // strides of a
  size_t b_column, b_step;  // strides of b
  size_t first_row, row_count, first_step, last_step, depth;
  size_t strips, row_span;
} matmul_job;

// Panels of a packing task.
#define PACK_SPAN 8

static void matmul_pack_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const matmul_job* job = context;
  const size_t panels = emeth_blocks(job->row_count, TILE_ROWS);
  for (size_t p = index * PACK_SPAN; p < emeth_min(panels, (index + 1) * PACK_SPAN); p++) {
    const size_t row = p * TILE_ROWS;
    pack_rows(job->rows + p * PANEL_COUNT(TILE_ROWS, job->depth),
              job->g->a + (job->first_row + row) * job->a_row + job->first_step * job->a_step, job->a_row,
              job->a_step, emeth_min(TILE_ROWS, job->row_count - row), job->depth);
  }
}

// What follows a complete chain, for `rows` x `columns` outputs that have just been stored.
INLINE void matmul_finish(const emeth_matmul_arguments* g, size_t row, size_t column, size_t rows,
                          size_t columns) {
  if (!g->bias && !g->activation && !g->slope_of) return;
  for (size_t r = row; r < row + rows; r++) {
    float* out = g->out + r * g->n + column;
    if (g->bias) FOR_LANES(columns, { STORE(out, LOAD(out) + LOAD(g->bias + column)); });
    if (g->activation) {
      float* activation = g->activation + r * g->n + column;
      FOR_LANES(columns, { STORE(activation, gelu(LOAD(out))); });
    }
    if (g->slope_of) {
      const float* in = g->slope_of + r * g->n + column;
      FOR_LANES(columns, { STORE(out, LOAD(out) * gelu_derivative(LOAD(in))); });
    }
  }
}

// Asks for a share of the rows of a that come next: their short streams hide from the hardware.
INLINE void matmul_prefetch(const matmul_job* job, const float* next, size_t depth, size_t column,
                            size_t columns) {
  const size_t share = emeth_round_up(emeth_blocks(depth * TILE_COLUMNS, columns), LANES);
  const size_t first = column / TILE_COLUMNS * share, last = emeth_min(depth, first + share);
  for (size_t i = 0; i < TILE_ROWS; i++) {
    for (size_t k = first; k < last; k += LANES) __builtin_prefetch(next + i * job->a_row + k);
  }
}

// Rows first … last - 1 of the job's rows times a packed strip of b, for one block of k.
static void matmul_strip(const matmul_job* job, panel* strip, size_t first_column, size_t columns, size_t first,
                         size_t last, size_t step, size_t depth) {
  const emeth_matmul_arguments* g = job->g;
  const bool accumulate = g->accumulate || step > 0, complete = step + depth == g->k;
  const bool lying_rows = TILE_READS_ROWS && !job->rows;
  panel* edge = strip + EMETH_STRIP / TILE_COLUMNS * PANEL_COUNT(TILE_COLUMNS, depth);
  for (size_t row = first; row < last; row += TILE_ROWS) {
    const size_t rows = emeth_min(TILE_ROWS, last - row), out_row = job->first_row + row;
    const float* lying = g->a + out_row * job->a_row + step * job->a_step;
    const panel* packed = lying_rows ? edge : job->rows + row / TILE_ROWS * PANEL_COUNT(TILE_ROWS, depth);
    const bool direct = lying_rows && rows == TILE_ROWS;
    // The part of a tile at an edge needs a whole panel.
    if (lying_rows && (rows < TILE_ROWS || columns % TILE_COLUMNS != 0))
      pack_rows(edge, lying, job->a_row, job->a_step, rows, depth);
    for (size_t column = 0; column < columns; column += TILE_COLUMNS) {
      const size_t width = emeth_min(TILE_COLUMNS, columns - column);
      const panel* b = strip + column / TILE_COLUMNS * PANEL_COUNT(TILE_COLUMNS, depth);
      float* out = g->out + out_row * g->n + first_column + column;
      if (column + 2 * TILE_COLUMNS <= columns && rows == TILE_ROWS) tile_prefetch(out + TILE_COLUMNS, g->n);
      if (direct && row + 2 * TILE_ROWS <= last)
        matmul_prefetch(job, lying + TILE_ROWS * job->a_row, depth, column, columns);
      if (direct && width == TILE_COLUMNS) {
        tile_direct(out, g->n, lying, job->a_row, b, depth, accumulate);
      } else {
        tile_part(out, g->n, packed, b, depth, accumulate, rows, width);
      }
      if (!complete) continue;
      if (width == TILE_COLUMNS) {
        matmul_finish(g, out_row, first_column + column, rows, TILE_COLUMNS);
      } else {
        matmul_finish(g, out_row, first_column + column, rows, width);
      }
    }
  }
}

// A strip of columns for a span of rows.
static void matmul_task(void* context, size_t index, size_t worker) {
  const matmul_job* job = context;
  const emeth_matmul_arguments* g = job->g;
  const size_t first_column = index % job->strips * EMETH_STRIP;
  const size_t columns = emeth_min(EMETH_STRIP, g->n - first_column);
  const size_t first = index / job->strips * job->row_span;
  panel* strip = emeth_worker_scratch(job->device, worker);
  size_t step = job->first_step;
  // A chain of no steps is +0, or stays as it is: one block of depth 0.
  do {
    const size_t depth = emeth_min(job->depth, job->last_step - step);
    pack_strip(strip, g->b + first_column * job->b_column + step * job->b_step, job->b_column, job->b_step, columns,
               depth);
    matmul_strip(job, strip, first_column, columns, first, emeth_min(job->row_count, first + job->row_span),
                 step, depth);
    step += depth;
  } while (step < job->last_step);
}

static void matmul_run(emeth_device* device, matmul_job* job) {
  // Enough tasks that a slow thread holds up the others little; each span of rows packs its strip again.
  const size_t threads = emeth_device_threads(device);
  const size_t wanted = threads == 1 ? 1 : emeth_blocks(4 * threads, job->strips);
  const size_t spans = emeth_max(1, emeth_min(wanted, job->row_count / EMETH_TASK_ROWS));
  job->row_span = emeth_round_up(emeth_blocks(job->row_count, spans), TILE_ROWS);
  emeth_run(device, job->strips * emeth_blocks(job->row_count, job->row_span), matmul_task, job);
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
    matmul_finish(g, row, first, 1, count);
  }
}

static void matmul(emeth_device* device, const emeth_matmul_arguments* g) {
  matmul_job job = {.device = device, .g = g, .row_count = g->m, .last_step = g->k};
  if (g->m <= THIN_ROWS && !g->b_transposed) {
    emeth_run(device, emeth_blocks(g->n, THIN_SPAN), matmul_thin_task, &job);
    return;
  }
  job.a_row = g->a_transposed ? 1 : g->k;
  job.a_step = g->a_transposed ? g->m : 1;
  job.b_column = g->b_transposed ? g->k : 1;
  job.b_step = g->b_transposed ? 1 : g->n;
  job.strips = emeth_blocks(g->n, EMETH_STRIP);
  // Blocks of k of about the same length: a short one does little for each output that it reads and writes.
  const size_t blocks = emeth_max(1, emeth_blocks(g->k, EMETH_DEPTH_BLOCK));
  const size_t depth = emeth_round_up(emeth_blocks(g->k, blocks), LANES);
  job.depth = depth;
  // Rows whole pages apart would drive each other out of the nearest cache.
  const bool aliased = TILE_ROWS > 8 && g->k > depth && g->k * sizeof(float) % 4096 == 0;
  if (TILE_READS_ROWS && !g->a_transposed && !aliased) {
    matmul_run(device, &job);
    return;
  }
  job.rows = emeth_shared_scratch(device);
  for (; job.first_row < g->m; job.first_row += EMETH_ROW_BLOCK) {
    job.row_count = emeth_min(EMETH_ROW_BLOCK, g->m - job.first_row);
    job.first_step = 0;
    do {
      job.depth = emeth_min(depth, g->k - job.first_step);
      job.last_step = job.first_step + job.depth;
      const size_t panels = emeth_blocks(job.row_count, TILE_ROWS);
      emeth_run(device, emeth_blocks(panels, PACK_SPAN), matmul_pack_task, &job);
      matmul_run(device, &job);
      job.first_step += job.depth;
    } while (job.first_step < g->k);
  }
}
