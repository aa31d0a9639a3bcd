// Reading memory as fast as it goes, in four streams: what a product of one row with its weights can't be
// faster than.

#include <stdatomic.h>

// Bytes of a task.
#define READ_SPAN (1 << 20)

typedef uint64_t long8 __attribute__((vector_size(64)));

typedef struct {
  const char* memory;
  size_t bytes;
  _Atomic uint64_t sum;
} read_memory_job;

static void read_memory_task(void* context, size_t index, size_t worker) {
  (void)worker;
  read_memory_job* job = context;
  const size_t first = index * READ_SPAN, bytes = emeth_min(READ_SPAN, job->bytes - first);
  const long8* in = (const long8*)(job->memory + first);
  const size_t quarter = bytes / (4 * sizeof(long8));
  long8 sums[4] = {{0}, {0}, {0}, {0}};
  for (size_t i = 0; i < quarter; i++) {
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) sums[j] += in[j * quarter + i];
  }
  const long8 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  uint64_t sum = 0;
  for (int lane = 0; lane < 8; lane++) sum += all[lane];
  // Integers: the order of the tasks is not seen in the sum.
  atomic_fetch_add_explicit(&job->sum, sum, memory_order_relaxed);
}

static uint64_t read_memory(emeth_device* device, const void* memory, size_t bytes) {
  read_memory_job job = {.memory = memory, .bytes = bytes};
  emeth_run(device, emeth_blocks(bytes, READ_SPAN), read_memory_task, &job);
  return job.sum;
}
