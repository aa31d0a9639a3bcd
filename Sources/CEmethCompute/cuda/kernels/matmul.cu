#include "product.cuh"

// The names say which operands are transposed.
PRODUCT_KERNELS(matmul, false, false, WHOLE)
PRODUCT_KERNELS(matmul_a, true, false, WHOLE)
PRODUCT_KERNELS(matmul_b, false, true, WHOLE)
PRODUCT_KERNELS(matmul_ab, true, true, WHOLE)
