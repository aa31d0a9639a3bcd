// What this core can do at most: fma chains that never leave the registers, as many side by side as a tile of
// a matrix product has, so that none waits for another. Where fma is emulated, a product and a sum of binary64
// without the rounding that makes an fma of them.

#if EMETH_HARDWARE_FMA
typedef v16 peak_vector;
#define PEAK_CHAINS (TILE_ROWS * TILE_VECTORS)
#define PEAK_PRODUCTS (LANES * PANEL_PAIR)
#define PEAK_STEP(a, b, chain) chain16(a, b, chain)
#else
typedef d2 peak_vector;
#define PEAK_CHAINS 12
#define PEAK_PRODUCTS 2
#define PEAK_STEP(a, b, chain) ((a) * (chain) + (b))
#endif

typedef struct {
  size_t steps;
  float start;
} fma_chains_job;

static void fma_chains_task(void* context, size_t index, size_t worker) {
  (void)index, (void)worker;
  const fma_chains_job* job = context;
  const peak_vector factor = (peak_vector){0} + job->start, offset = (peak_vector){0} + job->start;
  peak_vector chains[PEAK_CHAINS];
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) chains[i] = offset;
  for (size_t step = 0; step < job->steps; step++) {
#pragma clang loop unroll(full)
    for (int i = 0; i < PEAK_CHAINS; i++) chains[i] = PEAK_STEP(factor, offset, chains[i]);
  }
  peak_vector sum = {0};
#pragma clang loop unroll(full)
  for (int i = 0; i < PEAK_CHAINS; i++) sum += chains[i];
  // Somebody might look at it: so it has to be computed.
  volatile peak_vector result = sum;
  (void)result;
}

static double fma_chains(emeth_device* device, size_t tasks, size_t steps) {
  fma_chains_job job = {.steps = steps, .start = 0.5f};
  emeth_run(device, tasks, fma_chains_task, &job);
  return 2.0 * PEAK_CHAINS * PEAK_PRODUCTS * (double)tasks * (double)steps;
}
