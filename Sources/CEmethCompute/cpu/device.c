// A device: one pool of threads, one table of kernels, scratch memory, with or without a GPU; and the public
// operations, which take the device's lock and call the table.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../cuda/cuda_device.h"
#include "../cuda/operations.h"
#include "packed_weights.h"
#include "pool.h"

struct emeth_device {
  const emeth_kernels* kernels;
  const emeth_kernels* cpu_kernels;        // the same without a GPU
  const emeth_bfloat16_kernels* bfloat16;  // NULL in the `reproducible` profile
  emeth_cuda* cuda;                        // NULL without a GPU
  emeth_pool* pool;
  size_t threads;
  pthread_mutex_t mutex;
  void* shared;
  size_t shared_bytes;
  void** workers;
  size_t worker_bytes;
};

#if defined(__x86_64__)
static bool has_avx2(void) {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}
#endif

static const emeth_kernels* table(emeth_instruction_set set) {
  switch (set) {
    case EMETH_SET_PORTABLE: return emeth_kernels_portable;
    case EMETH_SET_REFERENCE: return emeth_kernels_reference;
#if defined(__x86_64__)
    case EMETH_SET_AVX2:
      return has_avx2() ? emeth_kernels_avx2 : NULL;
    case EMETH_SET_WIDE:
      return has_avx2() ? emeth_kernels_wide : NULL;
    case EMETH_SET_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                     __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                 ? emeth_kernels_avx512
                 : NULL;
    case EMETH_SET_NEON: return NULL;
#else
    case EMETH_SET_NEON: return emeth_kernels_neon;
    case EMETH_SET_WIDE: return emeth_kernels_wide;
    case EMETH_SET_AVX2:
    case EMETH_SET_AVX512: return NULL;
#endif
  }
  return NULL;
}

// The products of bfloat16 that go with a set of kernels.
static const emeth_bfloat16_kernels* bfloat16_kernels(const emeth_kernels* kernels) {
#if defined(__x86_64__)
  if (kernels == emeth_kernels_avx512)
    return __builtin_cpu_supports("avx512bf16") ? emeth_bfloat16_kernels_avx512 : NULL;
#endif
  return kernels == emeth_kernels_wide ? emeth_bfloat16_kernels_wide : NULL;
}

bool emeth_instruction_set_available(emeth_instruction_set set) { return table(set) != NULL; }

static void* allocate(size_t bytes) { return aligned_alloc(64, emeth_round_up(bytes, 64)); }

// Makes *memory at least `bytes` long; what was in it is lost.
static bool grow(void** memory, size_t bytes) {
  free(*memory);
  *memory = allocate(bytes);
  return *memory != NULL;
}

static bool reserve_workers(emeth_device* device, size_t bytes) {
  if (bytes <= device->worker_bytes) return true;
  device->worker_bytes = 0;
  for (size_t worker = 0; worker < device->threads; worker++) {
    if (!grow(&device->workers[worker], bytes)) return false;
  }
  device->worker_bytes = bytes;
  return true;
}

