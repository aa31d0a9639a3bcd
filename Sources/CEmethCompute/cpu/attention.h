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
  float *d_keys, *d_values;                  // (T, d)
  size_t score_stride, product_stride, bytes;
} attention_memory;

static attention_memory attention_layout(char* base, size_t T, size_t d) {
  attention_memory memory = {.score_stride = emeth_round_up(T, 64), .product_stride = emeth_round_up(d, 64)};
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
  TAKE(d_keys, float, (T + TILE_ROWS) * memory.product_stride);
  TAKE(d_values, float, (T + TILE_ROWS) * memory.product_stride);
#undef TAKE
  memory.bytes = at;
  return memory;
}

static size_t attention_scratch(size_t T, size_t d) { return attention_layout(NULL, T, d).bytes; }

INLINE float attention_scale(size_t d) { return (float)(1.0 / __builtin_elementwise_sqrt((double)d)); }

// c (TILE_ROWS, all columns) = or += rows panel · columns' panels over the first `depth` steps.
INLINE void tile_row(float* c, size_t stride, const panel* rows, const panel* columns, size_t panel_step,
                     size_t column_count, size_t depth, bool accumulate) {
  for (size_t first = 0; first < column_count; first += TILE_COLUMNS) {
    tile(c + first, stride, rows, columns + first / TILE_COLUMNS * panel_step, 0, depth, accumulate);
  }
}

// out (d) = fma(x, in, out)
INLINE void chain_step(float* out, float x, const float* in, size_t d) {
  const v16 factor = splat(x);
  FOR_LANES(d, { STORE(out, fma16(factor, LOAD(in), LOAD(out))); });
}

// out (rows, d): chains over keys 0 … first_row + i of weights (row i) · values. `memory.rows` is used.
INLINE void weighted_values(const attention_memory* memory, float* out, size_t out_stride,
                            const float* weights, const panel* packed, const float* values,
                            size_t value_stride, size_t first_row, size_t rows, size_t T, size_t d) {
  const size_t common = first_row + 1;
  pack_rows(memory->rows, weights, memory->score_stride, 1, rows, common);
  tile_row(memory->product, memory->product_stride, memory->rows, packed, panel_stride(T), d, common, false);
  for (size_t i = 0; i < rows; i++) {
    float* sums = memory->product + i * memory->product_stride;
    for (size_t key = common; key <= first_row + i; key++) {
      chain_step(sums, weights[i * memory->score_stride + key], values + key * value_stride, d);
    }
    memcpy(out + i * out_stride, sums, d * sizeof(float));
  }
}

typedef struct {
  emeth_device* device;
  float *out, *maximum, *sum;
  const float* qkv;
  size_t T, C, NH;
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
    pack_rows(memory.rows, queries + first * stride, stride, 1, rows, d);
    tile_row(memory.scores, memory.score_stride, memory.rows, memory.key_columns, panel_stride(d),
             first + rows, d, false);
    for (size_t i = 0; i < rows; i++) {
      const size_t keys_count = first + i + 1;
      float* scores = memory.scores + i * memory.score_stride;
      const float maximum = row_max(scores, keys_count) * scale;
      const float sum = row_exp(scores, scores, scale, maximum, keys_count);
      FOR_LANES(keys_count, { STORE(scores, LOAD(scores) / splat(sum)); });
      job->maximum[index * T + first + i] = maximum;
      job->sum[index * T + first + i] = sum;
    }
    weighted_values(&memory, job->out + (b * T + first) * C + h * d, C, memory.scores, memory.values, values,
                    stride, first, rows, T, d);
  }
}

static void attention_forward(emeth_device* device, float* out, float* maximum, float* sum, const float* qkv,
                              size_t B, size_t T, size_t C, size_t NH) {
  attention_forward_job job = {device, out, maximum, sum, qkv, T, C, NH};
  emeth_run(device, B * NH, attention_forward_task, &job);
}

typedef struct {
  emeth_device* device;
  float* d_qkv;
  const float *d_out, *qkv, *maximum, *sum;
  size_t T, C, NH;
} attention_backward_job;

