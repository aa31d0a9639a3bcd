// The product of cpu/avx512_bfloat16.c with fma in place of its instruction: it runs the same code where that
// one can't run.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__x86_64__) || defined(__aarch64__)
#include <string.h>

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#endif
#define EMETH_TABLE emeth_bfloat16_kernels_wide
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_BFLOAT16 0
#define TILE_ROWS 12
#define TILE_VECTORS 2
#include "product_bfloat16.h"
#if defined(__x86_64__)
#pragma clang attribute pop
#endif
#else
const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_wide = NULL;
#endif
