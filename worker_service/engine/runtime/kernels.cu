// What batches go through on the GPU beside the graph. `python -m tests.unit.engine.kernels` compiles it to kernels.ptx,
// without fused multiply-add, so that values are those of the processor to the bit.

__device__ void store(float* target, float value) { *target = value; }

__device__ void store(unsigned short* target, float value) {
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(*target) : "f"(value));
}

// Pixels [count, plane, 3] to values [count, 3, plane]; `total` is count * plane.
template <typename Value>
__device__ void normalise(Value* values, const unsigned char* pixels, unsigned long long total, unsigned plane,
                          unsigned reversed, float3 factor, float3 shift) {
  unsigned long long at = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
  if (at >= total) return;
  const unsigned char* pixel = pixels + 3 * at;
  Value* first = values + 3 * (at / plane) * plane + at % plane;
  store(first, pixel[reversed ? 2 : 0] * factor.x + shift.x);
  store(first + plane, pixel[1] * factor.y + shift.y);
  store(first + 2ull * plane, pixel[reversed ? 0 : 2] * factor.z + shift.z);
}

extern "C" __global__ void normalise_float32(float* values, const unsigned char* pixels, unsigned long long total,
                                             unsigned plane, unsigned reversed, float factor_0, float factor_1,
                                             float factor_2, float shift_0, float shift_1, float shift_2) {
  normalise(values, pixels, total, plane, reversed, {factor_0, factor_1, factor_2}, {shift_0, shift_1, shift_2});
}

extern "C" __global__ void normalise_float16(unsigned short* values, const unsigned char* pixels,
                                             unsigned long long total, unsigned plane, unsigned reversed,
                                             float factor_0, float factor_1, float factor_2, float shift_0,
                                             float shift_1, float shift_2) {
  normalise(values, pixels, total, plane, reversed, {factor_0, factor_1, factor_2}, {shift_0, shift_1, shift_2});
}

// Halves to floats; each of them is exact.
extern "C" __global__ void widen(float* whole, const unsigned short* halves, unsigned long long total) {
  unsigned long long at = blockIdx.x * (unsigned long long)blockDim.x + threadIdx.x;
  if (at < total) asm("cvt.f32.f16 %0, %1;" : "=f"(whole[at]) : "h"(halves[at]));
}
