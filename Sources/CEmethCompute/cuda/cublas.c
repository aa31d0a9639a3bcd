#include "cublas.h"

#include <stdlib.h>

#include "library.h"

typedef int cublas_status;
typedef struct cublas_handle cublas_handle;
typedef struct cublas_product cublas_product;
typedef struct cublas_layout cublas_layout;
typedef struct cublas_preference cublas_preference;
typedef struct {
  uint64_t data[8];
} cublas_algorithm;
typedef struct {
  cublas_algorithm algorithm;
  size_t workspace_bytes;
  cublas_status status;
  float waves;
  int reserved[4];
} cublas_choice;

enum { CUBLAS_SUCCESS = 0, CUBLAS_NOT_SUPPORTED = 15 };
enum { CUDA_FLOAT32 = 0, CUDA_BFLOAT16 = 14, CUBLAS_COMPUTE_FLOAT32 = 68 };
enum { CUBLAS_TRANSPOSED = 1 };
enum {
  CUBLAS_TRANSPOSE_A = 3,
  CUBLAS_TRANSPOSE_B = 4,
  CUBLAS_EPILOGUE = 7,
  CUBLAS_BIAS = 8,
  CUBLAS_AUXILIARY = 11,
  CUBLAS_AUXILIARY_STRIDE = 12,
};
// Epilogues: bits, but for none.
enum { EPILOGUE_NONE = 1, EPILOGUE_BIAS = 4, EPILOGUE_GELU_AUXILIARY = 32 | 128, EPILOGUE_GELU_SLOPE = 64 | 128 };
enum { CUBLAS_WORKSPACE_LIMIT = 1, CUBLAS_ALIGNMENT_A = 5, CUBLAS_ALIGNMENT_D = 8 };

struct emeth_cublas {
  size_t (*version)(void);
  const char* (*status_text)(cublas_status status);
  cublas_status (*create)(cublas_handle** out);
  cublas_status (*destroy)(cublas_handle* handle);
  cublas_status (*create_product)(cublas_product** out, int compute_type, int scale_type);
  cublas_status (*destroy_product)(cublas_product* product);
  cublas_status (*set_product)(cublas_product* product, int attribute, const void* value, size_t bytes);
  cublas_status (*create_layout)(cublas_layout** out, int type, uint64_t rows, uint64_t columns, int64_t stride);
  cublas_status (*destroy_layout)(cublas_layout* layout);
  cublas_status (*create_preference)(cublas_preference** out);
  cublas_status (*destroy_preference)(cublas_preference* preference);
  cublas_status (*set_preference)(cublas_preference* preference, int attribute, const void* value, size_t bytes);
  cublas_status (*choose)(cublas_handle* handle, cublas_product* product, cublas_layout* a, cublas_layout* b,
                          cublas_layout* c, cublas_layout* d, cublas_preference* preference, int wanted,
                          cublas_choice* out, int* found);
  cublas_status (*multiply)(cublas_handle* handle, cublas_product* product, const void* alpha, const void* a,
                            cublas_layout* a_layout, const void* b, cublas_layout* b_layout, const void* beta,
                            const void* c, cublas_layout* c_layout, void* d, cublas_layout* d_layout,
                            const cublas_algorithm* algorithm, void* workspace, size_t workspace_bytes,
                            cu_stream* stream);
};

emeth_status emeth_cublas_open(emeth_cublas** out, const char* path, int* major, int* minor, char* message) {
  *out = NULL;
  emeth_cublas* cublas = calloc(1, sizeof *cublas);
  if (!cublas) return EMETH_NO_MEMORY;
  const emeth_library_function functions[] = {
      {"cublasLtGetVersion", &cublas->version, false},
      {"cublasLtGetStatusString", &cublas->status_text, false},
      {"cublasLtCreate", &cublas->create, false},
      {"cublasLtDestroy", &cublas->destroy, false},
      {"cublasLtMatmulDescCreate", &cublas->create_product, false},
      {"cublasLtMatmulDescDestroy", &cublas->destroy_product, false},
      {"cublasLtMatmulDescSetAttribute", &cublas->set_product, false},
      {"cublasLtMatrixLayoutCreate", &cublas->create_layout, false},
      {"cublasLtMatrixLayoutDestroy", &cublas->destroy_layout, false},
      {"cublasLtMatmulPreferenceCreate", &cublas->create_preference, false},
      {"cublasLtMatmulPreferenceDestroy", &cublas->destroy_preference, false},
      {"cublasLtMatmulPreferenceSetAttribute", &cublas->set_preference, false},
      {"cublasLtMatmulAlgoGetHeuristic", &cublas->choose, false},
      {"cublasLtMatmul", &cublas->multiply, false},
  };
  const emeth_status status =
      emeth_library_open(path, functions, sizeof functions / sizeof *functions, message);
  if (status != EMETH_OK) {
    free(cublas);
    return status;
  }
  // Such as 120803 or 130001.
  const size_t version = cublas->version();
  *major = (int)(version / 10000);
  *minor = (int)(version / 100 % 100);
  *out = cublas;
  return EMETH_OK;
}

