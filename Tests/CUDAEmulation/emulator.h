// What kernel text of CUDA finds when it is compiled as C++ for the CPU. Threads of a block are fibers; the
// compiler's instrumentation for races (-fsanitize=thread, without its library) tells the emulator each
// access to memory.
#ifndef EMULATOR_H
#define EMULATOR_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
// Blocks run one after another, so one copy of their shared memory is enough.
#define __shared__ static __attribute__((section("emulated_shared")))

typedef float float4 __attribute__((ext_vector_type(4)));

typedef struct {
  unsigned x, y, z;
} emulated_size;

#define threadIdx (emulated_thread_index())
#define blockIdx (emulated_block_index())
#define blockDim (emulated_block_size())
#define gridDim (emulated_grid_size())
#define __syncthreads() ((void)emulated_barrier(__FILE__, __LINE__, 0))
#define __syncthreads_or(condition) emulated_barrier(__FILE__, __LINE__, (condition) ? 1 : 0)
#define __ballot_sync(mask, condition) emulated_ballot(mask, (condition) ? 1 : 0)

extern "C" {
emulated_size emulated_thread_index(void);
emulated_size emulated_block_index(void);
emulated_size emulated_block_size(void);
emulated_size emulated_grid_size(void);
int emulated_barrier(const char* file, int line, int condition);
unsigned emulated_ballot(unsigned mask, int condition);
// The 32 bits that lane `source` of the warp gives.
uint32_t emulated_shuffle(unsigned mask, uint32_t bits, unsigned source);
// What kernels/bfloat16.cuh does by PTX.
unsigned emulated_bfloat16_pair(float a, float b);
void emulated_load_matrices(unsigned* out, const unsigned short* row, int transposed);
void emulated_multiply_matrices(float* sums, const unsigned* a, unsigned b0, unsigned b1);
}

static inline int __float_as_int(float x) {
  int bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}
static inline float __int_as_float(int bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
static inline int __popc(unsigned x) { return __builtin_popcount(x); }

static inline float __shfl_sync(unsigned mask, float x, unsigned lane, unsigned width = 32) {
  const unsigned first = threadIdx.x % 32 / width * width;
  return __int_as_float((int)emulated_shuffle(mask, (uint32_t)__float_as_int(x), first + lane % width));
}
static inline float __shfl_xor_sync(unsigned mask, float x, unsigned bits) {
  return __int_as_float((int)emulated_shuffle(mask, (uint32_t)__float_as_int(x), (threadIdx.x % 32) ^ bits));
}

// A kernel, to be called by the fiber of each thread with the arguments that a launch points to.
typedef struct {
  const char* name;
  void (*call)(void** arguments);
  // Bytes of an argument; 0 behind the last one.
  size_t (*argument_bytes)(unsigned index);
} emulated_kernel;

template <int... I>
struct emulated_numbers {};
template <typename T, T... I>
struct emulated_sequence {
  typedef emulated_numbers<I...> numbers;
};

template <typename... A, int... I>
__attribute__((no_sanitize("thread"))) void emulated_call(void (*kernel)(A...), void** arguments,
                                                          emulated_numbers<I...>) {
  kernel(*(A*)arguments[I]...);
}
template <typename... A>
__attribute__((no_sanitize("thread"))) void emulated_call(void (*kernel)(A...), void** arguments) {
  emulated_call(kernel, arguments,
                typename __make_integer_seq<emulated_sequence, int, sizeof...(A)>::numbers());
}

template <typename... A>
size_t emulated_argument_bytes_of(void (*)(A...), unsigned index) {
  const size_t bytes[] = {sizeof(A)..., 0};
  return index < sizeof...(A) ? bytes[index] : 0;
}

#define EMULATED_KERNEL(file, name)                                  \
  {#name, [](void** arguments) { emulated_call(name, arguments); }, \
   [](unsigned index) { return emulated_argument_bytes_of(name, index); }},

#endif
