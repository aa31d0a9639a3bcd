// Kernels of the GPT-2 family in the `reproducible` profile: for every instruction set, thread count and
// blocking the same bits. The orders of operations are those of PROTOCOL 6 and of
// Docs/Decisions/0002-reproducible-kernels.md.
//
// Shapes: B sequences, T tokens, C channels, NH heads, d = C / NH, V token ids; a row is one token, r = b·T +
// t. All arrays are row-major binary32 without gaps; none may overlap unless its comment says so. Sizes of 0
// are allowed and do nothing. Outputs come first. Each call returns when its work is done. A device may be
// called from several threads: calls wait for each other.
#ifndef EMETH_COMPUTE_H
#define EMETH_COMPUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  EMETH_OK = 0,
  EMETH_NO_MEMORY = 1,
  EMETH_NO_THREADS = 2,
  EMETH_NOT_AVAILABLE = 3,
  EMETH_OUT_OF_RANGE = 4,
  EMETH_DEVICE_FAILED = 5,
  EMETH_COMPILATION_FAILED = 6,
} emeth_status;

// Sets of kernels. The last two exist to check the others: the scalar reference that states each operation in
// the plainest way, and WIDE has the tiles of AVX512 (12 rows, 32 columns) compiled for AVX2 or NEON.
typedef enum {
  EMETH_SET_PORTABLE = 0,
  EMETH_SET_AVX2 = 1,
  EMETH_SET_AVX512 = 2,
  EMETH_SET_NEON = 3,
  EMETH_SET_REFERENCE = 4,
  EMETH_SET_WIDE = 5,
} emeth_instruction_set;

// Whether this CPU, operating system and build can run the set.
bool emeth_instruction_set_available(emeth_instruction_set set);

typedef struct emeth_device emeth_device;

// Starts threads - 1 threads, which sleep while there is no work; the caller of an operation is one of its
// workers. `threads` is at least 1. On EMETH_OK *out is to be given to emeth_device_destroy once, else it is
// NULL.
emeth_status emeth_device_create(emeth_device** out, emeth_instruction_set set, size_t threads);

// From now on emeth_matmul rounds a and b to bfloat16 and sums their exact products in binary32, in an order
// of its own: the `fast` profile, whose bits are no other machine's. Products of a few rows stay as they are.
// EMETH_NOT_AVAILABLE, and nothing changes, where the CPU or the set has no instruction for it. WIDE does it
// with fma. To be called before the first operation.
emeth_status emeth_device_use_bfloat16(emeth_device* device);

// Ends the threads and frees everything; NULL is allowed. No operation may be running.
void emeth_device_destroy(emeth_device* device);

// Calls body(context, i) once for each i < count, on the device's threads, in any order.
// `body` must not call into the same device.
void emeth_parallel_for(emeth_device* device, size_t count, void (*body)(void* context, size_t index),
                        void* context);

// Makes sure that attention over T tokens with heads of d channels finds its memory, so that no later call
// asks the system for any. Without it the attention operations do so themselves.
emeth_status emeth_attention_reserve(emeth_device* device, size_t T, size_t d);

// out = +0.
void emeth_clear(emeth_device* device, float* out, size_t count);

// out (m, n) = a (m, k) · b (k, n) [+ bias (n)], each element one fma chain over k ascending from +0, or from
// out's value with `accumulate`; the bias is added after the chain. a is stored (k, m) with `a_transposed`, b
// is stored (n, k) with `b_transposed`. What follows may be NULL: bias; activation (m, n) = GELU of out;
// slope_of (m, n), by whose GELU' out is multiplied at last.
typedef struct {
  float* out;
  const float* a;
  const float* b;
  const float* bias;
  float* activation;
  const float* slope_of;
  size_t m, n, k;
  bool a_transposed, b_transposed, accumulate;
} emeth_matmul_arguments;
void emeth_matmul(emeth_device* device, const emeth_matmul_arguments* arguments);

// out[c] += sum of in (rows, columns) over rows ascending.
void emeth_column_sum(emeth_device* device, float* out, const float* in, size_t rows, size_t columns);

// out = a + b, element by element; out may be a or b.
void emeth_add(emeth_device* device, float* out, const float* a, const float* b, size_t count);

// out (rows, n) = fma(x̂, gain, offset); mean and reciprocal (rows) are kept for the backward pass.
void emeth_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                              const float* in, const float* gain, const float* offset, size_t rows, size_t n);

// sum (rows, n) = a + b; then as emeth_layer_norm_forward of sum. sum may be a or b.
void emeth_add_layer_norm_forward(emeth_device* device, float* out, float* mean, float* reciprocal,
                                  float* sum, const float* a, const float* b, const float* gain,
                                  const float* offset, size_t rows, size_t n);

