// The emulated device: its memory, its launcher, and how its threads take turns.
#ifndef EMULATED_DEVICE_H
#define EMULATED_DEVICE_H

#include "../../Sources/CEmethCompute/cuda/operations.h"

#ifdef __cplusplus
extern "C" {
#endif

// In which order the threads of a block run between two barriers: a race that hides in one shows in another.
typedef enum {
  EMULATED_ASCENDING,
  EMULATED_DESCENDING,
  EMULATED_SHUFFLED,
  EMULATED_SCHEDULES
} emulated_schedule;
void emulated_set_schedule(emulated_schedule schedule);

// Device memory, which the host may use too while no kernel runs. What kernels read or write outside of it,
// races, shared memory that nobody has written, and barriers that not all threads reach end the program with
// status 3 and a line on stderr that says where.
void* emulated_allocate(size_t bytes);
void emulated_free(void* memory);
#define EMULATED_ERROR 3

extern const emeth_cuda_launcher emulated_launcher;
// Bytes of a kernel's argument; 0 behind the last one.
size_t emulated_argument_bytes(emeth_cuda_kernel kernel, unsigned index);
// Threads that ran so far, of all launches.
uint64_t emulated_thread_count(void);

#ifdef __cplusplus
}
#endif
#endif
