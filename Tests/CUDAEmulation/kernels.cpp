// All kernels as C++, compiled with -fsanitize=thread.
#include "emulator.h"

#include "../../Sources/CEmethCompute/cuda/kernels/adamw.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/attention.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/attention_cached.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/attention_flash.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/attention_flash_backward.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/column_sum.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/cross_entropy.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/dropout.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/elements.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/embedding.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/layer_norm.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/list.h"
#include "../../Sources/CEmethCompute/cuda/kernels/matmul.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/matmul_bfloat16.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/measure.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/packed_product.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/rounding.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/softmax.cu"
#include "../../Sources/CEmethCompute/cuda/kernels/sum.cu"

extern "C" const emulated_kernel emulated_kernels[] = {EMETH_CUDA_KERNELS(EMULATED_KERNEL)};
