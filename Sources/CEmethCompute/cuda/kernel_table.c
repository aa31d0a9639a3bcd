// The table of kernels of a device with a GPU: operations of emeth_compute.h whose arrays all lie in memory
// that the GPU works on run there, the others on the CPU, with the same bits.
#include "cuda_device.h"
#include "operations.h"

#define ON_GPU(...)                                                                                        \
  emeth_cuda_holds(emeth_device_cuda(device), (const void* const[]){__VA_ARGS__},                          \
                   sizeof((const void* const[]){__VA_ARGS__}) / sizeof(void*))

// Runs an operation on the GPU and waits for it. What fails is kept by the device.
#define RUN(operation, ...)                                                                                \
  do {                                                                                                     \
    emeth_cuda* cuda = emeth_device_cuda(device);                                                          \
    const emeth_cuda_launcher* launcher = emeth_cuda_begin(cuda);                                          \
    emeth_cuda_finish(cuda, (operation)(launcher, __VA_ARGS__));                                             \
  } while (0)

// The same on the CPU; not while a recording is made, as the operation is called again then.
#define ON_CPU(operation, ...)                                           \
  do {                                                                   \
    if (!emeth_cuda_refuse_recording(emeth_device_cuda(device)))         \
      emeth_device_cpu_kernels(device)->operation(device, __VA_ARGS__);  \
  } while (0)

static void matmul(emeth_device* device, const emeth_matmul_arguments* in) {
  if (ON_GPU(in->out, in->a, in->b, in->bias, in->activation, in->slope_of)) {
    RUN(emeth_cuda_matmul, in);
  } else {
    ON_CPU(matmul, in);
  }
}

// The `fast` profile's. What the CPU does for it stays in binary32.
static void matmul_bfloat16(emeth_device* device, const emeth_matmul_arguments* in) {
  if (ON_GPU(in->out, in->a, in->b, in->bias, in->activation, in->slope_of)) {
    RUN(emeth_cuda_matmul_bfloat16, in);
  } else {
    ON_CPU(matmul, in);
  }
}

static void column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_column_sum, out, in, rows, columns);
  } else {
    ON_CPU(column_sum, out, in, rows, columns);
  }
}

static void add(emeth_device* device, float* out, const float* a, const float* b, size_t count) {
  if (ON_GPU(out, a, b)) {
    RUN(emeth_cuda_add, out, a, b, count);
  } else {
    ON_CPU(add, out, a, b, count);
  }
}

static void add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal, float* sum,
                                   const float* a, const float* b, const float* gain, const float* offset,
                                   size_t rows, size_t n) {
  if (ON_GPU(out, mean, reciprocal, sum, a, b, gain, offset)) {
    RUN(emeth_cuda_add_layer_norm_forward, out, mean, reciprocal, sum, a, b, gain, offset, rows, n);
  } else {
    ON_CPU(add_layer_norm_forward, out, mean, reciprocal, sum, a, b, gain, offset, rows, n);
  }
}

static void layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                                const float* d_out, const float* in, const float* gain, const float* mean,
                                const float* reciprocal, size_t rows, size_t n) {
  if (ON_GPU(d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal)) {
    RUN(emeth_cuda_layer_norm_backward, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n);
  } else {
    ON_CPU(layer_norm_backward, d_in, d_gain, d_offset, d_out, in, gain, mean, reciprocal, rows, n);
  }
}

static void gelu_forward(emeth_device* device, float* out, const float* in, size_t count) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_gelu_forward, out, in, count);
  } else {
    ON_CPU(gelu_forward, out, in, count);
  }
}

static void gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in, size_t count) {
  if (ON_GPU(d_in, d_out, in)) {
    RUN(emeth_cuda_gelu_backward, d_in, d_out, in, count);
  } else {
    ON_CPU(gelu_backward, d_in, d_out, in, count);
  }
}

static void embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                              const float* wte, const float* wpe, size_t B, size_t T, size_t C) {
  if (ON_GPU(out, wte, wpe)) {
    RUN(emeth_cuda_embedding_forward, out, tokens, stride, wte, wpe, B, T, C);
  } else {
    ON_CPU(embedding_forward, out, tokens, stride, wte, wpe, B, T, C);
  }
}

static void embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                               const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C) {
  if (ON_GPU(d_wte, d_wpe, d_out)) {
    RUN(emeth_cuda_embedding_backward, d_wte, d_wpe, d_out, tokens, stride, B, T, C);
  } else {
    ON_CPU(embedding_backward, d_wte, d_wpe, d_out, tokens, stride, B, T, C);
  }
}

static void dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                    emeth_dropout_mask mask) {
  if (ON_GPU(out, in, mask.step)) {
    RUN(emeth_cuda_dropout, out, in, rows, n, mask);
  } else {
    ON_CPU(dropout, out, in, rows, n, mask);
  }
}

