// Causal attention, one head of one sequence a task, in blocks of query rows. Scores of keys after the query
// are computed with the others of their tile and never read: chains end at the query's own position.

#define QUERY_SPAN 96

// Panels of `count` columns over `depth` steps.
INLINE size_t panels_count(size_t count, size_t depth) {
  return emeth_blocks(count, TILE_COLUMNS) * emeth_round_up(PANEL_COUNT(TILE_COLUMNS, depth), 8);
}
INLINE size_t panel_stride(size_t depth) { return emeth_round_up(PANEL_COUNT(TILE_COLUMNS, depth), 8); }

static void pack_all_columns(panel* out, const float* in, size_t column_stride, size_t step_stride,
                             size_t count, size_t depth) {
  for (size_t first = 0; first < count; first += TILE_COLUMNS) {
    pack_columns(out + first / TILE_COLUMNS * panel_stride(depth), in + first * column_stride, column_stride,
                 step_stride, emeth_min(TILE_COLUMNS, count - first), depth);
  }
}

// Where the parts of a worker's memory lie.
typedef struct {
  panel* rows;                               // one panel of rows
  panel *key_columns, *value_columns;        // (d steps, T columns)
  panel *keys, *values, *queries, *outputs;  // (T steps, d columns)
  float *scores, *gradients;                 // (QUERY_SPAN, T)
  float* product;                            // (TILE_ROWS, d)
  float* factors;                            // dropout of one query's probabilities
  float *d_keys, *d_values;                  // (T, d)
  size_t score_stride, product_stride, bytes;
} attention_memory;

static attention_memory attention_layout(char* base, size_t T, size_t d) {
  // One line more than a round number, so that rows of scores do not all fall into the same places of a cache.
  attention_memory memory = {.score_stride = emeth_round_up(T, 64) + LANES,
                             .product_stride = emeth_round_up(d, 64)};
  size_t at = 0;
#define TAKE(POINTER, TYPE, COUNT)                   \
  memory.POINTER = (TYPE*)(base ? base + at : NULL); \
  at += emeth_round_up((COUNT) * sizeof(TYPE), 64)
  TAKE(rows, panel, PANEL_COUNT(TILE_ROWS, emeth_max(emeth_max(T, d), QUERY_SPAN)));
  TAKE(key_columns, panel, panels_count(T, d));
  TAKE(value_columns, panel, panels_count(T, d));
  TAKE(keys, panel, panels_count(d, T));
  TAKE(values, panel, panels_count(d, T));
  TAKE(queries, panel, panels_count(d, T));
  TAKE(outputs, panel, panels_count(d, T));
  TAKE(scores, float, QUERY_SPAN* memory.score_stride);
  TAKE(gradients, float, QUERY_SPAN* memory.score_stride);
  TAKE(product, float, TILE_ROWS* memory.product_stride);
  TAKE(factors, float, T + FACTOR_SPAN);
  TAKE(d_keys, float, (T + TILE_ROWS) * memory.product_stride);
  TAKE(d_values, float, (T + TILE_ROWS) * memory.product_stride);
#undef TAKE
  memory.bytes = at;
  return memory;
}

static size_t attention_scratch(size_t T, size_t d) { return attention_layout(NULL, T, d).bytes; }

INLINE float attention_scale(size_t d) { return (float)(1.0 / __builtin_elementwise_sqrt((double)d)); }

// c (TILE_ROWS, all columns) = the first `rows` rows of a, `a_stride` apart, · columns' panels over `depth`
// steps. `panel_rows` is memory for a panel.
INLINE void tile_row(float* c, size_t stride, const float* a, size_t a_stride, size_t rows, panel* panel_rows,
                     const panel* columns, size_t panel_step, size_t column_count, size_t depth) {
  const bool direct = TILE_READS_ROWS && rows == TILE_ROWS;
  if (!direct) pack_rows(panel_rows, a, a_stride, 1, rows, depth);
  for (size_t first = 0; first < column_count; first += TILE_COLUMNS) {
    const panel* b = columns + first / TILE_COLUMNS * panel_step;
    if (direct) {
      tile_direct(c + first, stride, a, a_stride, b, depth, false);
    } else {
      tile(c + first, stride, panel_rows, b, 0, depth, false);
    }
  }
}

// out (d) = chains over i < count of weights[i·weight_stride] · in[i·stride …], from out.
INLINE void chain_rows(float* out, const float* weights, size_t weight_stride, const float* in, size_t stride,
                       size_t count, size_t d) {
  size_t first = 0;
  for (; first + 4 * LANES <= d; first += 4 * LANES) {
    float* sums = out + first;
    const float* row = in + first;
    v16 s0 = load(sums), s1 = load(sums + 16), s2 = load(sums + 32), s3 = load(sums + 48);
    for (size_t i = 0; i < count; i++, row += stride) {
      const v16 x = splat(weights[i * weight_stride]);
      s0 = fma16(x, load(row), s0);
      s1 = fma16(x, load(row + 16), s1);
      s2 = fma16(x, load(row + 32), s2);
      s3 = fma16(x, load(row + 48), s3);
    }
    store(sums, s0);
    store(sums + 16, s1);
    store(sums + 32, s2);
    store(sums + 48, s3);
  }
  FOR_LANES(d - first, {
    v16 sum = LOAD(out + first);
    for (size_t row = 0; row < count; row++)
      sum = fma16(splat(weights[row * weight_stride]), LOAD(in + row * stride + first), sum);
    STORE(out + first, sum);
  });
}

