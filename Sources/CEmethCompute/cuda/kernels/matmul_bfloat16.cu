#include "tensor_product.cuh"

// The names say which operands are transposed.
TENSOR_KERNEL(matmul_bfloat16, false, false)
TENSOR_KERNEL(matmul_bfloat16_a, true, false)
TENSOR_KERNEL(matmul_bfloat16_b, false, true)
TENSOR_KERNEL(matmul_bfloat16_ab, true, true)
