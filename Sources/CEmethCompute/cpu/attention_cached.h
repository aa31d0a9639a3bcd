// Attention over kept keys and values, one head of one sequence a task.
//
// A head's keys lie as [block of 64 keys][channel][64], so that scores are lanes and a query reads them as
// one stream; its values as (T, d).

#define KEY_BLOCK 64

typedef struct {
  emeth_device* device;
  float* out;
  const float* qkv;
  const emeth_cached_sequence* sequences;
  size_t T, C, NH;
} attention_cached_job;

// scores[j] = chain over d channels of query · key j, for all keys of the blocks that hold `count` keys.
INLINE void cached_scores(float* scores, const float* query, const float* keys, size_t count, size_t d) {
  for (size_t first = 0; first < count; first += KEY_BLOCK, scores += KEY_BLOCK) {
    v16 sums[4] = {zero(), zero(), zero(), zero()};
    for (size_t c = 0; c < d; c++, keys += KEY_BLOCK) {
      const v16 x = splat(query[c]);
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) sums[j] = fma16(x, load(keys + j * LANES), sums[j]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) store(scores + j * LANES, sums[j]);
  }
}

// out (d) = chain over `count` keys of weights · values.
INLINE void cached_values(float* out, const float* weights, const float* values, size_t count, size_t d) {
  size_t first = 0;
  for (; first + 4 * LANES <= d; first += 4 * LANES) {
    v16 sums[4] = {zero(), zero(), zero(), zero()};
    const float* in = values + first;
    for (size_t key = 0; key < count; key++, in += d) {
      const v16 x = splat(weights[key]);
#pragma clang loop unroll(full)
      for (int j = 0; j < 4; j++) sums[j] = fma16(x, load(in + j * LANES), sums[j]);
    }
#pragma clang loop unroll(full)
    for (int j = 0; j < 4; j++) store(out + first + j * LANES, sums[j]);
  }
  const float* in = values + first;
  FOR_LANES(d - first, {
    v16 sum = zero();
    for (size_t key = 0; key < count; key++) sum = fma16(splat(weights[key]), LOAD(in + key * d), sum);
    STORE(out + first, sum);
  });
}

static void attention_cached_task(void* context, size_t index, size_t worker) {
  const attention_cached_job* job = context;
  const emeth_cached_sequence* sequence = job->sequences + index / job->NH;
  const size_t h = index % job->NH, T = job->T, C = job->C, d = C / job->NH;
  float* scores = emeth_worker_scratch(job->device, worker);
  float* keys = sequence->keys + h * d * emeth_round_up(T, KEY_BLOCK);
  float* values = sequence->values + h * d * T;
  const float scale = attention_scale(d);
  for (size_t i = 0; i < sequence->rows; i++) {
    const size_t position = sequence->position + i, count = position + 1, row = sequence->first_row + i;
    const float* query = job->qkv + row * 3 * C + h * d;
    float* key = keys + position / KEY_BLOCK * KEY_BLOCK * d + position % KEY_BLOCK;
    for (size_t c = 0; c < d; c++) key[c * KEY_BLOCK] = query[C + c];
    memcpy(values + position * d, query + 2 * C, d * sizeof(float));
    cached_scores(scores, query, keys, count, d);
    const float sum = row_exp(scores, scores, scale, row_max(scores, count) * scale, count);
    FOR_LANES(count, { STORE(scores, LOAD(scores) / splat(sum)); });
    cached_values(job->out + row * C + h * d, scores, values, count, d);
  }
}

static void attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                             size_t count, const float* qkv, size_t T, size_t C, size_t NH) {
  attention_cached_job job = {device, out, qkv, sequences, T, C, NH};
  emeth_run(device, count * NH, attention_cached_task, &job);
}
