// Tensor cores by the PTX instructions of a warp; without NVRTC the emulator's functions of the same meaning.
#ifndef EMETH_CUDA_BFLOAT16_CUH
#define EMETH_CUDA_BFLOAT16_CUH

#include "kernel.cuh"

// a and b rounded to bfloat16, half to even; a in the lower half.
DEVICE unsigned bfloat16_pair(float a, float b) {
#if defined(__CUDACC_RTC__)
  unsigned pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(b), "f"(a));
  return pair;
#else
  return emulated_bfloat16_pair(a, b);
#endif
}

// Four matrices of 8 x 8: lanes 8i … 8i + 7 give the addresses of the rows of matrix i, 16 bytes each. Lane l
// has in out[i] elements 2(l mod 4) and the next of row l / 4, or of column l / 4 with TRANSPOSED.
template <bool TRANSPOSED>
DEVICE void load_matrices(unsigned (&out)[4], const unsigned short* row) {
#if defined(__CUDACC_RTC__)
  const unsigned address = (unsigned)__cvta_generic_to_shared(row);
  if (TRANSPOSED)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
                 : "r"(address)
                 : "memory");
#else
  emulated_load_matrices(out, row, TRANSPOSED);
#endif
}

// sums (16, 8) += a (16, 16) · b (16, 8). Lane l has elements 2(l mod 4) and the next of a row: of a those of
// rows l / 4 and l / 4 + 8, then of both eight further; of b, down column l / 4, those and eight further; of
// the sums those of rows l / 4 and l / 4 + 8.
DEVICE void multiply_matrices(float (&sums)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#if defined(__CUDACC_RTC__)
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  emulated_multiply_matrices(sums, a, b0, b1);
#endif
}

#endif
