// Every kernel, for the target that the including file has chosen by
//   EMETH_TABLE           the name of the table to define
//   EMETH_HARDWARE_FMA    1 where the target has an fma instruction
//   EMETH_HARDWARE_HALF   1 where it has one that widens binary16
//   TILE_ROWS, TILE_VECTORS  the tile of a matrix product: rows, and columns in units of 16
#include "packed_weights.h"
#include "vector.h"

#include "gelu.h"
#include "sum.h"

#include "layer_norm.h"

#include "cross_entropy.h"
#include "embedding.h"

#include "adamw.h"
#include "tile.h"

#include "dropout.h"

#include "attention.h"
#include "attention_cached.h"
#include "matmul.h"
#include "packed_product.h"
#include "read_memory.h"
#include "peak.h"

static const emeth_kernels kernels = {EMETH_OPERATIONS(EMETH_ENTRY).attention_scratch = attention_scratch,
                                      .block_sums = block_sums};

const emeth_kernels* const EMETH_TABLE = &kernels;
