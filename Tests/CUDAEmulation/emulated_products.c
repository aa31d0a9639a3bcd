// cuBLASLt for the emulated device: products by plain loops, in the order of the driver's stream. What is not as
// the library wants it is refused with its status: layouts that don't fit, addresses that are not aligned or not
// the device's, too little workspace.
//   EMULATED_CUBLAS_VERSION   130000 by default
//   EMULATED_CUBLAS_REFUSES   `gelu`: has no GELU; `all`: has no way for any product; `run`: fails in them
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTION __attribute__((visibility("default")))

enum { SUCCESS = 0, INVALID_VALUE = 7, EXECUTION_FAILED = 13, NOT_SUPPORTED = 15 };
enum { FLOAT32 = 0, BFLOAT16 = 14, COMPUTE_FLOAT32 = 68 };
enum { BIAS = 4, GELU = 32, GELU_SLOPE = 64, AUXILIARY = 128 };
#define WORKSPACE ((size_t)1 << 20)

int emulated_queue(void* stream, void (*host)(const void* data), const void* data, size_t bytes);
bool emulated_is_device_memory(const void* memory, size_t bytes);

typedef struct {
  int transposed[2], epilogue;
  const float* bias;
  float* auxiliary;
  int64_t auxiliary_stride;
} product;
typedef struct {
  int type;
  uint64_t rows, columns;
  int64_t stride;
} layout;
typedef struct {
  uint64_t workspace_bytes;
  uint32_t alignments[4];  // of a, b, c, d
} preference;
typedef struct {
  uint64_t algorithm[8];
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
} choice;

static long handles;
FUNCTION long emulated_product_handles(void) { return handles; }
static long products;
FUNCTION long emulated_product_count(void) { return products; }

static bool refuses(const char* what) {
  const char* text = getenv("EMULATED_CUBLAS_REFUSES");
  return text && strcmp(text, what) == 0;
}

FUNCTION size_t cublasLtGetVersion(void) {
  const char* text = getenv("EMULATED_CUBLAS_VERSION");
  return text && *text ? (size_t)atol(text) : 130000;
}
FUNCTION const char* cublasLtGetStatusString(int status) {
  return status == EXECUTION_FAILED ? "CUBLAS_STATUS_EXECUTION_FAILED" : "CUBLAS_STATUS";
}

static int create(void** out, size_t bytes) {
  handles++;
  *out = calloc(1, bytes);
  return *out ? SUCCESS : 3;
}
static int destroy(void* memory) {
  handles--;
  free(memory);
  return SUCCESS;
}
FUNCTION int cublasLtCreate(void** out) { return create(out, 1); }
FUNCTION int cublasLtDestroy(void* handle) { return destroy(handle); }
FUNCTION int cublasLtMatmulDescCreate(void** out, int compute, int scale) {
  const int status = create(out, sizeof(product));
  if (status == SUCCESS) ((product*)*out)->epilogue = 1;
  return compute == COMPUTE_FLOAT32 && scale == FLOAT32 ? status : INVALID_VALUE;
}
FUNCTION int cublasLtMatmulDescDestroy(void* own) { return destroy(own); }
FUNCTION int cublasLtMatmulDescSetAttribute(product* own, int attribute, const void* value, size_t bytes) {
  void* places[13] = {[3] = &own->transposed[0], [4] = &own->transposed[1], [7] = &own->epilogue,
                      [8] = &own->bias,          [11] = &own->auxiliary,    [12] = &own->auxiliary_stride};
  const size_t sizes[13] = {[3] = 4, [4] = 4, [7] = 4, [8] = 8, [11] = 8, [12] = 8};
  if (attribute < 0 || attribute > 12 || !sizes[attribute] || sizes[attribute] != bytes) return INVALID_VALUE;
  memcpy(places[attribute], value, bytes);
  return SUCCESS;
}
FUNCTION int cublasLtMatrixLayoutCreate(void** out, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  const int status = create(out, sizeof(layout));
  if (status == SUCCESS) *(layout*)*out = (layout){type, rows, columns, stride};
  return stride >= (int64_t)rows ? status : INVALID_VALUE;
}
FUNCTION int cublasLtMatrixLayoutDestroy(void* own) { return destroy(own); }
FUNCTION int cublasLtMatmulPreferenceCreate(void** out) { return create(out, sizeof(preference)); }
FUNCTION int cublasLtMatmulPreferenceDestroy(void* own) { return destroy(own); }
FUNCTION int cublasLtMatmulPreferenceSetAttribute(preference* own, int attribute, const void* value, size_t bytes) {
  const bool is_alignment = attribute >= 5 && attribute <= 8;
  void* place = is_alignment ? (void*)&own->alignments[attribute - 5] : &own->workspace_bytes;
  if ((!is_alignment && attribute != 1) || bytes != (is_alignment ? 4 : 8)) return INVALID_VALUE;
  memcpy(place, value, bytes);
  return SUCCESS;
}

