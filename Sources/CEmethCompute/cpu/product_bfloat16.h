// The matrix product of the `fast` profile, for the target that the including file has chosen by
//   EMETH_TABLE             the name of the table to define
//   EMETH_HARDWARE_FMA      1
//   EMETH_HARDWARE_BFLOAT16 1 where the target has an instruction that sums products of bfloat16
//   TILE_ROWS, TILE_VECTORS the tile: rows, and columns in units of 16
#define EMETH_BFLOAT16 1
#include "vector.h"

#include "gelu.h"
#include "tile.h"

#include "matmul.h"
#include "peak.h"

static const emeth_bfloat16_kernels kernels = {.matmul = matmul, .fma_chains = fma_chains};

const emeth_bfloat16_kernels* const EMETH_TABLE = &kernels;
