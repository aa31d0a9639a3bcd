#include "native_numbers.h"

typedef unsigned __int128 u128;

static inline uint64_t add(uint64_t *sum, const uint64_t *left, const uint64_t *right) {
  u128 carry = 0;
  for (int i = 0; i < 4; i++) {
    carry += (u128)left[i] + right[i];
    sum[i] = (uint64_t)carry;
    carry >>= 64;
  }
  return (uint64_t)carry;
}

static inline void multiply(uint64_t *product, const uint64_t *left, const uint64_t *right) {
  uint64_t result[4] = {0};
  for (int i = 0; i < 4; i++) {
    uint64_t carry = 0;
    for (int j = 0; j < 4 - i; j++) {
      u128 term = (u128)left[i] * right[j] + result[i + j] + carry;
      result[i + j] = (uint64_t)term;
      carry = (uint64_t)(term >> 64);
    }
  }
  for (int i = 0; i < 4; i++) product[i] = result[i];
}

void native_add(uint64_t *sums, const uint64_t *left, const uint64_t *right, size_t count) {
  for (size_t i = 0; i < 4 * count; i += 4) add(sums + i, left + i, right + i);
}

size_t native_add_checked(uint64_t *sums, const uint64_t *left, const uint64_t *right, size_t count) {
  size_t overflows = 0;
  for (size_t i = 0; i < 4 * count; i += 4) overflows += add(sums + i, left + i, right + i);
  return overflows;
}

void native_multiply(uint64_t *products, const uint64_t *left, const uint64_t *right, size_t count) {
  for (size_t i = 0; i < 4 * count; i += 4) multiply(products + i, left + i, right + i);
}

void native_multiply_full(uint64_t *products, const uint64_t *left, const uint64_t *right, size_t count) {
  for (size_t n = 0; n < count; n++) {
    uint64_t result[8] = {0};
    for (int i = 0; i < 4; i++) {
      uint64_t carry = 0;
      for (int j = 0; j < 4; j++) {
        u128 term = (u128)left[4 * n + i] * right[4 * n + j] + result[i + j] + carry;
        result[i + j] = (uint64_t)term;
        carry = (uint64_t)(term >> 64);
      }
      result[i + 4] = carry;
    }
    for (int i = 0; i < 8; i++) products[8 * n + i] = result[i];
  }
}

void native_chain(uint64_t *number, const uint64_t *factor, const uint64_t *addend, size_t count) {
  uint64_t value[4] = {number[0], number[1], number[2], number[3]};
  for (size_t n = 0; n < count; n++) {
    multiply(value, value, factor);
    add(value, value, addend);
  }
  for (int i = 0; i < 4; i++) number[i] = value[i];
}