// out (rows, d): chains over keys 0 … first_row + i of weights (row i) · values.
INLINE void weighted_values(const attention_memory* memory, float* out, size_t out_stride,
                            const float* weights, const panel* packed, const float* values,
                            size_t value_stride, size_t first_row, size_t rows, size_t T, size_t d) {
  const size_t common = first_row + 1;
  tile_row(memory->product, memory->product_stride, weights, memory->score_stride, rows, memory->rows, packed,
           panel_stride(T), d, common);
  for (size_t i = 0; i < rows; i++) {
    float* sums = memory->product + i * memory->product_stride;
    chain_rows(sums, weights + i * memory->score_stride + common, 1, values + common * value_stride,
               value_stride, i, d);
    memcpy(out + i * out_stride, sums, d * sizeof(float));
  }
}

typedef struct {
  emeth_device* device;
  float *out, *maximum, *sum;
  const float* qkv;
  size_t T, C, NH;
  emeth_dropout_mask dropout;
} attention_forward_job;

static void attention_forward_task(void* context, size_t index, size_t worker) {
  const attention_forward_job* job = context;
  const size_t T = job->T, C = job->C, d = C / job->NH, b = index / job->NH, h = index % job->NH,
               stride = 3 * C;
  const attention_memory memory = attention_layout(emeth_worker_scratch(job->device, worker), T, d);
  const float *queries = job->qkv + b * T * stride + h * d, *keys = queries + C, *values = keys + C;
  const float scale = attention_scale(d);
  pack_all_columns(memory.key_columns, keys, stride, 1, T, d);
  pack_all_columns(memory.values, values, 1, stride, d, T);
  for (size_t first = 0; first < T; first += TILE_ROWS) {
    const size_t rows = emeth_min(TILE_ROWS, T - first);
    tile_row(memory.scores, memory.score_stride, queries + first * stride, stride, rows, memory.rows,
             memory.key_columns, panel_stride(d), first + rows, d);
    for (size_t i = 0; i < rows; i++) {
      const size_t keys_count = first + i + 1;
      float* scores = memory.scores + i * memory.score_stride;
      const float maximum = row_max(scores, keys_count) * scale;
      const float sum = row_exp(scores, scores, scale, maximum, keys_count);
      FOR_LANES(keys_count, { STORE(scores, LOAD(scores) / splat(sum)); });
      if (job->dropout.threshold) {
        dropout_factors(memory.factors, &job->dropout, index * T + first + i, T, keys_count);
        apply_factors(scores, memory.factors, keys_count);
      }
      job->maximum[index * T + first + i] = maximum;
      job->sum[index * T + first + i] = sum;
    }
    weighted_values(&memory, job->out + (b * T + first) * C + h * d, C, memory.scores, memory.values, values,
                    stride, first, rows, T, d);
  }
}

static void attention_forward(emeth_device* device, float* out, float* maximum, float* sum, const float* qkv,
                              size_t B, size_t T, size_t C, size_t NH, emeth_dropout_mask dropout) {
  attention_forward_job job = {device, out, maximum, sum, qkv, T, C, NH, dropout};
  emeth_run(device, B * NH, attention_forward_task, &job);
}

typedef struct {
  emeth_device* device;
  float* d_qkv;
  const float *d_out, *qkv, *maximum, *sum;
  size_t T, C, NH;
  emeth_dropout_mask dropout;
} attention_backward_job;

// Row of probabilities, after dropout, and of the scores' gradients, in place of the scores and of d_out ·
// values. `factors` are NULL without dropout.
INLINE void attention_backward_row(float* scores, float* gradients, const float* factors, float scale,
                                   float maximum, float sum, size_t count) {
  const v16 sums = splat(sum), scales = splat(scale), maxima = splat(maximum);
  FOR_LANES(count, { STORE(scores, exp16(LOAD(scores) * scales - maxima) / sums); });
  if (factors) apply_factors(gradients, factors, count);
  float total;
  ROW_SUM(total, gradients, scores, count, x * y);
  const v16 totals = splat(total);
  FOR_LANES(count, { STORE(gradients, (LOAD(scores) * (LOAD(gradients) - totals)) * scales); });
  if (factors) apply_factors(scores, factors, count);
}

// c (TILE_ROWS, all columns) += the first `rows` columns of a · columns' panels from step `first` on, over
// `depth` steps, each a row of a, `a_stride` apart. `panel_rows` is memory for a panel.
INLINE void tile_columns(float* c, size_t stride, const float* a, size_t a_stride, size_t rows,
                         panel* panel_rows, const panel* columns, size_t panel_step, size_t column_count,
                         size_t first, size_t depth) {
  const bool direct = TILE_READS_ROWS && rows == TILE_ROWS;
  if (!direct) pack_rows(panel_rows, a, 1, a_stride, rows, depth);
  for (size_t column = 0; column < column_count; column += TILE_COLUMNS) {
    const panel* b = columns + column / TILE_COLUMNS * panel_step;
    if (direct) {
      tile_across(c + column, stride, a, a_stride, b, first, depth);
    } else {
      tile(c + column, stride, panel_rows, b, first, depth, true);
    }
  }
}

