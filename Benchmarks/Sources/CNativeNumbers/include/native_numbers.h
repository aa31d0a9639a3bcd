/* 256-bit arithmetic as one writes it in C with the compiler's 128-bit integers: what UInt256 is measured against.
 * Numbers are four 64-bit limbs, least significant first; `count` numbers are taken from each of two arrays. */
#ifndef NATIVE_NUMBERS_H
#define NATIVE_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

/* sums[i] = left[i] + right[i] mod 2^256. */
void native_add(uint64_t *sums, const uint64_t *left, const uint64_t *right, size_t count);

/* The same; returns how many of the sums were above 2^256 - 1. */
size_t native_add_checked(uint64_t *sums, const uint64_t *left, const uint64_t *right, size_t count);

/* products[i] = left[i] * right[i] mod 2^256. */
void native_multiply(uint64_t *products, const uint64_t *left, const uint64_t *right, size_t count);

/* products[i] = left[i] * right[i], eight limbs each. */
void native_multiply_full(uint64_t *products, const uint64_t *left, const uint64_t *right, size_t count);

/* numbers[0] = numbers[0] * factor[0] + addend[0], `count` times over: each waits for the one before. */
void native_chain(uint64_t *number, const uint64_t *factor, const uint64_t *addend, size_t count);

#endif
