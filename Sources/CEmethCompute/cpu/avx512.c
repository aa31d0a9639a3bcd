// Kernels for x86-64 with AVX-512: a tile takes 24 of 32 registers.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__x86_64__)
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), \
                             apply_to = function)
#define EMETH_TABLE emeth_kernels_avx512
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_HALF 1
#define TILE_ROWS 12
#define TILE_VECTORS 2
#include "all_kernels.h"
#pragma clang attribute pop
#else
const emeth_kernels* const emeth_kernels_avx512 = NULL;
#endif