emeth_status emeth_device_create(emeth_device** out, emeth_instruction_set set, size_t threads) {
  *out = NULL;
  const emeth_kernels* kernels = table(set);
  if (!kernels) return EMETH_NOT_AVAILABLE;
  emeth_device* device = calloc(1, sizeof *device);
  if (!device) return EMETH_NO_MEMORY;
  // Of a thread that records the lock is held between its operations.
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_init(&device->mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  device->kernels = kernels;
  device->cpu_kernels = kernels;
  device->threads = threads;
  device->workers = calloc(threads, sizeof *device->workers);
  device->shared = allocate(EMETH_SHARED_BYTES);
  device->shared_bytes = EMETH_SHARED_BYTES;
  emeth_status status = EMETH_NO_MEMORY;
  if (device->workers && device->shared && reserve_workers(device, EMETH_WORKER_BYTES))
    device->pool = emeth_pool_create(threads, &status);
  if (!device->pool) {
    emeth_device_destroy(device);
    return status;
  }
  *out = device;
  return EMETH_OK;
}

emeth_status emeth_device_create_cuda(emeth_device** out, const emeth_cuda_driver* driver, size_t ordinal,
                                      const void* const* code, emeth_instruction_set set, size_t threads,
                                      char* message) {
  *out = NULL;
  emeth_device* device = NULL;
  emeth_status status = emeth_device_create(&device, set, threads);
  if (status != EMETH_OK) return status;
  status = emeth_cuda_create(&device->cuda, driver, ordinal, code, message);
  if (status != EMETH_OK) {
    emeth_device_destroy(device);
    return status;
  }
  device->kernels = emeth_kernels_cuda;
  *out = device;
  return EMETH_OK;
}

emeth_status emeth_device_use_bfloat16(emeth_device* device) {
  device->bfloat16 = device->cuda ? emeth_bfloat16_kernels_cuda : bfloat16_kernels(device->kernels);
  return device->bfloat16 ? EMETH_OK : EMETH_NOT_AVAILABLE;
}

void emeth_device_destroy(emeth_device* device) {
  if (!device) return;
  emeth_cuda_destroy(device->cuda);
  if (device->pool) emeth_pool_destroy(device->pool);
  for (size_t worker = 0; device->workers && worker < device->threads; worker++)
    free(device->workers[worker]);
  free(device->workers);
  free(device->shared);
  pthread_mutex_destroy(&device->mutex);
  free(device);
}

emeth_cuda* emeth_device_cuda(emeth_device* device) { return device->cuda; }
bool emeth_device_uses_bfloat16(const emeth_device* device) { return device->bfloat16 != NULL; }
const emeth_kernels* emeth_device_cpu_kernels(emeth_device* device) { return device->cpu_kernels; }
size_t emeth_device_threads(const emeth_device* device) { return device->threads; }
void* emeth_shared_scratch(emeth_device* device) { return device->shared; }
void* emeth_worker_scratch(emeth_device* device, size_t worker) { return device->workers[worker]; }

void emeth_run(emeth_device* device, size_t count, emeth_task* body, void* context) {
  emeth_pool_run(device->pool, count, body, context);
}

typedef struct {
  void (*body)(void*, size_t);
  void* context;
} parallel_for_job;

static void parallel_for_task(void* context, size_t index, size_t worker) {
  (void)worker;
  const parallel_for_job* job = context;
  job->body(job->context, index);
}

static void lock(emeth_device* device) { pthread_mutex_lock(&device->mutex); }
static void unlock(emeth_device* device) { pthread_mutex_unlock(&device->mutex); }
void emeth_device_hold(emeth_device* device) { lock(device); }
void emeth_device_let_go(emeth_device* device) { unlock(device); }

// The CPU works: a recording can't note it. Whether one is made now: then the work is not done, as it will be done
// when the operations are called again.
static bool on_cpu(emeth_device* device) { return device->cuda && emeth_cuda_refuse_recording(device->cuda); }

emeth_status emeth_device_use_cublas(emeth_device* device, const emeth_cublas* cublas, char* message) {
  if (!device->cuda) return EMETH_NOT_AVAILABLE;
  lock(device);
  const emeth_status status = emeth_cuda_use_cublas(device->cuda, cublas, message);
  unlock(device);
  return status;
}

emeth_status emeth_device_allocate(emeth_device* device, void** out, size_t bytes) {
  *out = NULL;
  if (!device->cuda) return EMETH_NOT_AVAILABLE;
  lock(device);
  const emeth_status status = emeth_cuda_allocate(device->cuda, out, bytes);
  unlock(device);
  return status;
}

void emeth_device_release(emeth_device* device, void* memory) {
  if (!device->cuda || !memory) return;
  lock(device);
  emeth_cuda_release(device->cuda, memory);
  unlock(device);
}

emeth_status emeth_device_memory(emeth_device* device, uint64_t* free_bytes, uint64_t* all_bytes) {
  if (!device->cuda) return EMETH_NOT_AVAILABLE;
  lock(device);
  const emeth_status status = emeth_cuda_memory(device->cuda, free_bytes, all_bytes);
  unlock(device);
  return status;
}

void emeth_device_recover(emeth_device* device) {
  if (!device->cuda) return;
  lock(device);
  emeth_cuda_recover(device->cuda);
  unlock(device);
}

emeth_status emeth_device_begin_recording(emeth_device* device) {
  if (!device->cuda) return EMETH_NOT_AVAILABLE;
  lock(device);
  const emeth_status status = emeth_cuda_begin_recording(device->cuda);
  // Held until it ends.
  if (status != EMETH_OK) unlock(device);
  return status;
}

emeth_status emeth_device_end_recording(emeth_device* device, emeth_recording** out) {
  const emeth_status status = emeth_cuda_end_recording(device->cuda, out);
  unlock(device);
  return status;
}

emeth_status emeth_device_replay(emeth_device* device, const emeth_recording* recording) {
  lock(device);
  const emeth_status status = emeth_cuda_replay(device->cuda, recording);
  unlock(device);
  return status;
}

void emeth_device_free_recording(emeth_device* device, emeth_recording* recording) {
  if (!recording) return;
  lock(device);
  emeth_cuda_free_recording(device->cuda, recording);
  unlock(device);
}

emeth_status emeth_device_failure(emeth_device* device, char* message) {
  if (!device->cuda) return EMETH_OK;
  lock(device);
  const emeth_status status = emeth_cuda_failure(device->cuda, message);
  unlock(device);
  return status;
}

void emeth_parallel_for(emeth_device* device, size_t count, void (*body)(void*, size_t), void* context) {
  parallel_for_job job = {body, context};
  lock(device);
  on_cpu(device);
  emeth_run(device, count, parallel_for_task, &job);
  unlock(device);
}

// One locked call of an operation of the table.
#define CALL(operation, ...)                         \
  do {                                               \
    lock(device);                                    \
    device->kernels->operation(device, __VA_ARGS__); \
    unlock(device);                                  \
  } while (0)

void emeth_clear(emeth_device* device, float* out, size_t count) {
  if (count == 0) return;
  lock(device);
  if (device->cuda && emeth_cuda_holds(device->cuda, (const void* const[]){out}, 1)) {
    const emeth_cuda_launcher* launcher = emeth_cuda_begin(device->cuda);
    emeth_cuda_finish(device->cuda, launcher->fill(launcher->context, out, 0, count * sizeof *out));
  } else if (!on_cpu(device)) {
    memset(out, 0, count * sizeof *out);
  }
  unlock(device);
}

void emeth_matmul(emeth_device* device, const emeth_matmul_arguments* arguments) {
  if (arguments->m == 0 || arguments->n == 0) return;
  lock(device);
  (device->bfloat16 ? device->bfloat16->matmul : device->kernels->matmul)(device, arguments);
  unlock(device);
}

void emeth_column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns) {
  if (rows == 0 || columns == 0) return;
  CALL(column_sum, out, in, rows, columns);
}

