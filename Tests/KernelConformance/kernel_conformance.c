// Compares every set of kernels that this CPU runs with the scalar reference, bit by bit, and prints a line
// for each operation and set: the hash of all output bits and OK or DIFFERENT. Exit status 0 when all are OK.
// Needs nothing but the C library, so that it also runs on emulated CPUs:
//   clang -std=gnu2x -O2 -static -pthread Tests/KernelConformance/kernel_conformance.c
//   Sources/CEmethCompute/cpu/*.c
//   ./a.out [quick] [set …]     portable, avx2, avx512, neon, wide; default all that are available
// `quick` takes a third of the shapes and one thread.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../Sources/CEmethCompute/include/emeth_compute.h"

static uint64_t random_state;

static uint64_t random_word(void) {  // SplitMix64
  uint64_t z = random_state += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

// Inputs of different kinds, so that ties, zeros of both signs, subnormal and infinite results and
// huge ratios occur.
typedef enum { NORMAL, COARSE, WIDE_RANGE, SUBNORMAL, HUGE_VALUES, MIXED, KINDS } input_kind;
static const char* const kind_names[KINDS] = {"normal", "coarse", "wide-range", "subnormal", "huge", "mixed"};

static float random_float(input_kind kind) {
  const uint64_t word = random_word();
  const float unit = (float)((double)(word >> 11) * 0x1p-52 - 1.0);
  switch (kind) {
    case NORMAL: return unit;
    case COARSE: return (float)((int)(word % 9) - 4) * 0.25f;
    case WIDE_RANGE: return ldexpf(unit, (int)(word % 60) - 30);
    case SUBNORMAL: return ldexpf(unit, -50 - (int)(word % 40));
    case HUGE_VALUES: return ldexpf(unit, 50 + (int)(word % 79));
    default: return word % 11 == 0 ? (word % 2 ? 0.0f : -0.0f) : random_float((input_kind)(word % 4));
  }
}

static float* random_array(size_t count, input_kind kind) {
  float* array = malloc((count + 1) * sizeof(float));
  for (size_t i = 0; i < count; i++) array[i] = random_float(kind);
  return array;
}

static uint64_t hash_of(uint64_t hash, const float* array, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &array[i], sizeof bits);
    if (array[i] != array[i]) bits = 0x7FC00000;  // the sign and payload of NaN are not specified
    hash = (hash ^ bits) * 0x100000001B3;
  }
  return hash;
}

// Each check runs one operation on inputs that follow from the random state alone, and hashes its outputs.
typedef uint64_t check(emeth_device* device, input_kind kind, size_t variant);

#define HASH_START 0xCBF29CE484222325

static uint64_t check_matmul(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][3] = {{1, 1, 1},    {1, 100, 65},  {3, 64, 300}, {1537, 33, 2},   {6, 16, 32},
                                     {5, 4200, 17}, {12, 32, 257}, {97, 300, 40}, {100, 129, 800}, {7, 5, 0}};
  const size_t *shape = shapes[variant % 10], m = shape[0], n = shape[1], k = shape[2];
  uint64_t hash = HASH_START;
  for (int layout = 0; layout < 8; layout++) {
    float *a = random_array(m * k, kind), *b = random_array(k * n, kind), *bias = random_array(n, kind);
    float *out = random_array(m * n, kind), *slope_of = random_array(m * n, kind);
    float* activation = calloc(m * n, sizeof(float));
    const emeth_matmul_arguments arguments = {.out = out,
                                              .a = a,
                                              .b = b,
                                              .bias = layout == 3 || layout == 4 ? bias : NULL,
                                              .activation = layout == 0 || layout == 3 ? activation : NULL,
                                              .slope_of = layout == 2 ? slope_of : NULL,
                                              .m = m,
                                              .n = n,
                                              .k = k,
                                              .a_transposed = layout & 1,
                                              .b_transposed = layout & 2,
                                              .accumulate = layout & 4};
    emeth_matmul(device, &arguments);
    hash = hash_of(hash_of(hash, out, m * n), activation, m * n);
    free(a), free(b), free(bias), free(out), free(slope_of), free(activation);
  }
  return hash;
}

