// A job is a counter that threads take task numbers from. The counter's upper half is the job's number: a
// thread that wakes late finds another number there and takes nothing, so the caller never waits for a
// sleeping thread, only for tasks that were taken.
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

// Looks at the counter before a thread goes to sleep: about 20 microseconds, longer than the gap between two
// operations of a training step.
#define SPINS 4000

typedef struct {
  emeth_pool* pool;
  size_t index;
  pthread_t thread;
} worker;

struct emeth_pool {
  _Alignas(64) _Atomic uint64_t ticket;  // job number << 32 | next task
  _Alignas(64) _Atomic uint32_t done;
  _Alignas(64) _Atomic size_t count;
  _Atomic(emeth_task*) body;
  _Atomic(void*) context;
  _Atomic bool ending;
  _Atomic size_t sleeping;
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  size_t worker_count;
  worker workers[];
};

static void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Takes and runs tasks of job `job` until none is left.
static void work(emeth_pool* pool, uint32_t job, size_t index) {
  for (;;) {
    // These may belong to the next job already; then the exchange below fails.
    const size_t count = atomic_load_explicit(&pool->count, memory_order_acquire);
    emeth_task* body = atomic_load_explicit(&pool->body, memory_order_acquire);
    void* context = atomic_load_explicit(&pool->context, memory_order_acquire);
    uint64_t ticket = atomic_load_explicit(&pool->ticket, memory_order_acquire);
    size_t task;
    do {
      task = (uint32_t)ticket;
      if (ticket >> 32 != job || task >= count) return;
    } while (!atomic_compare_exchange_weak_explicit(&pool->ticket, &ticket, ticket + 1, memory_order_acq_rel,
                                                    memory_order_acquire));
    body(context, task, index);
    atomic_fetch_add_explicit(&pool->done, 1, memory_order_release);
  }
}

static void* worker_main(void* argument) {
  worker* self = argument;
  emeth_pool* pool = self->pool;
  uint32_t seen = 0;
  for (;;) {
    uint32_t job = seen;
    for (int spin = 0; spin < SPINS && job == seen; spin++) {
      job = (uint32_t)(atomic_load_explicit(&pool->ticket, memory_order_acquire) >> 32);
      if (job == seen) pause_briefly();
    }
    if (job == seen) {
      pthread_mutex_lock(&pool->mutex);
      atomic_fetch_add(&pool->sleeping, 1);
      while (job == seen && !atomic_load(&pool->ending)) {
        job = (uint32_t)(atomic_load(&pool->ticket) >> 32);
        if (job == seen) pthread_cond_wait(&pool->wake, &pool->mutex);
      }
      atomic_fetch_sub(&pool->sleeping, 1);
      pthread_mutex_unlock(&pool->mutex);
    }
    if (atomic_load(&pool->ending)) return NULL;
    seen = job;
    work(pool, job, self->index);
  }
}

void emeth_pool_run(emeth_pool* pool, size_t count, emeth_task* body, void* context) {
  if (count == 1 || pool->worker_count == 0) {
    for (size_t task = 0; task < count; task++) body(context, task, 0);
    return;
  }
  // The counter has 32 bits; no operation has that many tasks, but a caller of emeth_parallel_for may.
  while (count > UINT32_MAX) {
    body(context, --count, 0);
  }
  const uint32_t job = (uint32_t)(atomic_load(&pool->ticket) >> 32) + 1;
  // With the old job's number still in the ticket and all its tasks taken, nobody uses the fields below: a
  // thread that reads them now fails to take a task. The ticket is closed first, as the new count could be
  // higher.
  atomic_store(&pool->ticket, (uint64_t)(job - 1) << 32 | UINT32_MAX);
  atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
  atomic_store_explicit(&pool->count, count, memory_order_release);
  atomic_store_explicit(&pool->body, body, memory_order_release);
  atomic_store_explicit(&pool->context, context, memory_order_release);
  atomic_store(&pool->ticket, (uint64_t)job << 32);
  if (atomic_load(&pool->sleeping) > 0) {
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
  }
  work(pool, job, 0);
  for (int spin = 0; atomic_load_explicit(&pool->done, memory_order_acquire) != count; spin++) {
    if (spin < SPINS) {
      pause_briefly();
    } else {
      sched_yield();
    }
  }
}

emeth_pool* emeth_pool_create(size_t threads, emeth_status* status) {
  const size_t bytes = emeth_round_up(sizeof(emeth_pool) + (threads - 1) * sizeof(worker), 64);
  emeth_pool* pool = aligned_alloc(64, bytes);
  *status = pool ? EMETH_OK : EMETH_NO_MEMORY;
  if (!pool) return NULL;
  atomic_init(&pool->ticket, UINT32_MAX);
  atomic_init(&pool->done, 0);
  atomic_init(&pool->count, 0);
  atomic_init(&pool->body, NULL);
  atomic_init(&pool->context, NULL);
  atomic_init(&pool->ending, false);
  atomic_init(&pool->sleeping, 0);
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pool->worker_count = 0;
  for (size_t index = 1; index < threads; index++) {
    worker* next = &pool->workers[index - 1];
    next->pool = pool;
    next->index = index;
    if (pthread_create(&next->thread, NULL, worker_main, next) != 0) {
      emeth_pool_destroy(pool);
      *status = EMETH_NO_THREADS;
      return NULL;
    }
    pool->worker_count++;
  }
  return pool;
}

void emeth_pool_destroy(emeth_pool* pool) {
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->ending, true);
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->mutex);
  for (size_t index = 0; index < pool->worker_count; index++) pthread_join(pool->workers[index].thread, NULL);
  pthread_cond_destroy(&pool->wake);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
}