void emeth_add(emeth_device* device, float* out, const float* a, const float* b, size_t count) {
  if (count == 0) return;
  CALL(add, out, a, b, count);
}

void emeth_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                              const float* in, const float* gain, const float* offset, size_t rows,
                              size_t n) {
  if (rows == 0 || n == 0) return;
  CALL(add_layer_norm_forward, out, mean, reciprocal, NULL, in, NULL, gain, offset, rows, n);
}

void emeth_add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                  float* sum, const float* a, const float* b, const float* gain,
                                  const float* offset, size_t rows, size_t n) {
  if (rows == 0 || n == 0) return;
  CALL(add_layer_norm_forward, out, mean, reciprocal, sum, a, b, gain, offset, rows, n);
}

void emeth_layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                               const float* d_out, const float* in, const float* gain, const float* mean,
                               const float* reciprocal, size_t rows, size_t n) {
  if (rows == 0 || n == 0) return;
  CALL(layer_norm_backward, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n);
}

void emeth_gelu_forward(emeth_device* device, float* out, const float* in, size_t count) {
  if (count == 0) return;
  CALL(gelu_forward, out, in, count);
}

void emeth_gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in,
                         size_t count) {
  if (count == 0) return;
  CALL(gelu_backward, d_in, d_out, in, count);
}