static void attention_forward(emeth_device* device, float* out, float* maximum, float* sum, const float* qkv,
                              size_t B, size_t T, size_t C, size_t NH, emeth_dropout_mask mask) {
  if (ON_GPU(out, maximum, sum, qkv, mask.step)) {
    RUN(emeth_device_uses_bfloat16(device) ? emeth_cuda_attention_forward_bfloat16
                                           : emeth_cuda_attention_forward,
        out, maximum, sum, qkv, B, T, C, NH, mask);
  } else {
    ON_CPU(attention_forward, out, maximum, sum, qkv, B, T, C, NH, mask);
  }
}

static void attention_backward(emeth_device* device, float* d_qkv, const float* d_out, const float* qkv,
                               const float* maximum, const float* sum, size_t B, size_t T, size_t C, size_t NH,
                               emeth_dropout_mask mask) {
  if (ON_GPU(d_qkv, d_out, qkv, maximum, sum, mask.step)) {
    RUN(emeth_device_uses_bfloat16(device) ? emeth_cuda_attention_backward_bfloat16
                                           : emeth_cuda_attention_backward,
        d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, mask);
  } else {
    ON_CPU(attention_backward, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, mask);
  }
}

// The kept keys and values are opaque, so that all of a sequence's tokens are read by the same processor:
// where a cache lies decides it, together with the other arrays.
static void attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                             size_t count, const float* qkv, size_t T, size_t C, size_t NH) {
  bool on_gpu = ON_GPU(out, qkv);
  for (size_t i = 0; i < count && on_gpu; i++) on_gpu = ON_GPU(sequences[i].keys, sequences[i].values);
  if (on_gpu) {
    RUN(emeth_cuda_attention_cached, out, sequences, count, qkv, T, C, NH);
  } else {
    ON_CPU(attention_cached, out, sequences, count, qkv, T, C, NH);
  }
}

static void cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                          size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward) {
  if (ON_GPU(losses, logits)) {
    RUN(emeth_cuda_cross_entropy, losses, logits, targets, group, stride, rows, V, scale, backward);
  } else {
    ON_CPU(cross_entropy, losses, logits, targets, group, stride, rows, V, scale, backward);
  }
}

static void softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_softmax, out, in, rows, n);
  } else {
    ON_CPU(softmax, out, in, rows, n);
  }
}

static void adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                  const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                  const emeth_adamw_scalars* scalars) {
  if (ON_GPU(parameters, first_moments, second_moments, gradients)) {
    RUN(emeth_cuda_adamw, parameters, first_moments, second_moments, gradients, sums, spans, span_count, scalars);
  } else {
    ON_CPU(adamw, parameters, first_moments, second_moments, gradients, sums, spans, span_count, scalars);
  }
}

static void exponential(emeth_device* device, float* out, const float* in, size_t count) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_exp, out, in, count);
  } else {
    ON_CPU(exponential, out, in, count);
  }
}

static void logarithm(emeth_device* device, float* out, const float* in, size_t count) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_log, out, in, count);
  } else {
    ON_CPU(logarithm, out, in, count);
  }
}

static void hyperbolic_tangent(emeth_device* device, float* out, const float* in, size_t count) {
  if (ON_GPU(out, in)) {
    RUN(emeth_cuda_tanh, out, in, count);
  } else {
    ON_CPU(hyperbolic_tangent, out, in, count);
  }
}

static void packed_product(emeth_device* device, const emeth_packed_product_arguments* in) {
  if (ON_GPU(in->out, in->a, in->weights, in->bias, in->residual)) {
    RUN(emeth_cuda_packed_product, in);
  } else {
    ON_CPU(packed_product, in);
  }
}

static uint64_t read_memory(emeth_device* device, const void* memory, size_t bytes) {
  if (!ON_GPU(memory)) return emeth_device_cpu_kernels(device)->read_memory(device, memory, bytes);
  uint64_t sum = 0;
  RUN(emeth_cuda_read_memory, &sum, memory, bytes);
  return sum;
}

static double fma_chains(emeth_device* device, size_t tasks, size_t steps) {
  double operations = 0;
  RUN(emeth_cuda_fma_chains, &operations, tasks, steps);
  return operations;
}

// attention_scratch and block_sums are asked of the CPU's table.
static const emeth_kernels table = {EMETH_OPERATIONS(EMETH_ENTRY)};

const emeth_kernels* const emeth_kernels_cuda = &table;

static const emeth_bfloat16_kernels bfloat16_table = {.matmul = matmul_bfloat16, .fma_chains = fma_chains};

const emeth_bfloat16_kernels* const emeth_bfloat16_kernels_cuda = &bfloat16_table;
