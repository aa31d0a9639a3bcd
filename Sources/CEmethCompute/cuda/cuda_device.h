// What a CUDA device has beside the CPU that it belongs to.
#ifndef EMETH_CUDA_DEVICE_H
#define EMETH_CUDA_DEVICE_H

#include "../cpu/kernels.h"
#include "../include/emeth_cuda.h"
#include "driver.h"
#include "launcher.h"

typedef struct emeth_cuda emeth_cuda;

emeth_status emeth_cuda_create(emeth_cuda** out, const emeth_cuda_driver* driver, size_t ordinal,
                               const void* const* code, char* message);
void emeth_cuda_destroy(emeth_cuda* cuda);  // NULL is allowed

// The rest with the device's lock held.

emeth_status emeth_cuda_use_cublas(emeth_cuda* cuda, const emeth_cublas* library, char* message);

// Makes the device this thread's; the launcher works until another device is made so.
const emeth_cuda_launcher* emeth_cuda_begin(emeth_cuda* cuda);
// Waits for what was queued, unless `status` says that it failed, and keeps the first failure.
emeth_status emeth_cuda_finish(emeth_cuda* cuda, emeth_status status);
// Whether all these lie in memory of emeth_cuda_allocate, or are NULL.
bool emeth_cuda_holds(const emeth_cuda* cuda, const void* const* arrays, size_t count);

emeth_status emeth_cuda_allocate(emeth_cuda* cuda, void** out, size_t bytes);
void emeth_cuda_release(emeth_cuda* cuda, void* memory);
emeth_status emeth_cuda_memory(emeth_cuda* cuda, uint64_t* free_bytes, uint64_t* all_bytes);
// After EMETH_NO_MEMORY: gives scratch memory back, and the device works again.
void emeth_cuda_recover(emeth_cuda* cuda);

// As emeth_device_begin_recording and so on.
emeth_status emeth_cuda_begin_recording(emeth_cuda* cuda);
emeth_status emeth_cuda_end_recording(emeth_cuda* cuda, emeth_recording** out);
emeth_status emeth_cuda_replay(emeth_cuda* cuda, const emeth_recording* recording);
void emeth_cuda_free_recording(emeth_cuda* cuda, emeth_recording* recording);
// What runs elsewhere can't be noted. Whether a recording is being made, which will be none.
bool emeth_cuda_refuse_recording(emeth_cuda* cuda);

// What a library of NVIDIA's wants: the device's number, and where its work is queued.
int emeth_cuda_ordinal(const emeth_cuda* cuda);
cu_stream* emeth_cuda_stream(const emeth_cuda* cuda);
// EMETH_NOT_AVAILABLE while what was queued is under way.
emeth_status emeth_cuda_poll(emeth_cuda* cuda, char* message);

// `message` may be NULL.
emeth_status emeth_cuda_failure(const emeth_cuda* cuda, char* message);

// The table of kernels of a device that has a CUDA device, and what it finds in it.
extern const emeth_kernels* const emeth_kernels_cuda;
extern const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_cuda;
emeth_cuda* emeth_device_cuda(emeth_device* device);
// Takes and gives back the device's lock, for what needs several devices at once.
void emeth_device_hold(emeth_device* device);
void emeth_device_let_go(emeth_device* device);
bool emeth_device_uses_bfloat16(const emeth_device* device);
const emeth_kernels* emeth_device_cpu_kernels(emeth_device* device);

#endif
