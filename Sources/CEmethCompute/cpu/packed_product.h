// Products of a few rows with packed weights (packed_weights.h), the work of generating text: each output one
// fma chain over k ascending. One row streams the weights through registers; several rows share a block of
// them, widened to binary32 where it is stored smaller.

// Steps of a block that several rows share: 16 KiB of binary32.
#define PACKED_DEPTH 128
// Rows whose sums wait in a task's own memory while it goes through the blocks.
#define PACKED_ROWS 64
// Groups that one row reads side by side: a CPU fetches several streams ahead of their reading and gets far
// more out of memory than with one. As many as there are registers for.
#if defined(__aarch64__)
#define PACKED_STREAMS 2
#else
#define PACKED_STREAMS 4
#endif
// How far ahead a row asks for weights that it widens. Of binary32 the CPU fetches enough by itself, and asking
// made it slower.
#define PACKED_AHEAD 1024
// Bytes of weights of a task.
#define PACKED_TASK_BYTES (192 << 10)

typedef int8_t bytes16 __attribute__((vector_size(16), aligned(1)));
typedef uint16_t words16 __attribute__((vector_size(32), aligned(2)));

// 16 finite binary16 as binary32.
INLINE v16 load_halves(const uint16_t* p) {
#if EMETH_HARDWARE_HALF
  typedef _Float16 halves16 __attribute__((vector_size(32), aligned(2)));
  return __builtin_convertvector(*(const halves16*)p, v16);
#else
  const integers16 bits = __builtin_convertvector(*(const words16*)p, integers16);
  const v16 size = (v16)((bits & 0x7FFF) << 13) * splat(0x1p112f);
  return (v16)((integers16)size | (bits & 0x8000) << 16);
#endif
}

INLINE v16 load_scales(const uint16_t* p) {
  return (v16)(__builtin_convertvector(*(const words16*)p, integers16) << 16);
}

INLINE v16 load_bytes(const int8_t* p) {
  return __builtin_convertvector(__builtin_convertvector(*(const bytes16*)p, integers16), v16);
}

// Where a block of scales begins, and the steps of it that a product of k steps has.
INLINE const char* scale_block(const char* group, size_t step) {
  return group + step / EMETH_SCALE_BLOCK * EMETH_INT8_BLOCK_BYTES;
}

// 16 weights of step `step`, from column `column` of a group on; `scale` is theirs in INT8.
INLINE v16 packed_weights(const char* group, emeth_weight_format format, size_t step, size_t column,
                          v16 scale) {
  const size_t at = step * EMETH_GROUP + column;
  switch (format) {
    case EMETH_WEIGHTS_F32: return load((const float*)group + at);
    case EMETH_WEIGHTS_F16: return load_halves((const uint16_t*)group + at);
    case EMETH_WEIGHTS_INT8: return load_bytes((const int8_t*)group + at) * scale;
  }
  return zero();
}

