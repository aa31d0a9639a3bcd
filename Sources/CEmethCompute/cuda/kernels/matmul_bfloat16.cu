#include "tensor_product.cuh"

// The names say which operands are transposed.
TENSOR_KERNEL(matmul_bfloat16, false, false, WHOLE)
TENSOR_KERNEL(matmul_bfloat16_a, true, false, WHOLE)
TENSOR_KERNEL(matmul_bfloat16_b, false, true, WHOLE)
TENSOR_KERNEL(matmul_bfloat16_ab, true, true, WHOLE)
