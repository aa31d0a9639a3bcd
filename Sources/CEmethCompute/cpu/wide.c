// The tiles of AVX-512 on the registers of AVX2 or NEON: they run the code paths of cpu/avx512.c where that
// can't run.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__x86_64__) || defined(__aarch64__)
#include <string.h>

#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#endif
#define EMETH_TABLE emeth_kernels_wide
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_HALF 1
#define TILE_ROWS 12
#define TILE_VECTORS 2
#include "all_kernels.h"
#if defined(__x86_64__)
#pragma clang attribute pop
#endif
#else
const emeth_kernels* const emeth_kernels_wide = NULL;
#endif
