// Small transposes: what is stored along the steps of a chain into what a panel holds side by side.

// 4x4 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose4(float* out, size_t out_stride, const float* in, size_t in_stride) {
  const v4 r0 = *(const v4_anywhere*)in, r1 = *(const v4_anywhere*)(in + in_stride);
  const v4 r2 = *(const v4_anywhere*)(in + 2 * in_stride), r3 = *(const v4_anywhere*)(in + 3 * in_stride);
  const v4 t0 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), t1 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const v4 t2 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), t3 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  *(v4_anywhere*)out = __builtin_shufflevector(t0, t2, 0, 1, 4, 5);
  *(v4_anywhere*)(out + out_stride) = __builtin_shufflevector(t0, t2, 2, 3, 6, 7);
  *(v4_anywhere*)(out + 2 * out_stride) = __builtin_shufflevector(t1, t3, 0, 1, 4, 5);
  *(v4_anywhere*)(out + 3 * out_stride) = __builtin_shufflevector(t1, t3, 2, 3, 6, 7);
}

// 8x8 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose8(float* out, size_t out_stride, const float* in, size_t in_stride) {
  v8 rows[8], pairs[8], fours[8];
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i++) rows[i] = *(const v8_anywhere*)(in + i * in_stride);
#pragma clang loop unroll(full)
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  // fours[i]: steps i and i + 4 of rows 0 … 3, fours[i + 4]: of rows 4 … 7.
#pragma clang loop unroll(full)
  for (int half = 0; half < 8; half += 4) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 2; i++) {
      const v8 a = pairs[half + i], b = pairs[half + 2 + i];
      fours[half + 2 * i] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[half + 2 * i + 1] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
#pragma clang loop unroll(full)
  for (int i = 0; i < 4; i++) {
    const v8 a = fours[i], b = fours[i + 4];
    *(v8_anywhere*)(out + i * out_stride) = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    *(v8_anywhere*)(out + (i + 4) * out_stride) = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
}

// 2x4 elements: out[i·out_stride + j] = in[j·in_stride + i].
INLINE void transpose2(float* out, size_t out_stride, const float* in, size_t in_stride) {
  const v4 r0 = *(const v4_anywhere*)in, r1 = *(const v4_anywhere*)(in + in_stride);
  const v4 low = __builtin_shufflevector(r0, r1, 0, 4, 1, 5),
           high = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  memcpy(out, &low, 8);
  memcpy(out + out_stride, (const char*)&low + 8, 8);
  memcpy(out + 2 * out_stride, &high, 8);
  memcpy(out + 3 * out_stride, (const char*)&high + 8, 8);
}

// out[k·width + i] = in[i·neighbour_stride + k], i < count, k < depth.
INLINE void transpose(float* out, size_t width, const float* in, size_t neighbour_stride, size_t count,
                      size_t depth) {
  for (size_t i = 0; i < count;) {
    const float* source = in + i * neighbour_stride;
    const size_t left = count - i, step = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
    size_t k = 0;
    if (step == 8) {
      for (; k + 8 <= depth; k += 8) transpose8(out + k * width + i, width, source + k, neighbour_stride);
    } else if (step == 4) {
      for (; k + 4 <= depth; k += 4) transpose4(out + k * width + i, width, source + k, neighbour_stride);
    } else if (step == 2) {
      for (; k + 4 <= depth; k += 4) transpose2(out + k * width + i, width, source + k, neighbour_stride);
    }
    for (; k < depth; k++) {
      for (size_t j = 0; j < step; j++) out[k * width + i + j] = source[j * neighbour_stride + k];
    }
    i += step;
  }
}