void emeth_embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                             const float* wte, const float* wpe, size_t B, size_t T, size_t C) {
  if (B == 0 || T == 0 || C == 0) return;
  CALL(embedding_forward, out, tokens, stride, wte, wpe, B, T, C);
}

void emeth_embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                              const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C) {
  if (B == 0 || T == 0 || C == 0) return;
  CALL(embedding_backward, d_wte, d_wpe, d_out, tokens, stride, B, T, C);
}

void emeth_dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                   emeth_dropout_mask mask) {
  if (rows == 0 || n == 0) return;
  CALL(dropout, out, in, rows, n, mask);
}

emeth_status emeth_attention_reserve(emeth_device* device, size_t T, size_t d) {
  lock(device);
  const bool done = reserve_workers(device, device->cpu_kernels->attention_scratch(T, d));
  unlock(device);
  return done ? EMETH_OK : EMETH_NO_MEMORY;
}

emeth_status emeth_attention_forward(emeth_device* device, float* out, float* maximum, float* sum,
                                     const float* qkv, size_t B, size_t T, size_t C, size_t NH,
                                     emeth_dropout_mask dropout) {
  if (B == 0 || T == 0 || C == 0) return EMETH_OK;
  if (emeth_attention_reserve(device, T, C / NH) != EMETH_OK) return EMETH_NO_MEMORY;
  CALL(attention_forward, out, maximum, sum, qkv, B, T, C, NH, dropout);
  return emeth_device_failure(device, NULL);
}

emeth_status emeth_attention_backward(emeth_device* device, float* d_qkv, const float* d_out,
                                      const float* qkv, const float* maximum, const float* sum, size_t B,
                                      size_t T, size_t C, size_t NH, emeth_dropout_mask dropout) {
  if (B == 0 || T == 0 || C == 0) return EMETH_OK;
  if (emeth_attention_reserve(device, T, C / NH) != EMETH_OK) return EMETH_NO_MEMORY;
  CALL(attention_backward, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, dropout);
  return emeth_device_failure(device, NULL);
}

size_t emeth_attention_cache_count(size_t T, size_t C) { return emeth_round_up(T, 64) * C; }

emeth_status emeth_attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                                    size_t count, const float* qkv, size_t T, size_t C, size_t NH) {
  if (count == 0 || C == 0) return EMETH_OK;
  lock(device);
  // The scores of one query.
  const bool reserved = reserve_workers(device, emeth_round_up(T, 64) * sizeof(float));
  if (reserved) device->kernels->attention_cached(device, out, sequences, count, qkv, T, C, NH);
  unlock(device);
  return reserved ? emeth_device_failure(device, NULL) : EMETH_NO_MEMORY;
}

void emeth_cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                         size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward) {
  if (rows == 0 || V == 0) return;
  CALL(cross_entropy, losses, logits, targets, group, stride, rows, V, scale, backward);
}

void emeth_softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n) {
  if (rows == 0 || n == 0) return;
  CALL(softmax, out, in, rows, n);
}