// Row of probabilities and of the scores' gradients, in place of the scores and of d_out · values.
INLINE void attention_backward_row(float* scores, float* gradients, float scale, float maximum, float sum,
                                   size_t count) {
  const v16 sums = splat(sum), scales = splat(scale), maxima = splat(maximum);
  FOR_LANES(count, { STORE(scores, exp16(LOAD(scores) * scales - maxima) / sums); });
  float total;
  ROW_SUM(total, gradients, scores, count, x * y);
  const v16 totals = splat(total);
  FOR_LANES(count, { STORE(gradients, (LOAD(scores) * (LOAD(gradients) - totals)) * scales); });
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
    for (size_t query = emeth_max(first, key); query < common; query++) {
      for (size_t i = 0; key + i <= query; i++) {
        chain_step(out + (key + i) * out_stride, weights[(query - first) * weight_stride + key + i],
                   in + query * in_stride, d);
      }
    }
    if (common == last) continue;
    pack_rows(rows, weights + (common - first) * weight_stride + key, 1, weight_stride, keys, last - common);
    for (size_t column = 0; column < d; column += TILE_COLUMNS) {
      const panel* columns = packed + column / TILE_COLUMNS * panel_stride(T);
      tile(out + key * out_stride + column, out_stride, rows, columns, common, last - common, true);
    }
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
      pack_rows(memory.rows, queries + first * stride, stride, 1, rows, d);
      tile_row(scores, score_stride, memory.rows, memory.key_columns, panel_stride(d), first + rows, d,
               false);
      pack_rows(memory.rows, d_out + first * C, C, 1, rows, d);
      tile_row(gradients, score_stride, memory.rows, memory.value_columns, panel_stride(d), first + rows, d,
               false);
      for (size_t i = 0; i < rows; i++) {
        attention_backward_row(scores + i * score_stride, gradients + i * score_stride, scale,
                               job->maximum[index * T + first + i], job->sum[index * T + first + i],
                               first + i + 1);
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
                               size_t NH) {
  attention_backward_job job = {device, d_qkv, d_out, qkv, maximum, sum, T, C, NH};
  emeth_run(device, B * NH, attention_backward_task, &job);
}

typedef struct {
  emeth_device* device;
  float *out, *keys, *values;
  const float* qkv;
  size_t position, rows, T, C, NH;
} attention_cached_job;

// out (d) = chain over `count` keys of weights · values.
INLINE void cached_values(float* out, const float* weights, const float* values, size_t stride, size_t count,
                          size_t d) {
  for (size_t first = 0; first < d; first += 4 * LANES) {
    const size_t width = emeth_min(4 * LANES, d - first);
    v16 sums[4] = {zero(), zero(), zero(), zero()};
    const float* in = values + first;
    if (width == 4 * LANES) {
      for (size_t key = 0; key < count; key++, in += stride) {
        const v16 x = splat(weights[key]);
        for (int j = 0; j < 4; j++) sums[j] = fma16(x, load(in + j * LANES), sums[j]);
      }
      for (int j = 0; j < 4; j++) store(out + first + j * LANES, sums[j]);
    } else {
      FOR_LANES(width, {
        v16 sum = zero();
        for (size_t key = 0; key < count; key++)
          sum = fma16(splat(weights[key]), LOAD(in + key * stride), sum);
        STORE(out + first, sum);
      });
    }
  }
}

// One head. Its keys lie as (d, T rounded up to 16), so that the scores of 16 keys are 16 lanes; values as
// (T, C).
static void attention_cached_task(void* context, size_t h, size_t worker) {
  const attention_cached_job* job = context;
  const size_t T = job->T, C = job->C, d = C / job->NH, key_stride = emeth_round_up(T, LANES);
  const attention_memory memory = attention_layout(emeth_worker_scratch(job->device, worker), T, d);
  float *keys = job->keys + h * d * key_stride, *values = job->values + h * d, *scores = memory.scores;
  const float scale = attention_scale(d);
  for (size_t row = 0; row < job->rows; row++) {
    const size_t position = job->position + row, count = position + 1;
    const float* query = job->qkv + row * 3 * C + h * d;
    for (size_t c = 0; c < d; c++) keys[c * key_stride + position] = query[C + c];
    memcpy(values + position * C, query + 2 * C, d * sizeof(float));
    for (size_t first = 0; first < count; first += LANES) {
      v16 sum = zero();
      for (size_t c = 0; c < d; c++) sum = fma16(splat(query[c]), load(keys + c * key_stride + first), sum);
      store(scores + first, sum);
    }
    const float sum = row_exp(scores, scores, scale, row_max(scores, count) * scale, count);
    FOR_LANES(count, { STORE(scores, LOAD(scores) / splat(sum)); });
    cached_values(job->out + row * C + h * d, scores, values, C, count, d);
  }
}

static void attention_cached(emeth_device* device, float* out, float* keys, float* values, const float* qkv,
                             size_t position, size_t rows, size_t T, size_t C, size_t NH) {
  attention_cached_job job = {device, out, keys, values, qkv, position, rows, T, C, NH};
  emeth_run(device, NH, attention_cached_task, &job);
}