static uint64_t check_sums(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t counts[] = {1, 15, 16, 17, 100, 4095, 4096, 4097, 8192, 70001};
  const size_t count = counts[variant % 10], columns = 1 + variant * 37 % 150, rows = count / columns;
  float *in = random_array(count, kind), *out = random_array(columns, kind), results[2];
  uint64_t hash = HASH_START;
  emeth_sum(device, &results[0], in, count);
  emeth_sum_of_squares(device, &results[1], in, count);
  emeth_column_sum(device, out, in, rows, columns);
  hash = hash_of(hash_of(hash, results, 2), out, columns);
  free(in), free(out);
  return hash;
}

static uint64_t check_elements(emeth_device* device, input_kind kind, size_t variant) {
  const size_t count = 1 + variant * 1717;
  float *a = random_array(count, kind), *b = random_array(count, kind), *out = malloc(count * sizeof(float));
  uint64_t hash = HASH_START;
  emeth_add(device, out, a, b, count);
  hash = hash_of(hash, out, count);
  emeth_gelu_forward(device, out, a, count);
  hash = hash_of(hash, out, count);
  emeth_gelu_backward(device, out, a, b, count);
  hash = hash_of(hash, out, count);
  free(a), free(b), free(out);
  return hash;
}

// Bit patterns spread over all of binary32.
static uint64_t check_functions(emeth_device* device, input_kind kind, size_t variant) {
  const size_t count = 20011;
  float *in = malloc(count * sizeof(float)), *out = malloc(count * sizeof(float));
  for (size_t i = 0; i < count; i++) {
    const uint32_t bits = (uint32_t)(i * 214633 + variant * 7919 + kind);
    memcpy(&in[i], &bits, sizeof bits);
  }
  uint64_t hash = HASH_START;
  emeth_exp(device, out, in, count);
  hash = hash_of(hash, out, count);
  emeth_log(device, out, in, count);
  hash = hash_of(hash, out, count);
  emeth_tanh(device, out, in, count);
  hash = hash_of(hash, out, count);
  free(in), free(out);
  return hash;
}

static uint64_t check_layer_norm(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t widths[] = {1, 5, 16, 48, 65, 100, 128, 4096, 4100, 9000};
  const size_t n = widths[variant % 10], rows = n > 1000 ? 3 : 40 + variant, count = rows * n;
  float *a = random_array(count, kind), *b = random_array(count, kind), *gain = random_array(n, kind);
  float *offset = random_array(n, kind), *out = malloc(count * sizeof(float)),
        *sum = malloc(count * sizeof(float));
  float *mean = malloc(rows * sizeof(float)), *reciprocal = malloc(rows * sizeof(float));
  float *d_in = random_array(count, kind), *d_gain = random_array(n, kind), *d_offset = random_array(n, kind);
  uint64_t hash = HASH_START;
  emeth_layer_norm_forward(device, out, mean, reciprocal, a, gain, offset, rows, n);
  hash = hash_of(hash_of(hash_of(hash, out, count), mean, rows), reciprocal, rows);
  emeth_add_layer_norm_forward(device, out, mean, reciprocal, sum, a, b, gain, offset, rows, n);
  hash = hash_of(hash_of(hash_of(hash, out, count), mean, rows), reciprocal, rows);
  hash = hash_of(hash, sum, count);
  emeth_layer_norm_backward(device, d_in, d_gain, d_offset, a, sum, gain, mean, reciprocal, rows, n);
  hash = hash_of(hash_of(hash_of(hash, d_in, count), d_gain, n), d_offset, n);
  free(a), free(b), free(gain), free(offset), free(out), free(sum), free(mean), free(reciprocal);
  free(d_in), free(d_gain), free(d_offset);
  return hash;
}

static uint64_t check_embedding(emeth_device* device, input_kind kind, size_t variant) {
  const size_t B = 1 + variant % 4, T = 1 + variant * 5 % 23, C = 1 + variant * 29 % 140, V = 17,
               stride = T + 1;
  float *wte = random_array(V * C, kind), *wpe = random_array(T * C, kind),
        *out = random_array(B * T * C, kind);
  uint32_t* tokens = malloc(B * stride * sizeof(uint32_t));
  for (size_t i = 0; i < B * stride; i++) tokens[i] = (uint32_t)(random_word() % V);
  uint64_t hash = HASH_START;
  emeth_embedding_backward(device, wte, wpe, out, tokens, stride, B, T, C);
  hash = hash_of(hash_of(hash, wte, V * C), wpe, T * C);
  emeth_embedding_forward(device, out, tokens, stride, wte, wpe, B, T, C);
  hash = hash_of(hash, out, B * T * C);
  free(wte), free(wpe), free(out), free(tokens);
  return hash;
}

