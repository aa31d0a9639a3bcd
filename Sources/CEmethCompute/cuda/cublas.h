// Matrix products of the `fast` profile by NVIDIA's cuBLASLt: own declarations of what is used of it.
#ifndef EMETH_CUDA_CUBLAS_H
#define EMETH_CUDA_CUBLAS_H

#include "driver.h"

// Memory that a product may take for itself: what NVIDIA recommends for Hopper, and more than others need.
#define EMETH_CUBLAS_WORKSPACE_BYTES ((size_t)32 << 20)

// The library's products on one device.
typedef struct emeth_cublas_products emeth_cublas_products;

// With the device's context current.
emeth_status emeth_cublas_create(emeth_cublas_products** out, const emeth_cublas* library, char* message);
void emeth_cublas_destroy(emeth_cublas_products* products);  // NULL is allowed

// Queues what emeth_matmul_arguments says with a and b in bfloat16, where `a` and `b` are, their rows filled up to
// whole vectors of 16 bytes. All arrays are 16-byte aligned. EMETH_NOT_AVAILABLE, and nothing is queued, where the
// library has no way for it.
emeth_status emeth_cublas_multiply(emeth_cublas_products* products, cu_stream* stream,
                                   const emeth_matmul_arguments* arguments, const void* a, const void* b,
                                   void* workspace, char* message);

#endif