// sums (streams, 32) = chains over k of one row with so many groups, from +0. `format` and `streams` are
// constants.
INLINE void packed_row(float* sums, const float* a, const char* groups, emeth_weight_format format, size_t k,
                       const int streams) {
  const size_t group_bytes = emeth_group_bytes(format, k);
  const size_t block = format == EMETH_WEIGHTS_INT8 ? EMETH_SCALE_BLOCK : k;
  const size_t step_bytes = EMETH_GROUP * (format == EMETH_WEIGHTS_INT8 ? sizeof(int8_t) : sizeof(uint16_t));
  v16 s[PACKED_STREAMS][2], scale[PACKED_STREAMS][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < streams; i++) s[i][0] = s[i][1] = scale[i][0] = scale[i][1] = zero();
  for (size_t first = 0; first < k; first += block) {
    const char* in = groups;
    if (format == EMETH_WEIGHTS_INT8) {
      in = scale_block(groups, first);
#pragma clang loop unroll(full)
      for (int i = 0; i < streams; i++) {
        const uint16_t* scales = (const uint16_t*)(in + i * group_bytes);
        scale[i][0] = load_scales(scales);
        scale[i][1] = load_scales(scales + LANES);
      }
      in += EMETH_GROUP * 2;
    }
    const size_t steps = emeth_min(block, k - first);
#pragma clang loop unroll_count(4)
    for (size_t step = 0; step < steps; step++) {
      const v16 x = splat(a[first + step]);
#pragma clang loop unroll(full)
      for (int i = 0; i < streams; i++) {
        const char* group = in + i * group_bytes;
        if (format != EMETH_WEIGHTS_F32) __builtin_prefetch(group + step * step_bytes + PACKED_AHEAD);
        s[i][0] = fma16(x, packed_weights(group, format, step, 0, scale[i][0]), s[i][0]);
        s[i][1] = fma16(x, packed_weights(group, format, step, LANES, scale[i][1]), s[i][1]);
      }
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < streams; i++) {
    store(sums + i * EMETH_GROUP, s[i][0]);
    store(sums + i * EMETH_GROUP + LANES, s[i][1]);
  }
}

// As packed_row, of PACKED_STREAMS groups or of one.
#define PACKED_ROW(NAME, FORMAT)                                                              \
  static void NAME(float* sums, const float* a, const char* groups, size_t k, size_t count) { \
    const size_t bytes = emeth_group_bytes(FORMAT, k);                                        \
    if (count == PACKED_STREAMS) {                                                            \
      packed_row(sums, a, groups, FORMAT, k, PACKED_STREAMS);                                 \
      return;                                                                                 \
    }                                                                                         \
    for (size_t i = 0; i < count; i++) {                                                      \
      packed_row(sums + i * EMETH_GROUP, a, groups + i * bytes, FORMAT, k, 1);                \
    }                                                                                         \
  }
PACKED_ROW(packed_row_f32, EMETH_WEIGHTS_F32)
PACKED_ROW(packed_row_f16, EMETH_WEIGHTS_F16)
PACKED_ROW(packed_row_int8, EMETH_WEIGHTS_INT8)

// Steps first … first + depth - 1 of a group as binary32: where they lie, or widened into `room`. `first` is
// a multiple of PACKED_DEPTH.
INLINE const float* packed_block(float* room, const char* group, emeth_weight_format format,
                                 size_t first, size_t depth) {
  if (format == EMETH_WEIGHTS_F32) return (const float*)group + first * EMETH_GROUP;
  if (format == EMETH_WEIGHTS_F16) {
    const uint16_t* w = (const uint16_t*)group + first * EMETH_GROUP;
    for (size_t i = 0; i < depth * EMETH_GROUP; i += LANES) store(room + i, load_halves(w + i));
    return room;
  }
  float* out = room;
  for (size_t step = first; step < first + depth; step += EMETH_SCALE_BLOCK) {
    const char* block = scale_block(group, step);
    const v16 low_scale = load_scales((const uint16_t*)block);
    const v16 high_scale = load_scales((const uint16_t*)block + LANES);
    const int8_t* w = (const int8_t*)block + EMETH_GROUP * 2;
    const size_t last = emeth_min(first + depth, step + EMETH_SCALE_BLOCK);
    for (size_t i = step; i < last; i++, w += EMETH_GROUP, out += EMETH_GROUP) {
      store(out, load_bytes(w) * low_scale);
      store(out + LANES, load_bytes(w + LANES) * high_scale);
    }
  }
  return room;
}

// sums (rows, 32) go on by `depth` steps in 16·vectors of their columns. `rows` and `vectors` are constants.
INLINE void packed_tile(float* sums, const float* a, size_t a_stride, const float* b, size_t depth,
                        const int rows, const int vectors) {
  v16 s[TILE_ROWS][2];
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) s[i][j] = load(sums + i * EMETH_GROUP + j * LANES);
  }
  for (size_t k = 0; k < depth; k++, b += EMETH_GROUP) {
    v16 columns[2];
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) columns[j] = load(b + j * LANES);
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const v16 x = splat(a[i * a_stride + k]);
#pragma clang loop unroll(full)
      for (int j = 0; j < vectors; j++) s[i][j] = fma16(x, columns[j], s[i][j]);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
#pragma clang loop unroll(full)
    for (int j = 0; j < vectors; j++) store(sums + i * EMETH_GROUP + j * LANES, s[i][j]);
  }
}

// As packed_tile, all 32 columns of so many rows. One and two rows take all columns at once, so that there
// are enough chains to hide the time of an fma.
#define PACKED_TILE(NAME, ROWS, VECTORS)                                                            \
  static void NAME(float* sums, const float* a, size_t a_stride, const float* b, size_t depth) {    \
    for (size_t column = 0; column < EMETH_GROUP; column += (VECTORS) * LANES) {                    \
      packed_tile(sums + column, a, a_stride, b + column, depth, ROWS, VECTORS);                    \
    }                                                                                               \
  }
PACKED_TILE(packed_most_rows, TILE_ROWS, TILE_VECTORS)
PACKED_TILE(packed_4_rows, 4, TILE_VECTORS)
PACKED_TILE(packed_3_rows, 3, TILE_VECTORS)
PACKED_TILE(packed_2_rows, 2, 2)
PACKED_TILE(packed_1_row, 1, 2)