static emeth_dropout_mask random_mask(size_t variant) {
  // Half of all, nearly none, nearly all; rows that begin past 2^32 blocks.
  static const uint32_t thresholds[] = {1u << 31, 1u << 20, UINT32_MAX - (1u << 20)};
  // The device's, as arrays are.
  static uint32_t* step;
  if (!step) step = malloc(sizeof *step);
  *step = (uint32_t)random_word();
  emeth_dropout_mask mask = {.step = step,
                             .site = (uint32_t)random_word(),
                             .threshold = thresholds[variant % 3],
                             .scale = 1.25f,
                             .first_row = variant % 2 ? random_word() >> 20 : variant};
  for (size_t i = 0; i < 8; i++) mask.key[i] = (uint32_t)random_word();
  return mask;
}

static uint64_t check_dropout(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t widths[] = {1, 15, 16, 17, 63, 64, 65, 128, 200, 1000};
  const size_t n = widths[variant % 10], rows = 1 + variant * 3, count = rows * n;
  float *in = random_array(count, kind), *out = malloc(count * sizeof(float));
  emeth_dropout(device, out, in, rows, n, random_mask(variant));
  const uint64_t hash = hash_of(HASH_START, out, count);
  free(in), free(out);
  return hash;
}

static uint64_t check_attention(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][4] = {{1, 1, 1, 1},    {2, 3, 4, 2},     {1, 64, 64, 2}, {2, 17, 30, 3},
                                     {1, 100, 32, 1}, {1, 130, 130, 2}, {3, 12, 48, 1}, {1, 97, 20, 4},
                                     {1, 200, 17, 1}, {2, 31, 96, 3}};
  const size_t *shape = shapes[variant % 10], B = shape[0], T = shape[1], C = shape[2], NH = shape[3];
  const size_t rows = B * T, stats = B * NH * T, cache = emeth_attention_cache_count(T, C);
  float *qkv = random_array(rows * 3 * C, kind), *d_out = random_array(rows * C, kind);
  float *out = malloc(rows * C * sizeof(float)), *d_qkv = malloc(rows * 3 * C * sizeof(float));
  float *maximum = malloc(stats * sizeof(float)), *sum = malloc(stats * sizeof(float));
  float *keys = calloc(cache, sizeof(float)), *values = calloc(cache, sizeof(float));
  uint64_t hash = HASH_START;
  const emeth_dropout_mask mask = variant % 4 == 3 ? random_mask(variant) : (emeth_dropout_mask){0};
  emeth_attention_forward(device, out, maximum, sum, qkv, B, T, C, NH, mask);
  hash = hash_of(hash_of(hash_of(hash, out, rows * C), maximum, stats), sum, stats);
  emeth_attention_backward(device, d_qkv, d_out, qkv, maximum, sum, B, T, C, NH, mask);
  hash = hash_of(hash, d_qkv, rows * 3 * C);
  const size_t half = T / 2;
  const emeth_cached_sequence first_half = {keys, values, 0, half, 0};
  emeth_attention_cached(device, out, &first_half, half > 0, qkv, T, C, NH);
  // The other half beside a second sequence that starts at its first row.
  float *other_keys = calloc(cache, sizeof(float)), *other_values = calloc(cache, sizeof(float));
  const emeth_cached_sequence both[] = {{keys, values, half, T - half, half},
                                        {other_keys, other_values, 0, half, 0}};
  emeth_attention_cached(device, out, both, half > 0 ? 2 : 1, qkv, T, C, NH);
  hash = hash_of(hash, out, T * C);
  free(qkv), free(d_out), free(out), free(d_qkv), free(maximum), free(sum), free(keys), free(values);
  free(other_keys), free(other_values);
  return hash;
}

