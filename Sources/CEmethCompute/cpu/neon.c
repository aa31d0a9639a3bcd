// Kernels for 64-bit ARM: a tile takes 24 of 32 registers.
#pragma STDC FP_CONTRACT OFF
#include "kernels.h"

#if defined(__aarch64__)
#define EMETH_TABLE emeth_kernels_neon
#define EMETH_HARDWARE_FMA 1
#define EMETH_HARDWARE_HALF 1
#define TILE_ROWS 6
#define TILE_VECTORS 1
#include "all_kernels.h"
#else
const emeth_kernels* const emeth_kernels_neon = NULL;
#endif