void emeth_cublas_close(emeth_cublas* cublas) { free(cublas); }

size_t emeth_cublas_workspace_bytes(void) { return EMETH_CUBLAS_WORKSPACE_BYTES; }

// What products have in common whose way the library has to choose once.
typedef struct {
  size_t m, n, k;
  int epilogue;
  bool a_transposed, b_transposed;
} product_key;

typedef struct {
  product_key key;
  cublas_product* product;
  cublas_layout *a, *b, *out;
  cublas_algorithm algorithm;
  bool is_possible;
} product_plan;

#define PLANS 64

struct emeth_cublas_products {
  const emeth_cublas* library;
  cublas_handle* handle;
  product_plan plans[PLANS];
  size_t count, oldest;
};

static emeth_status refusal(const emeth_cublas* cublas, const char* call, cublas_status status, char* message) {
  const char* text = cublas->status_text(status);
  emeth_say(message, "%s: %s (%d)", call, text ? text : "an unknown status", status);
  return EMETH_DEVICE_FAILED;
}

emeth_status emeth_cublas_create(emeth_cublas_products** out, const emeth_cublas* library, char* message) {
  *out = NULL;
  emeth_cublas_products* products = calloc(1, sizeof *products);
  if (!products) return EMETH_NO_MEMORY;
  products->library = library;
  const cublas_status status = library->create(&products->handle);
  if (status != CUBLAS_SUCCESS) {
    free(products);
    return refusal(library, "cublasLtCreate", status, message);
  }
  *out = products;
  return EMETH_OK;
}

static void forget(const emeth_cublas* cublas, product_plan* plan) {
  if (plan->product) cublas->destroy_product(plan->product);
  if (plan->a) cublas->destroy_layout(plan->a);
  if (plan->b) cublas->destroy_layout(plan->b);
  if (plan->out) cublas->destroy_layout(plan->out);
  *plan = (product_plan){0};
}

void emeth_cublas_destroy(emeth_cublas_products* products) {
  if (!products) return;
  for (size_t i = 0; i < products->count; i++) forget(products->library, &products->plans[i]);
  products->library->destroy(products->handle);
  free(products);
}

// Where arrays lie, for this call. The library's matrices go down columns: it computes outᵀ = bᵀ · aᵀ.
static cublas_status point(const emeth_cublas* cublas, const product_plan* plan, const emeth_matmul_arguments* g) {
  cublas_status status = CUBLAS_SUCCESS;
  if (g->bias) status = cublas->set_product(plan->product, CUBLAS_BIAS, &g->bias, sizeof g->bias);
  const int64_t stride = (int64_t)g->n;
  const void* auxiliary = g->activation ? g->out : g->slope_of;
  if (status == CUBLAS_SUCCESS && auxiliary)
    status = cublas->set_product(plan->product, CUBLAS_AUXILIARY, &auxiliary, sizeof auxiliary);
  if (status == CUBLAS_SUCCESS && auxiliary)
    status = cublas->set_product(plan->product, CUBLAS_AUXILIARY_STRIDE, &stride, sizeof stride);
  return status;
}

// Of an operand with that many rows of so many columns, which the library sees as columns.
static cublas_status create_operand(const emeth_cublas* cublas, cublas_layout** out, uint64_t rows,
                                    uint64_t columns) {
  return cublas->create_layout(out, CUDA_BFLOAT16, columns, rows, (int64_t)((columns + 7) / 8 * 8));
}

