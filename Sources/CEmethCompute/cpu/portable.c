// Kernels for every CPU that clang knows.
#pragma STDC FP_CONTRACT OFF
#define EMETH_TABLE emeth_kernels_portable
#if defined(__aarch64__) || defined(__FMA__)
#define EMETH_HARDWARE_FMA 1
#else
#define EMETH_HARDWARE_FMA 0
#endif
#define EMETH_HARDWARE_HALF 0
#define TILE_ROWS 4
#define TILE_VECTORS 1
#include "all_kernels.h"