// out (keys, d) += chains over queries from `first` to `last` - 1, from each key's own position on, of
// weights (query - first, key) · in. `rows` is memory for a panel.
INLINE void key_gradients(float* out, size_t out_stride, panel* rows, const float* weights,
                          size_t weight_stride, const panel* packed, const float* in, size_t in_stride,
                          size_t first, size_t last, size_t T, size_t d) {
  for (size_t key = 0; key < last; key += TILE_ROWS) {
    const size_t keys = emeth_min(TILE_ROWS, T - key);
    // Queries from here on see all keys of the block.
    const size_t common = emeth_min(last, emeth_max(first, key + keys - 1));
    for (size_t i = 0; i < keys; i++) {
      const size_t query = emeth_max(first, key + i);
      if (query >= common) continue;
      chain_rows(out + (key + i) * out_stride, weights + (query - first) * weight_stride + key + i,
                 weight_stride, in + query * in_stride, in_stride, common - query, d);
    }
    if (common == last) continue;
    tile_columns(out + key * out_stride, out_stride, weights + (common - first) * weight_stride + key,
                 weight_stride, keys, rows, packed, panel_stride(T), d, common, last - common);
  }
}

static void attention_backward_task(void* context, size_t index, size_t worker) {
  const attention_backward_job* job = context;
  const size_t T = job->T, C = job->C, d = C / job->NH, b = index / job->NH, h = index % job->NH,
               stride = 3 * C;
  const attention_memory memory = attention_layout(emeth_worker_scratch(job->device, worker), T, d);
  const size_t score_stride = memory.score_stride, product_stride = memory.product_stride;
  const float *queries = job->qkv + b * T * stride + h * d, *keys = queries + C, *values = keys + C;
  const float* d_out = job->d_out + b * T * C + h * d;
  float* d_queries = job->d_qkv + b * T * stride + h * d;
  const float scale = attention_scale(d);
  pack_all_columns(memory.key_columns, keys, stride, 1, T, d);
  pack_all_columns(memory.value_columns, values, stride, 1, T, d);
  pack_all_columns(memory.keys, keys, 1, stride, d, T);
  pack_all_columns(memory.queries, queries, 1, stride, d, T);
  pack_all_columns(memory.outputs, d_out, 1, C, d, T);
  memset(memory.d_keys, 0, (T + TILE_ROWS) * product_stride * sizeof(float));
  memset(memory.d_values, 0, (T + TILE_ROWS) * product_stride * sizeof(float));
  for (size_t block = 0; block < T; block += QUERY_SPAN) {
    const size_t end = emeth_min(T, block + QUERY_SPAN);
    for (size_t first = block; first < end; first += TILE_ROWS) {
      const size_t rows = emeth_min(TILE_ROWS, end - first);
      float* scores = memory.scores + (first - block) * score_stride;
      float* gradients = memory.gradients + (first - block) * score_stride;
      tile_row(scores, score_stride, queries + first * stride, stride, rows, memory.rows, memory.key_columns,
               panel_stride(d), first + rows, d);
      tile_row(gradients, score_stride, d_out + first * C, C, rows, memory.rows, memory.value_columns,
               panel_stride(d), first + rows, d);
      for (size_t i = 0; i < rows; i++) {
        const size_t row = index * T + first + i, count = first + i + 1;
        if (job->dropout.threshold) dropout_factors(memory.factors, &job->dropout, row, T, count);
        attention_backward_row(scores + i * score_stride, gradients + i * score_stride,
                               job->dropout.threshold ? memory.factors : NULL, scale, job->maximum[row],
                               job->sum[row], count);
      }
      weighted_values(&memory, d_queries + first * stride, stride, gradients, memory.keys, keys, stride,
                      first, rows, T, d);
    }
    key_gradients(memory.d_keys, product_stride, memory.rows, memory.gradients, score_stride, memory.queries,
                  queries, stride, block, end, T, d);
    key_gradients(memory.d_values, product_stride, memory.rows, memory.scores, score_stride, memory.outputs,
                  d_out, C, block, end, T, d);
  }
  for (size_t t = 0; t < T; t++) {
    memcpy(d_queries + t * stride + C, memory.d_keys + t * product_stride, d * sizeof(float));
    memcpy(d_queries + t * stride + 2 * C, memory.d_values + t * product_stride, d * sizeof(float));
  }
}

static void attention_backward(emeth_device* device, float* d_qkv, const float* d_out, const float* qkv,
                               const float* maximum, const float* sum, size_t B, size_t T, size_t C,
                               size_t NH, emeth_dropout_mask dropout) {
  attention_backward_job job = {device, d_qkv, d_out, qkv, maximum, sum, T, C, NH, dropout};
  emeth_run(device, B * NH, attention_backward_task, &job);
}
