// The texts of the kernels, embedded.
#include "../include/emeth_cuda.h"
#include "launcher.h"

static const char reproducible_math_h[] = {
#embed "../common/reproducible_math.h" suffix(, 0)
};
static const char bfloat16_cuh[] = {
#embed "kernels/bfloat16.cuh" suffix(, 0)
};
static const char column_sum_cuh[] = {
#embed "kernels/column_sum.cuh" suffix(, 0)
};
static const char flash_cuh[] = {
#embed "kernels/flash.cuh" suffix(, 0)
};
static const char dropout_cuh[] = {
#embed "kernels/dropout.cuh" suffix(, 0)
};
static const char kernel_cuh[] = {
#embed "kernels/kernel.cuh" suffix(, 0)
};
static const char product_cuh[] = {
#embed "kernels/product.cuh" suffix(, 0)
};
static const char product_h[] = {
#embed "kernels/product.h" suffix(, 0)
};
static const char tensor_product_cuh[] = {
#embed "kernels/tensor_product.cuh" suffix(, 0)
};
static const char adamw_cu[] = {
#embed "kernels/adamw.cu" suffix(, 0)
};
static const char attention_cu[] = {
#embed "kernels/attention.cu" suffix(, 0)
};
static const char attention_cached_cu[] = {
#embed "kernels/attention_cached.cu" suffix(, 0)
};
static const char column_sum_cu[] = {
#embed "kernels/column_sum.cu" suffix(, 0)
};
static const char cross_entropy_cu[] = {
#embed "kernels/cross_entropy.cu" suffix(, 0)
};
static const char dropout_cu[] = {
#embed "kernels/dropout.cu" suffix(, 0)
};
static const char elements_cu[] = {
#embed "kernels/elements.cu" suffix(, 0)
};
static const char embedding_cu[] = {
#embed "kernels/embedding.cu" suffix(, 0)
};
static const char layer_norm_cu[] = {
#embed "kernels/layer_norm.cu" suffix(, 0)
};
static const char attention_flash_cu[] = {
#embed "kernels/attention_flash.cu" suffix(, 0)
};
static const char attention_flash_backward_cu[] = {
#embed "kernels/attention_flash_backward.cu" suffix(, 0)
};
static const char matmul_cu[] = {
#embed "kernels/matmul.cu" suffix(, 0)
};
static const char matmul_bfloat16_cu[] = {
#embed "kernels/matmul_bfloat16.cu" suffix(, 0)
};
static const char measure_cu[] = {
#embed "kernels/measure.cu" suffix(, 0)
};
static const char packed_product_cu[] = {
#embed "kernels/packed_product.cu" suffix(, 0)
};
static const char rounding_cu[] = {
#embed "kernels/rounding.cu" suffix(, 0)
};
static const char softmax_cu[] = {
#embed "kernels/softmax.cu" suffix(, 0)
};
static const char sum_cu[] = {
#embed "kernels/sum.cu" suffix(, 0)
};

#define SOURCE(name, array, is_program) {name, array, sizeof array - 1, is_program}
static const emeth_cuda_source sources[] = {
    SOURCE("../../common/reproducible_math.h", reproducible_math_h, false),
    SOURCE("bfloat16.cuh", bfloat16_cuh, false),
    SOURCE("column_sum.cuh", column_sum_cuh, false),
    SOURCE("dropout.cuh", dropout_cuh, false),
    SOURCE("flash.cuh", flash_cuh, false),
    SOURCE("kernel.cuh", kernel_cuh, false),
    SOURCE("product.cuh", product_cuh, false),
    SOURCE("product.h", product_h, false),
    SOURCE("tensor_product.cuh", tensor_product_cuh, false),
    SOURCE("adamw.cu", adamw_cu, true),
    SOURCE("attention.cu", attention_cu, true),
    SOURCE("attention_cached.cu", attention_cached_cu, true),
    SOURCE("column_sum.cu", column_sum_cu, true),
    SOURCE("cross_entropy.cu", cross_entropy_cu, true),
    SOURCE("dropout.cu", dropout_cu, true),
    SOURCE("elements.cu", elements_cu, true),
    SOURCE("embedding.cu", embedding_cu, true),
    SOURCE("layer_norm.cu", layer_norm_cu, true),
    SOURCE("attention_flash.cu", attention_flash_cu, true),
    SOURCE("attention_flash_backward.cu", attention_flash_backward_cu, true),
    SOURCE("matmul.cu", matmul_cu, true),
    SOURCE("matmul_bfloat16.cu", matmul_bfloat16_cu, true),
    SOURCE("measure.cu", measure_cu, true),
    SOURCE("packed_product.cu", packed_product_cu, true),
    SOURCE("rounding.cu", rounding_cu, true),
    SOURCE("softmax.cu", softmax_cu, true),
    SOURCE("sum.cu", sum_cu, true),
};

static const emeth_cuda_kernel_name kernels[] = {
#define KERNEL(file, name) {#name, #file},
    EMETH_CUDA_KERNELS(KERNEL)
#undef KERNEL
};

size_t emeth_cuda_source_count(void) { return sizeof sources / sizeof *sources; }
emeth_cuda_source emeth_cuda_source_at(size_t index) { return sources[index]; }
size_t emeth_cuda_kernel_count(void) { return EMETH_KERNEL_COUNT; }
emeth_cuda_kernel_name emeth_cuda_kernel_at(size_t index) { return kernels[index]; }