// Whether op(a) (m, k) times op(b) (k, n) is d (m, n).
static bool fits(const product* own, const layout* a, const layout* b, const layout* d) {
  const uint64_t m = own->transposed[0] ? a->columns : a->rows, k = own->transposed[0] ? a->rows : a->columns;
  const uint64_t n = own->transposed[1] ? b->rows : b->columns;
  return k == (own->transposed[1] ? b->columns : b->rows) && d->rows == m && d->columns == n &&
         a->type == BFLOAT16 && b->type == BFLOAT16 && d->type == FLOAT32;
}

FUNCTION int cublasLtMatmulAlgoGetHeuristic(void* handle, const product* own, const layout* a, const layout* b,
                                            const layout* c, const layout* d, const preference* wanted, int count,
                                            choice* out, int* found) {
  *found = 0;
  if (!handle || !fits(own, a, b, d) || c != d || count < 1) return INVALID_VALUE;
  if (refuses("all") || (refuses("gelu") && own->epilogue & (GELU | GELU_SLOPE))) return NOT_SUPPORTED;
  // What is_device looks at later.
  for (int i = 0; i < 4; i++) {
    if (wanted->alignments[i] != 16) return INVALID_VALUE;
  }
  if (wanted->workspace_bytes < WORKSPACE || a->stride % 8 || b->stride % 8) return NOT_SUPPORTED;
  *found = 1;
  *out = (choice){.algorithm = {42}, .workspace_bytes = WORKSPACE, .status = SUCCESS};
  return SUCCESS;
}

typedef struct {
  product own;
  layout a, b, d;
  const uint16_t *a_elements, *b_elements;
  float* out;
  float beta;
} work;

static float element(const uint16_t* elements, const layout* matrix, int transposed, uint64_t row, uint64_t column) {
  const uint64_t r = transposed ? column : row, c = transposed ? row : column;
  const uint32_t bits = (uint32_t)elements[c * (uint64_t)matrix->stride + r] << 16;
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void run(const void* data) {
  const work* w = data;
  const uint64_t k_count = w->own.transposed[0] ? w->a.rows : w->a.columns;
  products++;
  for (uint64_t column = 0; column < w->d.columns; column++) {
    for (uint64_t row = 0; row < w->d.rows; row++) {
      double sum = 0;
      for (uint64_t k = 0; k < k_count; k++)
        sum += (double)element(w->a_elements, &w->a, w->own.transposed[0], row, k) *
               (double)element(w->b_elements, &w->b, w->own.transposed[1], k, column);
      float* to = w->out + column * (uint64_t)w->d.stride + row;
      if (w->beta != 0) sum += (double)(w->beta * *to);
      if (w->own.epilogue & BIAS) sum += (double)w->own.bias[row];
      double x = sum;
      if (w->own.epilogue & AUXILIARY) {
        float* auxiliary = w->own.auxiliary + column * (uint64_t)w->own.auxiliary_stride + row;
        if (w->own.epilogue & GELU) *auxiliary = (float)sum;
        else x = (double)*auxiliary;
      }
      const double t = tanh(0.7978845608028654 * (x + 0.044715 * x * x * x));
      if (w->own.epilogue & GELU) sum = 0.5 * x * (1 + t);
      if (w->own.epilogue & GELU_SLOPE)
        sum *= 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608028654 * (1 + 3 * 0.044715 * x * x);
      *to = (float)sum;
    }
  }
}

static bool is_device(const void* memory, size_t bytes) {
  return (uintptr_t)memory % 16 == 0 && emulated_is_device_memory(memory, bytes);
}

FUNCTION int cublasLtMatmul(void* handle, const product* own, const float* alpha, const void* a,
                            const layout* a_layout, const void* b, const layout* b_layout, const float* beta,
                            const void* c, const layout* c_layout, void* d, const layout* d_layout,
                            const uint64_t* algorithm, void* workspace, size_t workspace_bytes, void* stream) {
  if (refuses("run")) return EXECUTION_FAILED;
  if (!handle || !stream || *alpha != 1 || c != d || c_layout != d_layout || *algorithm != 42 ||
      !fits(own, a_layout, b_layout, d_layout))
    return INVALID_VALUE;
  const size_t out_bytes = d_layout->columns * (size_t)d_layout->stride * sizeof(float);
  if (!is_device(a, a_layout->columns * (size_t)a_layout->stride * 2) ||
      !is_device(b, b_layout->columns * (size_t)b_layout->stride * 2) || !is_device(d, out_bytes) ||
      !is_device(workspace, workspace_bytes) || workspace_bytes < WORKSPACE)
    return INVALID_VALUE;
  if (own->epilogue & BIAS && !is_device(own->bias, d_layout->rows * sizeof(float))) return INVALID_VALUE;
  if (own->epilogue & AUXILIARY &&
      (!is_device(own->auxiliary, out_bytes) || own->auxiliary_stride < (int64_t)d_layout->rows))
    return INVALID_VALUE;
  const work w = {*own, *a_layout, *b_layout, *d_layout, a, b, d, *beta};
  return emulated_queue(stream, run, &w, sizeof w) ? EXECUTION_FAILED : SUCCESS;
}
