// NVIDIA GPUs: their driver and their compiler are opened at run time, by own declarations, and are not
// needed to build. Kernels are text in this library, which NVRTC compiles for the device at hand.
//
// `message` is EMETH_MESSAGE_BYTES long and gets one line that says what went wrong where the status is not
// EMETH_OK.
#ifndef EMETH_CUDA_H
#define EMETH_CUDA_H

#include "emeth_compute.h"

#define EMETH_MESSAGE_BYTES 512

// The texts of the kernels. Those that are no programs are included by the others under `name`.
typedef struct {
  const char* name;  // such as matmul.cu
  const char* text;
  size_t bytes;  // without the 0 that follows the text
  bool is_program;
} emeth_cuda_source;
size_t emeth_cuda_source_count(void);
emeth_cuda_source emeth_cuda_source_at(size_t index);

// The kernels and the programs they stand in.
typedef struct {
  const char* name;
  const char* program;  // the source's name without .cu
} emeth_cuda_kernel_name;
size_t emeth_cuda_kernel_count(void);
emeth_cuda_kernel_name emeth_cuda_kernel_at(size_t index);

// NVRTC, which stays loaded once it was opened.
typedef struct emeth_nvrtc emeth_nvrtc;

// Opens the library at `path`, or of that name where the system finds it: EMETH_NOT_AVAILABLE where it
// can't be opened or lacks a function, EMETH_DEVICE_FAILED where it does not say its version.
emeth_status emeth_nvrtc_open(emeth_nvrtc** out, const char* path, int* major, int* minor, char* message);
void emeth_nvrtc_close(emeth_nvrtc* nvrtc);

// Machine code (a cubin) of a program, and what the compiler said; both to be freed by
// emeth_cuda_code_free, whatever the status. EMETH_COMPILATION_FAILED: the log says why.
typedef struct {
  void* code;
  size_t bytes;
  char* log;
} emeth_cuda_code;
emeth_status emeth_nvrtc_compile(const emeth_nvrtc* nvrtc, emeth_cuda_code* out, size_t source,
                                 const char* const* options, size_t option_count, char* message);
void emeth_cuda_code_free(emeth_cuda_code* code);

// cuBLASLt, which stays loaded once it was opened. As emeth_nvrtc_open.
typedef struct emeth_cublas emeth_cublas;
emeth_status emeth_cublas_open(emeth_cublas** out, const char* path, int* major, int* minor, char* message);
void emeth_cublas_close(emeth_cublas* cublas);

// NCCL, which stays loaded once it was opened. As emeth_nvrtc_open.
typedef struct emeth_nccl emeth_nccl;
emeth_status emeth_nccl_open(emeth_nccl** out, const char* path, int* major, int* minor, char* message);
void emeth_nccl_close(emeth_nccl* nccl);

// The driver, which stays loaded once it was opened.
typedef struct emeth_cuda_driver emeth_cuda_driver;

// As emeth_nvrtc_open. `version` is that of CUDA that the driver offers, 1000·major + 10·minor. It is set
// where the driver says it, even if it then fails to start: EMETH_DEVICE_FAILED.
emeth_status emeth_cuda_driver_open(emeth_cuda_driver** out, const char* path, int* version, size_t* devices,
                                    char* message);
void emeth_cuda_driver_close(emeth_cuda_driver* driver);

typedef struct {
  char name[128];
  int major, minor;  // compute capability
  uint32_t multiprocessors;
  uint64_t memory_bytes;
  bool has_managed_memory;
} emeth_cuda_properties;
emeth_status emeth_cuda_device_properties(const emeth_cuda_driver* driver, emeth_cuda_properties* out,
                                          size_t ordinal, char* message);

// A device that computes on the GPU `ordinal`, and on the CPU, with the same bits, where an array is not in
// memory of emeth_device_allocate. `code` has the machine code of every program in the order of the
// sources, NULL for those that are none; it is copied. The driver outlives the device. Statuses as
// emeth_device_create, EMETH_DEVICE_FAILED.
emeth_status emeth_device_create_cuda(emeth_device** out, const emeth_cuda_driver* driver, size_t ordinal,
                                      const void* const* code, emeth_instruction_set set, size_t threads,
                                      char* message);

// From now on the products of the `fast` profile are cuBLASLt's, where it has a way for them, else its own. To
// be called before the first operation; the library outlives the device. EMETH_NO_MEMORY, EMETH_DEVICE_FAILED:
// nothing changes.
emeth_status emeth_device_use_cublas(emeth_device* device, const emeth_cublas* cublas, char* message);
// Bytes that each device takes for them beside the operands in bfloat16.
size_t emeth_cublas_workspace_bytes(void);

// Memory that the GPU works on and the host reads and writes at the same address between operations; zeros,
// 256-byte aligned. EMETH_NO_MEMORY where the GPU has less than that free. Only for devices of
// emeth_device_create_cuda.
emeth_status emeth_device_allocate(emeth_device* device, void** out, size_t bytes);
void emeth_device_release(emeth_device* device, void* memory);
// Bytes of the GPU's memory that nobody uses, and all of them.
emeth_status emeth_device_memory(emeth_device* device, uint64_t* free_bytes, uint64_t* all_bytes);

// The first failure of any operation since the device was made, EMETH_OK for none. After one, operations do
// nothing and the device's memory holds anything. Those of a CPU never fail. `message` may be NULL.
emeth_status emeth_device_failure(emeth_device* device, char* message);

// After EMETH_NO_MEMORY, and only then: the memory that operations had for themselves is given back, and the
// device works again. What the failed operations should have written holds anything.
void emeth_device_recover(emeth_device* device);

// Operations that the GPU keeps as a graph, to run again without being queued one by one, on the same arrays
// with the same sizes and numbers. From begin to end, both on one thread, operations are noted and not run,
// and other threads wait. Ids, sequences and AdamW's spans, scalars and sums are read when it runs, and must lie in
// memory of emeth_device_allocate. EMETH_NOT_AVAILABLE, and no recording, where that is not so, where an operation would
// need more scratch memory than there is (run them once before), has a result in the host's memory, or runs
// on the CPU.
typedef struct emeth_recording emeth_recording;
emeth_status emeth_device_begin_recording(emeth_device* device);
emeth_status emeth_device_end_recording(emeth_device* device, emeth_recording** out);
// Runs it and waits. EMETH_NOT_AVAILABLE, and nothing is done, where scratch memory has moved since: it is of
// no use any more.
emeth_status emeth_device_replay(emeth_device* device, const emeth_recording* recording);
void emeth_device_free_recording(emeth_device* device, emeth_recording* recording);

// GPUs of one machine that add up arrays by NCCL: `count` devices of emeth_device_create_cuda, each on another
// GPU. They and the library outlive it. EMETH_NOT_AVAILABLE for a device that is no GPU, EMETH_DEVICE_FAILED.
typedef struct emeth_team emeth_team;
emeth_status emeth_team_create(emeth_team** out, const emeth_nccl* nccl, emeth_device* const* devices,
                               size_t count, char* message);
void emeth_team_destroy(emeth_team* team);  // NULL is allowed
// The array (count) of each device, in memory of its emeth_device_allocate, becomes the sum of all of them, with
// the same bits on each, added in an order of NCCL's own. Nothing else may run on the devices. After
// EMETH_DEVICE_FAILED the arrays hold anything, and no further call works.
emeth_status emeth_team_sum(emeth_team* team, float* const* arrays, size_t count, char* message);

#endif
