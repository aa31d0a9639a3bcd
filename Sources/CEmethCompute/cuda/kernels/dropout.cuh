// ChaCha20's keystream as a mask: emeth_dropout_mask of emeth_compute.h.
#ifndef EMETH_CUDA_DROPOUT_CUH
#define EMETH_CUDA_DROPOUT_CUH

#include "kernel.cuh"

// As emeth_dropout_mask.
struct dropout_mask {
  unsigned key[8];
  const unsigned* step;
  unsigned site, threshold;
  float scale;
  unsigned long long first_row;
};

#define FACTORS 16

DEVICE unsigned rotate(unsigned x, int bits) { return x << bits | x >> (32 - bits); }

DEVICE void quarter_round(unsigned& a, unsigned& b, unsigned& c, unsigned& d) {
  a += b, d = rotate(d ^ a, 16);
  c += d, b = rotate(b ^ c, 12);
  a += b, d = rotate(d ^ a, 8);
  c += d, b = rotate(b ^ c, 7);
}

// Block `block` of the keystream: the words of 16 elements.
DEVICE void dropout_words(unsigned (&x)[FACTORS], const dropout_mask& mask, size_t block) {
  const unsigned start[16] = {0x61707865u,     0x3320646Eu,
                              0x79622D32u,     0x6B206574u,
                              mask.key[0],     mask.key[1],
                              mask.key[2],     mask.key[3],
                              mask.key[4],     mask.key[5],
                              mask.key[6],     mask.key[7],
                              (unsigned)block, (unsigned)(block >> 32),
                              *mask.step,      mask.site};
#pragma unroll
  for (int i = 0; i < 16; i++) x[i] = start[i];
#pragma unroll 1
  for (int round = 0; round < 20; round += 2) {
#pragma unroll
    for (int i = 0; i < 4; i++) quarter_round(x[i], x[4 + i], x[8 + i], x[12 + i]);
#pragma unroll
    for (int i = 0; i < 4; i++)
      quarter_round(x[i], x[4 + (i + 1) % 4], x[8 + (i + 2) % 4], x[12 + (i + 3) % 4]);
  }
#pragma unroll
  for (int i = 0; i < 16; i++) x[i] += start[i];
}

// The factors of these elements.
DEVICE void dropout_factors(float (&out)[FACTORS], const dropout_mask& mask, size_t block) {
  unsigned words[FACTORS];
  dropout_words(words, mask, block);
#pragma unroll
  for (int i = 0; i < FACTORS; i++) out[i] = words[i] < mask.threshold ? 0.0f : mask.scale;
}

// Which of them are kept, a bit each.
DEVICE unsigned dropout_kept(const dropout_mask& mask, size_t block) {
  unsigned words[FACTORS], kept = 0;
  dropout_words(words, mask, block);
#pragma unroll
  for (int i = 0; i < FACTORS; i++) kept |= (unsigned)(words[i] >= mask.threshold) << i;
  return kept;
}

#endif