// d_in (rows, n) += gradient of the input; d_gain (n), d_offset (n) += theirs over rows ascending.
void emeth_layer_norm_backward(emeth_device* device, float* d_in, float* d_gain, float* d_offset,
                               const float* d_out, const float* in, const float* gain, const float* mean,
                               const float* reciprocal, size_t rows, size_t n);

// out = GELU(in), tanh form.
void emeth_gelu_forward(emeth_device* device, float* out, const float* in, size_t count);

// d_in = d_out · GELU'(in); d_in may be d_out.
void emeth_gelu_backward(emeth_device* device, float* d_in, const float* d_out, const float* in,
                         size_t count);

// out (B·T, C): row r = wte[tokens[r]] + wpe[r mod T]. Every token is below V. tokens has rows of `stride`
// ids, of which the first T count.
void emeth_embedding_forward(emeth_device* device, float* out, const uint32_t* tokens, size_t stride,
                             const float* wte, const float* wpe, size_t B, size_t T, size_t C);

// d_wte (V, C): += rows of d_out (B·T, C) of that token, rows ascending; d_wpe (T, C): += rows of that
// position, b ascending.
void emeth_embedding_backward(emeth_device* device, float* d_wte, float* d_wpe, const float* d_out,
                              const uint32_t* tokens, size_t stride, size_t B, size_t T, size_t C);

// Which elements of a matrix (rows, n) dropout takes away, from ChaCha20's keystream of `key`: element (r, c)
// has word (first_row + r)·n' + c, n' = n rounded up to a multiple of 16. It is dropped where the word is below
// `threshold`; the others are multiplied by `scale`. The 64-bit number of a word's block stands in the state's
// words 12 (low) and 13, *step and site in 14 and 15. All 0: no dropout. The step is read when the operation runs:
// a recording reads it anew each time.
typedef struct {
  uint32_t key[8];
  const uint32_t* step;
  uint32_t site;
  uint32_t threshold;
  float scale;
  uint64_t first_row;
} emeth_dropout_mask;

// out (rows, n) = in · factor, which is 0 or mask.scale; out may be in.
void emeth_dropout(emeth_device* device, float* out, const float* in, size_t rows, size_t n,
                   emeth_dropout_mask mask);

// Causal attention. qkv (B·T, 3C) holds queries, keys, values; out (B·T, C). maximum and sum (B, NH, T) are
// kept for the backward pass. Dropout takes away from the probabilities (B·NH·T, T).
emeth_status emeth_attention_forward(emeth_device* device, float* out, float* maximum, float* sum,
                                     const float* qkv, size_t B, size_t T, size_t C, size_t NH,
                                     emeth_dropout_mask dropout);

// d_qkv (B·T, 3C) = gradient of qkv.
emeth_status emeth_attention_backward(emeth_device* device, float* d_qkv, const float* d_out,
                                      const float* qkv, const float* maximum, const float* sum, size_t B,
                                      size_t T, size_t C, size_t NH, emeth_dropout_mask dropout);

// Some tokens of one sequence: those at positions position … position + rows - 1, whose rows of qkv and out
// begin with first_row. keys and values hold emeth_attention_cache_count(T, C) elements each, are filled by
// emeth_attention_cached from position 0 on and are otherwise opaque; position + rows is at most T.
typedef struct {
  float* keys;
  float* values;
  size_t position, rows, first_row;
} emeth_cached_sequence;

// Attention with kept keys and values, for generation, of `count` sequences at once: the same bits as
// emeth_attention_forward has at these rows. out (rows, C), qkv (rows, 3C).
emeth_status emeth_attention_cached(emeth_device* device, float* out, const emeth_cached_sequence* sequences,
                                    size_t count, const float* qkv, size_t T, size_t C, size_t NH);
size_t emeth_attention_cache_count(size_t T, size_t C);

// The target of a row that is not counted.
#define EMETH_NO_TARGET UINT32_MAX

// Cross-entropy. losses (rows) = log(sum) - (logit of the target - max), 0 where targets[r] is
// EMETH_NO_TARGET. With `backward`, logits (rows, V) become their gradients (p - onehot)·scale (0 where not
// counted), else they stay. targets has groups of `group` ids, `stride` apart: row r has targets[(r /
// group)·stride + r mod group].
void emeth_cross_entropy(emeth_device* device, float* losses, float* logits, const uint32_t* targets,
                         size_t group, size_t stride, size_t rows, size_t V, float scale, bool backward);

