// Every kernel: KERNEL(file without .cu, name). The name is that of an `extern "C" __global__` function.
#ifndef EMETH_CUDA_KERNEL_LIST_H
#define EMETH_CUDA_KERNEL_LIST_H

#define EMETH_CUDA_KERNELS(KERNEL) \
  KERNEL(add, add)

#endif
