// Threads that run the tasks of one job at a time and sleep in between.
#ifndef EMETH_POOL_H
#define EMETH_POOL_H

#include "kernels.h"

typedef struct emeth_pool emeth_pool;

// NULL when memory or threads are refused; `threads` counts the caller of emeth_pool_run.
emeth_pool* emeth_pool_create(size_t threads, emeth_status* status);
void emeth_pool_destroy(emeth_pool* pool);
// Returns when all tasks are done. One caller at a time.
void emeth_pool_run(emeth_pool* pool, size_t count, emeth_task* body, void* context);

#endif
