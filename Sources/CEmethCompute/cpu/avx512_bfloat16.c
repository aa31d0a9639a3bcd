// Products of bfloat16 for x86-64 with AVX-512 BF16: an instruction does twice the work of an fma.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(                                                                    \
    __attribute__((target("avx512bf16,avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))), apply_to = function)
#define EMETH_TABLE emeth_bfloat16_kernels_avx512
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_BFLOAT16 1
#define TILE_ROWS 12
#define TILE_VECTORS 2
#include "product_bfloat16.h"
#pragma clang attribute pop
#else
const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_avx512 = NULL;
#endif
