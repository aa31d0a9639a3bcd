// The products of attention.cu by tensor cores, for the `fast` profile. What belongs to no query and key is 0
// here.
#include "tensor_product.cuh"

TENSOR_KERNEL(attention_scores_bfloat16, false, true, OUT_TO_ROW)
TENSOR_KERNEL(attention_by_query_bfloat16, false, false, UP_TO_ROW)
TENSOR_KERNEL(attention_by_key_bfloat16, true, false, FROM_ROW_ON)