static uint64_t check_packed_product(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t shapes[][3] = {{1, 1, 1},    {1, 100, 65}, {2, 64, 300}, {1, 33, 128},  {7, 31, 257},
                                     {66, 17, 40}, {13, 32, 96}, {3, 130, 33}, {1, 1000, 64}, {16, 48, 129}};
  const size_t *shape = shapes[variant % 10], m = shape[0], n = shape[1], k = shape[2];
  float *a = random_array(m * k, kind), *weights = random_array(k * n, kind), *bias = random_array(n, kind);
  float *residual = random_array(m * n, kind), *out = malloc(m * n * sizeof(float));
  uint64_t hash = HASH_START;
  for (int layout = 0; layout < 6; layout++) {
    const emeth_weight_format format = (emeth_weight_format)(layout % 3);
    if (format == EMETH_WEIGHTS_F16) {
      for (size_t i = 0; i < k * n; i++) weights[i] = fmaxf(fminf(weights[i], 65000.0f), -65000.0f);
    }
    void* packed = aligned_alloc(64, (emeth_packed_bytes(format, n, k) + 63) / 64 * 64);
    const emeth_status status = emeth_pack_weights(device, packed, format, weights, n, k, layout & 1);
    const emeth_packed_product_arguments arguments = {.out = out,
                                                      .a = a,
                                                      .weights = packed,
                                                      .bias = layout % 2 ? bias : NULL,
                                                      .residual = layout > 2 ? residual : NULL,
                                                      .m = m,
                                                      .n = n,
                                                      .k = k,
                                                      .format = format,
                                                      .gelu = layout == 1 || layout == 4};
    if (status == EMETH_OK) emeth_packed_product(device, &arguments);
    hash = hash_of(hash * 31 + status, out, status == EMETH_OK ? m * n : 0);
    free(packed);
  }
  free(a), free(weights), free(bias), free(residual), free(out);
  return hash;
}

static uint64_t check_read_memory(emeth_device* device, input_kind kind, size_t variant) {
  const size_t bytes = 256 * (1 + variant * 1001);
  uint64_t* memory = aligned_alloc(64, bytes);
  for (size_t i = 0; i < bytes / 8; i++) memory[i] = random_word() + kind;
  const uint64_t sum = emeth_read_memory(device, memory, bytes);
  free(memory);
  return sum;
}

static uint64_t check_cross_entropy(emeth_device* device, input_kind kind, size_t variant) {
  static const size_t vocabularies[] = {1, 2, 16, 17, 100, 256, 4096, 5000, 8200, 20000};
  const size_t V = vocabularies[variant % 10], group = 3, stride = 4, rows = 7;
  float *logits = random_array(rows * V, kind), *out = malloc(rows * V * sizeof(float));
  float* losses = malloc(rows * sizeof(float));
  uint32_t targets[12];
  for (size_t i = 0; i < 12; i++) targets[i] = i % 5 == 4 ? EMETH_NO_TARGET : (uint32_t)(random_word() % V);
  uint64_t hash = HASH_START;
  emeth_softmax(device, out, logits, rows, V);
  hash = hash_of(hash, out, rows * V);
  emeth_cross_entropy(device, losses, logits, targets, group, stride, rows, V, 0.1f, false);
  hash = hash_of(hash_of(hash, losses, rows), logits, rows * V);
  emeth_cross_entropy(device, losses, logits, targets, group, stride, rows, V, 0.1f, true);
  hash = hash_of(hash_of(hash, losses, rows), logits, rows * V);
  free(logits), free(out), free(losses);
  return hash;
}

static uint64_t check_adamw(emeth_device* device, input_kind kind, size_t variant) {
  const size_t cuts[] = {1 + variant, 40 + variant * 3, 9000 + variant * 101}, count = cuts[2];
  float *parameters = random_array(count, kind), *first = random_array(count, kind);
  float *second = random_array(count, kind), *gradients = random_array(count, kind);
  for (size_t i = 0; i < count; i++) second[i] = fabsf(second[i]);
  const emeth_decay_span spans[] = {
      {0, cuts[0], 0.1f}, {cuts[0], cuts[1] - cuts[0], 0.0f}, {cuts[1], cuts[2] - cuts[1], 0.3f}};
  const emeth_adamw_scalars scalars = {.learning_rate = 1e-3f,
                                       .beta1 = 0.9f,
                                       .one_minus_beta1 = 0.1f,
                                       .beta2 = 0.95f,
                                       .one_minus_beta2 = 0.05f,
                                       .correction1 = 1.7f,
                                       .correction2 = 3.1f,
                                       .epsilon = 1e-8f,
                                       .limit = 0.37f};
  // A norm above the limit (where limit · (1 / norm) has other bits), at it and below it; no clipping; what is not finite changes nothing.
  const float sums[][2] = {{3.0f, 7.3f},     {3.0f, 0.1369f}, {-3.0f, 0.01f},    {0, 0},
                           {3.0f, INFINITY}, {NAN, 7.3f},     {-INFINITY, 7.3f}, {3.0f, NAN}};
  uint64_t hash = HASH_START;
  for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
    emeth_adamw(device, parameters, first, second, gradients, sums[i], spans, 3, &scalars);
    hash = hash_of(hash_of(hash_of(hash, parameters, count), first, count), second, count);
  }
  emeth_adamw(device, parameters, first, second, gradients, NULL, spans, 3, &scalars);
  hash = hash_of(hash_of(hash_of(hash, parameters, count), first, count), second, count);
  free(parameters), free(first), free(second), free(gradients);
  return hash;
}

