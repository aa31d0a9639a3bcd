#include "bfloat16.cuh"

// out = in, rounded; eight elements a thread, and all at multiples of 16 bytes.
extern "C" __global__ void round_to_bfloat16(unsigned long long* out, const float4* in, size_t count) {
  const size_t i = thread_number();
  if (i >= count / 8) return;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    const float4 x = in[2 * i + half];
    const unsigned long long low = bfloat16_pair(x.x, x.y), high = bfloat16_pair(x.z, x.w);
    out[2 * i + half] = low | high << 32;
  }
}
