// The arguments of a matrix product, for the kernels and for the host.
#ifndef EMETH_CUDA_PRODUCT_H
#define EMETH_CUDA_PRODUCT_H

// Where matrix z of a batch lies: at base + z · each + (z' / heads) · outer + (z' mod heads) · inner with z'
// = z + first_head; its rows are `stride` elements apart. With `vectors` all rows begin at multiples of 16
// bytes.
typedef struct {
  float* base;
  size_t stride, each, outer, inner;
} emeth_cuda_matrix;

// out (m, n) = a · b as emeth_matmul_arguments says, for each of a batch of matrices.
typedef struct {
  emeth_cuda_matrix out, a, b;
  const float* bias;
  float* activation;
  const float* slope_of;
  unsigned m, n, k;
  unsigned heads, first_head;
  unsigned accumulate;
  unsigned out_vectors, a_vectors, b_vectors;
} emeth_cuda_product;

// The tiles of outputs that a block computes, and the steps of k that it keeps.
#define EMETH_LARGE_TILE 128
#define EMETH_SMALL_TILE 64
#define EMETH_TILE_THREADS(tile) ((tile) * (tile) / 64)
// Tiles of rows that neighbouring blocks share out before the next column of tiles.
#define EMETH_TILE_GROUP 16

#endif
