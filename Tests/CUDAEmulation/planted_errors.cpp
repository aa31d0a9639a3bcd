// The emulator's own test: kernels with an error each, which it must report, and one without.
#include "emulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"

// out[i] = in[(i + 1) mod 64] through shared memory.
extern "C" __global__ void right(float* out, const float* in) {
  __shared__ float tile[64];
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
}
extern "C" __global__ void no_barrier(float* out, const float* in) {
  __shared__ float tile[64];
  tile[threadIdx.x] = in[threadIdx.x];
  out[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
}
extern "C" __global__ void overwritten_early(float* out, const float* in) {
  __shared__ float tile[64];
  tile[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = tile[(threadIdx.x + 1) % 64];
  tile[threadIdx.x] = 0;
}
extern "C" __global__ void barrier_for_some(float* out, const float* in) {
  if (threadIdx.x < 32) __syncthreads();
  out[threadIdx.x] = in[threadIdx.x];
}
extern "C" __global__ void different_barriers(float* out, const float* in) {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    out[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x >= 32) __syncthreads();
}
extern "C" __global__ void missing_lane(float* out, const float* in) {
  float x = in[threadIdx.x];
  if (threadIdx.x != 5) x = __shfl_xor_sync(0xFFFFFFFFu, x, 1);
  out[threadIdx.x] = x;
}
extern "C" __global__ void outside_the_mask(float* out, const float* in) {
  out[threadIdx.x] = __shfl_xor_sync(0xFFFFu << (threadIdx.x & 16), in[threadIdx.x], 16);
}
extern "C" __global__ void read_past_the_end(float* out, const float* in) {
  out[threadIdx.x] = in[threadIdx.x + 1];
}
extern "C" __global__ void written_past_the_end(float* out, const float* in) {
  out[threadIdx.x + 1] = in[threadIdx.x];
}
extern "C" __global__ void host_memory(float* out, const float* in) {
  out[threadIdx.x] = in[threadIdx.x] + (float)*(const unsigned char*)getenv;
}
extern "C" __global__ void not_written(float* out, const float*) {
  __shared__ float tile[64];
  if (threadIdx.x % 2) tile[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}
extern "C" __global__ void not_aligned(float* out, const float* in) {
  if (threadIdx.x == 0) *(float4*)(out + 1) = *(const float4*)in;
}
extern "C" __global__ void two_blocks(float* out, const float* in) { out[threadIdx.x] = in[blockIdx.x]; }

#define PLANTED(KERNEL)                                                                                \
  KERNEL(right)                                                                                        \
  KERNEL(no_barrier)                                                                                   \
  KERNEL(overwritten_early)                                                                            \
  KERNEL(barrier_for_some)                                                                             \
  KERNEL(different_barriers)                                                                           \
  KERNEL(missing_lane) KERNEL(outside_the_mask) KERNEL(read_past_the_end) KERNEL(written_past_the_end) \
      KERNEL(host_memory) KERNEL(not_written) KERNEL(not_aligned) KERNEL(two_blocks)
#define ENTRY(name) EMULATED_KERNEL(, name)
extern "C" const emulated_kernel emulated_kernels[] = {PLANTED(ENTRY)};

static int run(int number, int schedule) {
  const pid_t child = fork();
  if (child == 0) {
    emulated_set_schedule((emulated_schedule)schedule);
    float* in = (float*)emulated_allocate(64 * sizeof(float));
    float* out = (float*)emulated_allocate(64 * sizeof(float));
    for (int i = 0; i < 64; i++) in[i] = (float)i;
    void* arguments[] = {&out, &in};
    emulated_launcher.launch(emulated_launcher.context, (emeth_cuda_kernel)number,
                             {number == 12 ? 2u : 1u, 1, 1}, {64, 1, 1}, 0, arguments);
    for (int i = 0; i < 64; i++) {
      if (number == 0 && out[i] != (float)((i + 1) % 64)) _exit(1);
    }
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

int main() {
  int wrong = 0;
  for (int number = 0; number < (int)(sizeof emulated_kernels / sizeof *emulated_kernels); number++) {
    for (int schedule = 0; schedule < EMULATED_SCHEDULES; schedule++) {
      const int expected = number == 0 ? 0 : EMULATED_ERROR, found = run(number, schedule);
      if (found == expected) continue;
      printf("%s, order of threads %d: status %d, expected %d\n", emulated_kernels[number].name, schedule,
             found, expected);
      wrong++;
    }
  }
  if (!wrong) printf("planted errors   all found\n");
  return wrong ? 1 : 0;
}