// Sums of blocks, of the sums' blocks, and so on. The first level is at most 1 / EMETH_SUM_BLOCK as long as
// `in`.
static emeth_status sum(emeth_device* device, float* out, const float* in, size_t count, bool squared) {
  if (count == 0) {
    *out = 0;
    return EMETH_OK;
  }
  lock(device);
  emeth_status status = EMETH_OK;
  if (device->cuda && emeth_cuda_holds(device->cuda, (const void* const[]){in}, 1)) {
    const emeth_cuda_launcher* launcher = emeth_cuda_begin(device->cuda);
    status = emeth_cuda_finish(device->cuda, emeth_cuda_sum(launcher, out, in, count, squared));
    unlock(device);
    return status;
  }
  if (on_cpu(device)) {
    unlock(device);
    return EMETH_OK;
  }
  const size_t first = emeth_blocks(count, EMETH_SUM_BLOCK);
  const size_t bytes = (first + emeth_blocks(first, EMETH_SUM_BLOCK)) * sizeof(float);
  if (bytes > device->shared_bytes) {
    device->shared_bytes = grow(&device->shared, bytes) ? bytes : 0;
    if (!device->shared) status = EMETH_NO_MEMORY;
  }
  if (status == EMETH_OK) {
    float* sums = device->shared;
    float* next = sums + first;
    device->cpu_kernels->block_sums(device, sums, in, count, squared);
    for (count = first; count > 1; count = emeth_blocks(count, EMETH_SUM_BLOCK)) {
      device->cpu_kernels->block_sums(device, next, sums, count, false);
      float* used = sums;
      sums = next;
      next = used;
    }
    *out = sums[0];
  }
  unlock(device);
  return status;
}

emeth_status emeth_sum(emeth_device* device, float* out, const float* in, size_t count) {
  return sum(device, out, in, count, false);
}

emeth_status emeth_sum_of_squares(emeth_device* device, float* out, const float* in, size_t count) {
  return sum(device, out, in, count, true);
}

void emeth_adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                 const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                 const emeth_adamw_scalars* scalars) {
  if (span_count == 0) return;
  CALL(adamw, parameters, first_moments, second_moments, gradients, sums, spans, span_count, scalars);
}

void emeth_exp(emeth_device* device, float* out, const float* in, size_t count) {
  if (count == 0) return;
  CALL(exponential, out, in, count);
}

void emeth_log(emeth_device* device, float* out, const float* in, size_t count) {
  if (count == 0) return;
  CALL(logarithm, out, in, count);
}

void emeth_tanh(emeth_device* device, float* out, const float* in, size_t count) {
  if (count == 0) return;
  CALL(hyperbolic_tangent, out, in, count);
}

void emeth_packed_product(emeth_device* device, const emeth_packed_product_arguments* arguments) {
  if (arguments->m == 0 || arguments->n == 0) return;
  CALL(packed_product, arguments);
}

void emeth_packed_embedding(emeth_device* device, float* out, const uint32_t* tokens,
                            const uint32_t* positions, const void* wte, emeth_weight_format format,
                            const float* wpe, size_t rows, size_t C) {
  if (rows == 0 || C == 0) return;
  lock(device);
  if (device->cuda && emeth_cuda_holds(device->cuda, (const void* const[]){out, wte, wpe}, 3)) {
    const emeth_cuda_launcher* launcher = emeth_cuda_begin(device->cuda);
    emeth_cuda_finish(device->cuda, emeth_cuda_packed_embedding(launcher, out, tokens, positions, wte, format,
                                                                wpe, rows, C));
  } else if (!on_cpu(device)) {
    emeth_packed_rows(out, tokens, positions, wte, format, wpe, rows, C);
  }
  unlock(device);
}

uint64_t emeth_read_memory(emeth_device* device, const void* memory, size_t bytes) {
  if (bytes == 0) return 0;
  lock(device);
  const uint64_t sum = device->kernels->read_memory(device, memory, bytes);
  unlock(device);
  return sum;
}

double emeth_fma_chains(emeth_device* device, size_t tasks, size_t steps) {
  lock(device);
  const double operations =
      (device->bfloat16 ? device->bfloat16->fma_chains : device->kernels->fma_chains)(device, tasks, steps);
  unlock(device);
  return operations;
}
