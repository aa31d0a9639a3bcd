// The operations of emeth_compute.h on a CUDA device: the same names, arguments and bits, with a launcher
// instead of the device. They queue their work and don't wait for it, but for those with a result in the
// host's memory.
//
// Memory: every array of float is the device's (which the host reads at the same address while no kernel
// runs), as are packed weights and the keys and values of a cached sequence. Token ids, targets, arrays
// of sequences, and AdamW's spans, scalars and sums are read where they are when the device holds them, else copied in; `out` of
// the sums is the host's or the device's. No size is 0.
#ifndef EMETH_CUDA_OPERATIONS_H
#define EMETH_CUDA_OPERATIONS_H

#include "launcher.h"

emeth_status emeth_cuda_matmul(const emeth_cuda_launcher* launcher, const emeth_matmul_arguments* arguments);
// The `fast` profile's: operands rounded to bfloat16, sums in binary32 in an order of the tensor cores' own;
// products of at most four rows stay in binary32.
emeth_status emeth_cuda_matmul_bfloat16(const emeth_cuda_launcher* launcher, const emeth_matmul_arguments* arguments);
emeth_status emeth_cuda_column_sum(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t rows,
                                   size_t columns);
emeth_status emeth_cuda_add(const emeth_cuda_launcher* launcher, float* out, const float* a, const float* b,
                            size_t count);
// sum and b are NULL for the norm of a alone.
emeth_status emeth_cuda_add_layer_norm_forward(const emeth_cuda_launcher* launcher, float* out, float* mean,
                                               float* reciprocal, float* sum, const float* a, const float* b,
                                               const float* gain, const float* offset, size_t rows, size_t n);
emeth_status emeth_cuda_layer_norm_backward(const emeth_cuda_launcher* launcher, float* d_in, float* d_gain,
                                            float* d_offset, const float* d_out, const float* in,
                                            const float* gain, const float* mean, const float* reciprocal,
                                            size_t rows, size_t n);
emeth_status emeth_cuda_gelu_forward(const emeth_cuda_launcher* launcher, float* out, const float* in,
                                     size_t count);
emeth_status emeth_cuda_gelu_backward(const emeth_cuda_launcher* launcher, float* d_in, const float* d_out,
                                      const float* in, size_t count);
emeth_status emeth_cuda_embedding_forward(const emeth_cuda_launcher* launcher, float* out,
                                          const uint32_t* tokens, size_t stride, const float* wte,
                                          const float* wpe, size_t B, size_t T, size_t C);
emeth_status emeth_cuda_embedding_backward(const emeth_cuda_launcher* launcher, float* d_wte, float* d_wpe,
                                           const float* d_out, const uint32_t* tokens, size_t stride, size_t B,
                                           size_t T, size_t C);
emeth_status emeth_cuda_dropout(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t rows,
                                size_t n, emeth_dropout_mask mask);
emeth_status emeth_cuda_attention_forward(const emeth_cuda_launcher* launcher, float* out, float* maximum,
                                          float* sum, const float* qkv, size_t B, size_t T, size_t C, size_t NH,
                                          emeth_dropout_mask dropout);
emeth_status emeth_cuda_attention_backward(const emeth_cuda_launcher* launcher, float* d_qkv, const float* d_out,
                                           const float* qkv, const float* maximum, const float* sum, size_t B,
                                           size_t T, size_t C, size_t NH, emeth_dropout_mask dropout);
// The `fast` profile's: all products by tensor cores, as emeth_cuda_matmul_bfloat16; all else in binary32.
emeth_status emeth_cuda_attention_forward_bfloat16(const emeth_cuda_launcher* launcher, float* out, float* maximum,
                                                   float* sum, const float* qkv, size_t B, size_t T, size_t C,
                                                   size_t NH, emeth_dropout_mask dropout);
emeth_status emeth_cuda_attention_backward_bfloat16(const emeth_cuda_launcher* launcher, float* d_qkv,
                                                    const float* d_out, const float* qkv, const float* maximum,
                                                    const float* sum, size_t B, size_t T, size_t C, size_t NH,
                                                    emeth_dropout_mask dropout);
emeth_status emeth_cuda_attention_cached(const emeth_cuda_launcher* launcher, float* out,
                                         const emeth_cached_sequence* sequences, size_t count, const float* qkv,
                                         size_t T, size_t C, size_t NH);
emeth_status emeth_cuda_cross_entropy(const emeth_cuda_launcher* launcher, float* losses, float* logits,
                                      const uint32_t* targets, size_t group, size_t stride, size_t rows,
                                      size_t V, float scale, bool backward);
emeth_status emeth_cuda_softmax(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t rows,
                                size_t n);
emeth_status emeth_cuda_sum(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count,
                            bool squared);
emeth_status emeth_cuda_adamw(const emeth_cuda_launcher* launcher, float* parameters, float* first_moments,
                              float* second_moments, const float* gradients, const float* sums,
                              const emeth_decay_span* spans, size_t span_count,
                              const emeth_adamw_scalars* scalars);
emeth_status emeth_cuda_exp(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count);
emeth_status emeth_cuda_log(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count);
emeth_status emeth_cuda_tanh(const emeth_cuda_launcher* launcher, float* out, const float* in, size_t count);
emeth_status emeth_cuda_packed_product(const emeth_cuda_launcher* launcher,
                                       const emeth_packed_product_arguments* arguments);
emeth_status emeth_cuda_packed_embedding(const emeth_cuda_launcher* launcher, float* out, const uint32_t* tokens,
                                         const uint32_t* positions, const void* wte, emeth_weight_format format,
                                         const float* wpe, size_t rows, size_t C);
// Waits until done.
emeth_status emeth_cuda_read_memory(const emeth_cuda_launcher* launcher, uint64_t* sum, const void* memory,
                                    size_t bytes);
// The peak's measurement: as emeth_fma_chains, waits until done.
emeth_status emeth_cuda_fma_chains(const emeth_cuda_launcher* launcher, double* operations, size_t tasks,
                                   size_t steps);

#endif
