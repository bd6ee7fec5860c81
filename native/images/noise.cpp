#include "noise.h"

#include <cmath>

#include "simd.h"

namespace fovea::images {

namespace {

// The finalizer of MurmurHash3: every bit of the input reaches every bit of the output.
FOVEA_INLINE uint32_t scramble(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x85ebca6bu;
  x = (x ^ (x >> 13)) * 0xc2b2ae35u;
  return x ^ (x >> 16);
}

// Natural logarithm of the middle of one of 2^24 cells of [0, 1]; relative error below 1e-6. Written out, like the sines
// below, because libraries differ in the last bit.
FOVEA_INLINE float logOfCell(uint32_t cell) {
  float x = float(cell) + 0.5f;
  int32_t bits;
  memcpy(&bits, &x, 4);
  int32_t exponent = (bits >> 23) - 127 - 24;
  int32_t mantissa = (bits & 0x7fffff) | 0x3f800000;
  float m;
  memcpy(&m, &mantissa, 4);
  // ln m = ln sqrt(2) + 2 artanh s for m in [1, 2), where |s| < 0.172.
  float s = (m - 1.41421356f) / (m + 1.41421356f);
  float square = s * s;
  float artanh = s * (1.0f + square * (0.333333333f + square * (0.2f + square * 0.142857143f)));
  return (float(exponent) + 0.5f) * 0.693147181f + 2.0f * artanh;
}

}  // namespace

// Box and Muller 1958: a radius and an angle give two numbers.
FOVEA_CLONES void fillNormal(uint32_t seed, uint32_t pairs, float* out) {
  uint32_t first = scramble(seed + 0x9e3779b9u);
  uint32_t second = scramble(first + 0x9e3779b9u);
  for (uint32_t i = 0; i < pairs; i++) {
    uint32_t a = scramble(scramble(2 * i ^ first) + second);
    uint32_t b = scramble(scramble((2 * i + 1) ^ first) + second);
    float logarithm = logOfCell(a >> 8);
    float radius = std::sqrt(-2.0f * logarithm);
    // An eighth of a turn to each side, then as many quarters as the highest two bits say.
    float angle = (float((b >> 7) & 0x7fffff) * 1.1920929e-7f - 0.5f) * 1.57079633f;
    float square = angle * angle;
    float sine = angle * (1.0f + square * (-0.166666667f + square * (8.33333333e-3f + square * (-1.98412698e-4f +
                 square * 2.75573192e-6f))));
    float cosine = 1.0f + square * (-0.5f + square * (4.16666667e-2f + square * (-1.38888889e-3f +
                   square * 2.48015873e-5f)));
    uint32_t quarters = b >> 30;
    float x = (quarters & 1) != 0 ? sine : cosine;
    float y = (quarters & 1) != 0 ? cosine : sine;
    out[2 * size_t(i)] = radius * (quarters == 1 || quarters == 2 ? -x : x);
    out[2 * size_t(i) + 1] = radius * (quarters >= 2 ? -y : y);
  }
}

void normalNoise(uint32_t seed, size_t count, std::vector<float>& values) {
  size_t pairs = (count + 1) / 2;
  values.resize(pairs * 2);
  fillNormal(seed, uint32_t(pairs), values.data());
}

}  // namespace fovea::images
