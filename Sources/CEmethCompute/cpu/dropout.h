// Dropout: factors 0 or mask->scale from ChaCha20's keystream, made where they are used and never stored.

typedef uint32_t keystream16 __attribute__((vector_size(64)));

// Elements made at a time: four blocks of the keystream, whose rows of four words lie side by side.
#define FACTOR_SPAN 64

INLINE keystream16 rotate(keystream16 x, int bits) { return x << bits | x >> (32 - bits); }

#define FOUR_TIMES(a, b, c, d) (keystream16){a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d}
// In each block, word i of the row is word i + by.
#define TURNED(x, by)                                                                                       \
  __builtin_shufflevector(x, x, (0 + by) % 4, (1 + by) % 4, (2 + by) % 4, (3 + by) % 4, 4 + (0 + by) % 4,   \
                          4 + (1 + by) % 4, 4 + (2 + by) % 4, 4 + (3 + by) % 4, 8 + (0 + by) % 4,           \
                          8 + (1 + by) % 4, 8 + (2 + by) % 4, 8 + (3 + by) % 4, 12 + (0 + by) % 4,          \
                          12 + (1 + by) % 4, 12 + (2 + by) % 4, 12 + (3 + by) % 4)

// The factors of FACTOR_SPAN elements, whose words are those of the blocks from `block` on.
INLINE void dropout_factors_of_blocks(float* out, const emeth_dropout_mask* mask, uint64_t block) {
  const uint32_t* k = mask->key;
  keystream16 start[4] = {FOUR_TIMES(0x61707865, 0x3320646E, 0x79622D32, 0x6B206574),
                      FOUR_TIMES(k[0], k[1], k[2], k[3]), FOUR_TIMES(k[4], k[5], k[6], k[7]),
                      FOUR_TIMES(0, 0, *mask->step, mask->site)};
  for (size_t i = 0; i < 4; i++) {
    start[3][4 * i] = (uint32_t)(block + i);
    start[3][4 * i + 1] = (uint32_t)((block + i) >> 32);
  }
  keystream16 a = start[0], b = start[1], c = start[2], d = start[3];
  for (int round = 0; round < 20; round++) {
    a += b, d = rotate(d ^ a, 16), c += d, b = rotate(b ^ c, 12);
    a += b, d = rotate(d ^ a, 8), c += d, b = rotate(b ^ c, 7);
    // Columns to diagonals, and back.
    if (round % 2 == 0) {
      b = TURNED(b, 1), c = TURNED(c, 2), d = TURNED(d, 3);
    } else {
      b = TURNED(b, 3), c = TURNED(c, 2), d = TURNED(d, 1);
    }
  }
  const keystream16 rows[4] = {a + start[0], b + start[1], c + start[2], d + start[3]};
  const uint32_t least = mask->threshold;
  const keystream16 threshold = FOUR_TIMES(least, least, least, least);
  for (size_t row = 0; row < 4; row++) {
    const v16 factors = select16(rows[row] >= threshold, splat(mask->scale), zero());
    for (size_t i = 0; i < 4; i++) memcpy(out + 16 * i + 4 * row, (const float*)&factors + 4 * i, 16);
  }
}

// The factors of the first `count` elements of a row of n; out has space for FACTOR_SPAN more.
INLINE void dropout_factors(float* out, const emeth_dropout_mask* mask, size_t row, size_t n, size_t count) {
  const uint64_t block = (mask->first_row + row) * emeth_blocks(n, LANES);
  for (size_t first = 0; first < count; first += FACTOR_SPAN) {
    dropout_factors_of_blocks(out + first, mask, block + first / LANES);
  }
}

// row[i] *= factors[i].
INLINE void apply_factors(float* row, const float* factors, size_t count) {
  FOR_LANES(count, { STORE(row, LOAD(row) * LOAD(factors)); });
}

typedef struct {
  float* out;
  const float* in;
  emeth_dropout_mask mask;
  size_t rows, n;
} dropout_job;

static void dropout_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const dropout_job* job = context;
  const size_t n = job->n, span = rows_of_task(n);
  for (size_t row = index * span; row < emeth_min(job->rows, (index + 1) * span); row++) {
    const uint64_t block = (job->mask.first_row + row) * emeth_blocks(n, LANES);
    for (size_t first = 0; first < n; first += FACTOR_SPAN) {
      float factors[FACTOR_SPAN];
      dropout_factors_of_blocks(factors, &job->mask, block + first / LANES);
      const float* in = job->in + row * n + first;
      float* out = job->out + row * n + first;
      FOR_LANES(emeth_min(FACTOR_SPAN, n - first), { STORE(out, LOAD(in) * LOAD(factors)); });
    }
  }
}

static void dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                    emeth_dropout_mask mask) {
  dropout_job job = {out, in, mask, rows, n};
  emeth_run(device, emeth_blocks(rows, rows_of_task(n)), dropout_task, &job);
}