// out[i] = softmax of in (rows, n) row by row; out may be in.
void emeth_softmax(emeth_device* device, float* out, const float* in, size_t rows, size_t n);

// *out = sum of in, or of in·in, by the row rule.
emeth_status emeth_sum(emeth_device* device, float* out, const float* in, size_t count);
emeth_status emeth_sum_of_squares(emeth_device* device, float* out, const float* in, size_t count);

// Elements offset … offset + count - 1 decay by `decay`. Spans are ascending, without gaps, and start at 0.
typedef struct {
  size_t offset, count;
  float decay;
} emeth_decay_span;

// The numbers of one AdamW update, where one_minus_beta1 = 1 - beta1 and so on are rounded by the caller; limit is
// that of the gradient's norm.
typedef struct {
  float learning_rate, beta1, one_minus_beta1, beta2, one_minus_beta2, correction1, correction2, epsilon, limit;
} emeth_adamw_scalars;

// One AdamW update of all spans' elements. sums (2) has the sum of the losses and that of the squares of all
// gradients: these are multiplied by limit / norm where norm, the root of the second, is above limit; and where a
// sum is not finite, nothing changes. Without sums (NULL) gradients are taken as they are. Spans, scalars and sums
// are read when the update is done: a recording reads them anew each time.
void emeth_adamw(emeth_device* device, float* parameters, float* first_moments, float* second_moments,
                 const float* gradients, const float* sums, const emeth_decay_span* spans, size_t span_count,
                 const emeth_adamw_scalars* scalars);

// The project's own functions, element by element, at most 2 ulp; out may be in.
void emeth_exp(emeth_device* device, float* out, const float* in, size_t count);
void emeth_log(emeth_device* device, float* out, const float* in, size_t count);
void emeth_tanh(emeth_device* device, float* out, const float* in, size_t count);

// The bits of the nearest binary16 or bfloat16, of two the even one: infinite from 65520 on, or from where
// binary32 would be; a NaN stays one, made quiet, with the upper part of its payload.
uint16_t emeth_binary16_of(float x);
uint16_t emeth_bfloat16_of(float x);

// How packed weights are stored. F16: rounded to binary16, half to even. INT8: q·s with q from -127 to 127, s
// one for 32 inputs of an output; s is the smallest number of 8 significant bits that is not below
// binary32(the largest |w| / 127), q = roundHalfEven(binary32(w / s)); q·s is exact.
// Docs/Decisions/0010-generation.md.
typedef enum {
  EMETH_WEIGHTS_F32 = 0,
  EMETH_WEIGHTS_F16 = 1,
  EMETH_WEIGHTS_INT8 = 2,
} emeth_weight_format;

// Packs the weights of n outputs with k inputs, stored (k, n), or (n, k) with `transposed`, into
// emeth_packed_bytes of memory that is 64-byte aligned. EMETH_OUT_OF_RANGE where one is not finite, or in F16
// at least 65520 in size.
size_t emeth_packed_bytes(emeth_weight_format format, size_t n, size_t k);
emeth_status emeth_pack_weights(emeth_device* device, void* out, emeth_weight_format format,
                                const float* weights, size_t n, size_t k, bool transposed);

// out (m, n) = a (m, k) · packed weights [+ bias (n)], then GELU with `gelu`, then residual (m, n) + that:
// the bits of emeth_matmul with the stored values of the weights, emeth_gelu_forward and emeth_add. For a few
// rows, as in generation. bias and residual may be NULL; residual may be out.
typedef struct {
  float* out;
  const float* a;
  const void* weights;
  const float* bias;
  const float* residual;
  size_t m, n, k;
  emeth_weight_format format;
  bool gelu;
} emeth_packed_product_arguments;
void emeth_packed_product(emeth_device* device, const emeth_packed_product_arguments* arguments);

// out (rows, C): row r = row tokens[r] of the packed wte (V, C) + wpe[positions[r]].
void emeth_packed_embedding(emeth_device* device, float* out, const uint32_t* tokens,
                            const uint32_t* positions, const void* wte, emeth_weight_format format,
                            const float* wpe, size_t rows, size_t C);

// Reads `bytes` of memory, a multiple of 256, 64-byte aligned, on all threads; the sum of its 64-bit words.
// For measuring how fast memory can be read.
uint64_t emeth_read_memory(emeth_device* device, const void* memory, size_t bytes);
// Runs `tasks` tasks of `steps` steps of independent fma chains in registers on the device's threads. Gives the
// floating-point operations done, two for each fma: with the time that it took, the peak of these threads.
double emeth_fma_chains(emeth_device* device, size_t tasks, size_t steps);

#endif
