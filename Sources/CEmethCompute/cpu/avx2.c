// Kernels for x86-64 with AVX2 and FMA: a tile takes 12 of 16 registers.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__x86_64__)
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define EMETH_TABLE emeth_kernels_avx2
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_HALF 1
#define TILE_ROWS 6
#define TILE_VECTORS 1
#include "all_kernels.h"
#pragma clang attribute pop
#else
const emeth_kernels* const emeth_kernels_avx2 = NULL;
#endif