static cublas_status choose(emeth_cublas_products* products, product_plan* plan, const emeth_matmul_arguments* g) {
  const emeth_cublas* cublas = products->library;
  const product_key* key = &plan->key;
  cublas_status status = cublas->create_product(&plan->product, CUBLAS_COMPUTE_FLOAT32, CUDA_FLOAT32);
  const int transposed = CUBLAS_TRANSPOSED;
  if (status == CUBLAS_SUCCESS && key->b_transposed)
    status = cublas->set_product(plan->product, CUBLAS_TRANSPOSE_A, &transposed, sizeof transposed);
  if (status == CUBLAS_SUCCESS && key->a_transposed)
    status = cublas->set_product(plan->product, CUBLAS_TRANSPOSE_B, &transposed, sizeof transposed);
  if (status == CUBLAS_SUCCESS)
    status = cublas->set_product(plan->product, CUBLAS_EPILOGUE, &key->epilogue, sizeof key->epilogue);
  if (status == CUBLAS_SUCCESS) status = point(cublas, plan, g);
  const uint64_t m = key->m, n = key->n, k = key->k;
  if (status == CUBLAS_SUCCESS)
    status = create_operand(cublas, &plan->b, key->b_transposed ? n : k, key->b_transposed ? k : n);
  if (status == CUBLAS_SUCCESS)
    status = create_operand(cublas, &plan->a, key->a_transposed ? k : m, key->a_transposed ? m : k);
  if (status == CUBLAS_SUCCESS)
    status = cublas->create_layout(&plan->out, CUDA_FLOAT32, n, m, (int64_t)n);
  cublas_preference* preference = NULL;
  if (status == CUBLAS_SUCCESS) status = cublas->create_preference(&preference);
  const uint64_t limit = EMETH_CUBLAS_WORKSPACE_BYTES;
  if (status == CUBLAS_SUCCESS)
    status = cublas->set_preference(preference, CUBLAS_WORKSPACE_LIMIT, &limit, sizeof limit);
  // It would take 256 for granted.
  const uint32_t alignment = 16;
  for (int matrix = CUBLAS_ALIGNMENT_A; matrix <= CUBLAS_ALIGNMENT_D && status == CUBLAS_SUCCESS; matrix++)
    status = cublas->set_preference(preference, matrix, &alignment, sizeof alignment);
  cublas_choice choice = {.status = CUBLAS_NOT_SUPPORTED};
  int found = 0;
  if (status == CUBLAS_SUCCESS)
    status = cublas->choose(products->handle, plan->product, plan->b, plan->a, plan->out, plan->out, preference,
                            1, &choice, &found);
  if (preference) cublas->destroy_preference(preference);
  plan->algorithm = choice.algorithm;
  plan->is_possible = status == CUBLAS_SUCCESS && found == 1 && choice.status == CUBLAS_SUCCESS;
  return status == CUBLAS_NOT_SUPPORTED ? CUBLAS_SUCCESS : status;
}

static bool same(const product_key* a, const product_key* b) {
  return a->m == b->m && a->n == b->n && a->k == b->k && a->epilogue == b->epilogue &&
         a->a_transposed == b->a_transposed && a->b_transposed == b->b_transposed;
}

emeth_status emeth_cublas_multiply(emeth_cublas_products* products, cu_stream* stream,
                                   const emeth_matmul_arguments* g, const void* a, const void* b,
                                   void* workspace, char* message) {
  const emeth_cublas* cublas = products->library;
  // GELU puts its input elsewhere than what is added to.
  if ((g->activation && g->slope_of) || (g->activation && g->accumulate)) return EMETH_NOT_AVAILABLE;
  int epilogue = (g->bias ? EPILOGUE_BIAS : 0) | (g->activation ? EPILOGUE_GELU_AUXILIARY : 0) |
                 (g->slope_of ? EPILOGUE_GELU_SLOPE : 0);
  if (g->bias && g->slope_of) return EMETH_NOT_AVAILABLE;
  if (!epilogue) epilogue = EPILOGUE_NONE;
  const product_key key = {g->m, g->n, g->k, epilogue, g->a_transposed, g->b_transposed};
  product_plan* plan = NULL;
  for (size_t i = 0; i < products->count && !plan; i++) {
    if (same(&products->plans[i].key, &key)) plan = &products->plans[i];
  }
  cublas_status status = CUBLAS_SUCCESS;
  if (plan) {
    if (plan->is_possible) status = point(cublas, plan, g);
  } else {
    if (products->count < PLANS) {
      plan = &products->plans[products->count++];
    } else {
      plan = &products->plans[products->oldest++ % PLANS];
      forget(cublas, plan);
    }
    plan->key = key;
    status = choose(products, plan, g);
  }
  if (status != CUBLAS_SUCCESS) return refusal(cublas, "cublasLtMatmulAlgoGetHeuristic", status, message);
  if (!plan->is_possible) return EMETH_NOT_AVAILABLE;
  const float one = 1, beta = g->accumulate;
  float* out = g->activation ? g->activation : g->out;
  status = cublas->multiply(products->handle, plan->product, &one, b, plan->b, a, plan->a, &beta, out, plan->out,
                            out, plan->out, &plan->algorithm, workspace, EMETH_CUBLAS_WORKSPACE_BYTES, stream);
  return status == CUBLAS_SUCCESS ? EMETH_OK : refusal(cublas, "cublasLtMatmul", status, message);
}