static const struct {
  const char* name;
  check* run;
} checks[] = {{"matmul", check_matmul},
              {"sums", check_sums},
              {"elements", check_elements},
              {"functions", check_functions},
              {"layer_norm", check_layer_norm},
              {"embedding", check_embedding},
              {"dropout", check_dropout},
              {"attention", check_attention},
              {"cross_entropy", check_cross_entropy},
              {"adamw", check_adamw},
              {"packed_product", check_packed_product},
              {"read_memory", check_read_memory}};

static const struct {
  const char* name;
  emeth_instruction_set set;
} sets[] = {{"portable", EMETH_SET_PORTABLE},
            {"avx2", EMETH_SET_AVX2},
            {"avx512", EMETH_SET_AVX512},
            {"neon", EMETH_SET_NEON},
            {"wide", EMETH_SET_WIDE}};

static emeth_device* make_device(emeth_instruction_set set, size_t threads) {
  emeth_device* device;
  if (emeth_device_create(&device, set, threads) != EMETH_OK) {
    fprintf(stderr, "no device\n");
    exit(2);
  }
  return device;
}

int main(int argument_count, char** arguments) {
  const bool quick = argument_count > 1 && strcmp(arguments[1], "quick") == 0;
  const int first_set = quick ? 2 : 1;
  bool all_equal = true;
  emeth_device* reference = make_device(EMETH_SET_REFERENCE, 1);
  for (size_t s = 0; s < sizeof sets / sizeof *sets; s++) {
    bool wanted = argument_count == first_set;
    for (int i = first_set; i < argument_count; i++)
      wanted = wanted || strcmp(arguments[i], sets[s].name) == 0;
    if (!wanted) continue;
    if (!emeth_instruction_set_available(sets[s].set)) {
      printf("%-14s %-9s not available on this CPU\n", "all", sets[s].name);
      continue;
    }
    for (size_t threads = 1; threads <= (quick ? 1 : 3); threads += 2) {
      emeth_device* device = make_device(sets[s].set, threads);
      for (size_t c = 0; c < sizeof checks / sizeof *checks; c++) {
        uint64_t combined = HASH_START;
        bool equal = true;
        for (int kind = 0; kind < KINDS; kind++) {
          for (size_t variant = quick ? 1 : 0; variant < 10; variant += quick ? 3 : 1) {
            const uint64_t seed = 1000 * (uint64_t)kind + variant;
            random_state = seed;
            const uint64_t found = checks[c].run(device, (input_kind)kind, variant);
            random_state = seed;
            const uint64_t expected = checks[c].run(reference, (input_kind)kind, variant);
            combined = (combined ^ found) * 0x100000001B3;
            if (found != expected) {
              equal = false;
              printf("  %s %s: %s inputs, variant %zu differ\n", checks[c].name, sets[s].name,
                     kind_names[kind], variant);
            }
          }
        }
        all_equal = all_equal && equal;
        printf("%-14s %-9s %zu thread%s %016llx %s\n", checks[c].name, sets[s].name, threads,
               threads == 1 ? " " : "s", (unsigned long long)combined, equal ? "OK" : "DIFFERENT");
        fflush(stdout);
      }
      emeth_device_destroy(device);
    }
  }
  emeth_device_destroy(reference);
  return all_equal ? 0 : 1;
}
