// Every kernel: KERNEL(file without .cu, name). The name is that of an `extern "C" __global__` function.
#ifndef EMETH_CUDA_KERNEL_LIST_H
#define EMETH_CUDA_KERNEL_LIST_H

#define EMETH_CUDA_KERNELS(KERNEL)                              \
  KERNEL(elements, add)                                         \
  KERNEL(elements, gelu_forward)                                \
  KERNEL(elements, gelu_backward)                               \
  KERNEL(elements, exponential)                                 \
  KERNEL(elements, logarithm)                                   \
  KERNEL(elements, hyperbolic_tangent)                          \
  KERNEL(sum, block_sums)                                       \
  KERNEL(column_sum, column_sum)                                \
  KERNEL(layer_norm, layer_norm_forward)                        \
  KERNEL(layer_norm, layer_norm_backward)                       \
  KERNEL(layer_norm, layer_norm_parameters)                     \
  KERNEL(embedding, embedding_forward)                          \
  KERNEL(embedding, embedding_positions)                        \
  KERNEL(embedding, embedding_tokens)                           \
  KERNEL(dropout, dropout)                                      \
  KERNEL(softmax, softmax)                                      \
  KERNEL(cross_entropy, cross_entropy)                          \
  KERNEL(adamw, adamw)                                          \
  KERNEL(matmul, matmul_large)                                  \
  KERNEL(matmul, matmul_small)                                  \
  KERNEL(matmul, matmul_a_large)                                \
  KERNEL(matmul, matmul_a_small)                                \
  KERNEL(matmul, matmul_b_large)                                \
  KERNEL(matmul, matmul_b_small)                                \
  KERNEL(matmul, matmul_ab_large)                               \
  KERNEL(matmul, matmul_ab_small)                               \
  KERNEL(matmul_bfloat16, matmul_bfloat16)                      \
  KERNEL(matmul_bfloat16, matmul_bfloat16_a)                    \
  KERNEL(matmul_bfloat16, matmul_bfloat16_b)                    \
  KERNEL(matmul_bfloat16, matmul_bfloat16_ab)                   \
  KERNEL(rounding, round_to_bfloat16)                           \
  KERNEL(attention, attention_scores_large)                     \
  KERNEL(attention, attention_scores_small)                     \
  KERNEL(attention, attention_by_query_large)                   \
  KERNEL(attention, attention_by_query_small)                   \
  KERNEL(attention, attention_by_key_large)                     \
  KERNEL(attention, attention_by_key_small)                     \
  KERNEL(attention, attention_softmax)                          \
  KERNEL(attention, attention_probabilities)                    \
  KERNEL(attention, attention_score_gradients)                  \
  KERNEL(attention_flash, attention_flash_64)                   \
  KERNEL(attention_flash, attention_flash_128)                  \
  KERNEL(attention_flash, attention_flash_wide)                 \
  KERNEL(attention_flash_backward, attention_flash_queries_64)  \
  KERNEL(attention_flash_backward, attention_flash_queries_128) \
  KERNEL(attention_flash_backward, attention_flash_queries_wide)\
  KERNEL(attention_flash_backward, attention_flash_keys_64)     \
  KERNEL(attention_flash_backward, attention_flash_keys_128)    \
  KERNEL(attention_flash_backward, attention_flash_keys_wide)   \
  KERNEL(attention_cached, attention_cache_rows)                \
  KERNEL(attention_cached, attention_cached)                    \
  KERNEL(packed_product, packed_product)                        \
  KERNEL(packed_product, packed_embedding)                      \
  KERNEL(measure, fma_chains)                                   \
  KERNEL(measure, read_memory)

#endif