// sums (rows, 32) go on by `depth` steps of b (depth, 32).
static void packed_rows(float* sums, const float* a, size_t a_stride, const float* b, size_t depth,
                        size_t rows) {
  for (size_t row = 0; row < rows;) {
    float* out = sums + row * EMETH_GROUP;
    const float* in = a + row * a_stride;
    if (rows - row >= TILE_ROWS) {
      packed_most_rows(out, in, a_stride, b, depth);
      row += TILE_ROWS;
      continue;
    }
    switch (rows - row) {
      case 1: packed_1_row(out, in, a_stride, b, depth); return;
      case 2: packed_2_rows(out, in, a_stride, b, depth); return;
      case 3: packed_3_rows(out, in, a_stride, b, depth); return;
      default: packed_4_rows(out, in, a_stride, b, depth); row += 4;
    }
  }
}

// out's `count` columns from `first` on of one row: bias, GELU and the residual after the chain.
INLINE void packed_finish(const emeth_packed_product_arguments* g, const float* sums, size_t row,
                          size_t first, size_t count) {
  float* out = g->out + row * g->n + first;
  const float* bias = g->bias ? g->bias + first : NULL;
  const float* residual = g->residual ? g->residual + row * g->n + first : NULL;
  FOR_LANES(count, {
    v16 x = load(sums + i);
    if (bias) x += LOAD(bias);
    if (g->gelu) x = gelu(x);
    if (residual) x = LOAD(residual) + x;
    STORE(out, x);
  });
}

typedef struct {
  const emeth_packed_product_arguments* g;
  size_t groups, span;  // groups in all and of a task
} packed_product_job;

// `count` groups, at most PACKED_STREAMS, of one row.
static void packed_one_row(const emeth_packed_product_arguments* g, size_t index, size_t count) {
  const char* groups = (const char*)g->weights + index * emeth_group_bytes(g->format, g->k);
  float sums[PACKED_STREAMS * EMETH_GROUP] __attribute__((aligned(64)));
  switch (g->format) {
    case EMETH_WEIGHTS_F32: packed_row_f32(sums, g->a, groups, g->k, count); break;
    case EMETH_WEIGHTS_F16: packed_row_f16(sums, g->a, groups, g->k, count); break;
    case EMETH_WEIGHTS_INT8: packed_row_int8(sums, g->a, groups, g->k, count); break;
  }
  const size_t first = index * EMETH_GROUP;
  packed_finish(g, sums, 0, first, emeth_min(count * EMETH_GROUP, g->n - first));
}

// One group of several rows.
static void packed_some_rows(const emeth_packed_product_arguments* g, size_t index) {
  const size_t first = index * EMETH_GROUP, count = emeth_min(EMETH_GROUP, g->n - first);
  const char* group = (const char*)g->weights + index * emeth_group_bytes(g->format, g->k);
  float sums[PACKED_ROWS * EMETH_GROUP] __attribute__((aligned(64)));
  float room[PACKED_DEPTH * EMETH_GROUP] __attribute__((aligned(64)));
  for (size_t row = 0; row < g->m; row += PACKED_ROWS) {
    const size_t rows = emeth_min(PACKED_ROWS, g->m - row);
    memset(sums, 0, rows * EMETH_GROUP * sizeof(float));
    for (size_t step = 0; step < g->k; step += PACKED_DEPTH) {
      const size_t depth = emeth_min(PACKED_DEPTH, g->k - step);
      const float* b = packed_block(room, group, g->format, step, depth);
      packed_rows(sums, g->a + row * g->k + step, g->k, b, depth, rows);
    }
    for (size_t i = 0; i < rows; i++) packed_finish(g, sums + i * EMETH_GROUP, row + i, first, count);
  }
}

static void packed_product_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const packed_product_job* job = context;
  const size_t last = emeth_min(job->groups, (index + 1) * job->span);
  const size_t step = job->g->m == 1 ? PACKED_STREAMS : 1;
  for (size_t group = index * job->span; group < last; group += step) {
    if (job->g->m == 1) {
      packed_one_row(job->g, group, emeth_min(PACKED_STREAMS, last - group));
    } else {
      packed_some_rows(job->g, group);
    }
  }
}

static void packed_product(emeth_device* device, const emeth_packed_product_arguments* g) {
  packed_product_job job = {.g = g, .groups = emeth_blocks(g->n, EMETH_GROUP)};
  job.span = PACKED_TASK_BYTES / emeth_max(1, emeth_group_bytes(g->format, g->k));
  // About four tasks a thread where there are groups for them, and whole sets of streams.
  job.span = emeth_min(job.span, job.groups / (4 * emeth_device_threads(device)));
  job.span = emeth_round_up(emeth_max(1, job.span), PACKED_STREAMS);
  emeth_run(device, emeth_blocks(job.groups, job.span), packed_product_task, &job);
}
