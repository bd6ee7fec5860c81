// Activations and their gradients for loops that the compiler vectorises.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "simd.h"

namespace fovea {

/** e to the -|x|, to 2 units in the last place; from |x| = 87 on it stays at the smallest normal numbers. */
FOVEA_INLINE float decay(float x) {
  // As whole numbers the bits of floats above 0 are in the floats' order. A comparison of floats would make the compiler
  // split the computation by its outcome.
  int32_t size, limit;
  float distance = std::fabs(x), most = 87.0f;
  std::memcpy(&size, &distance, sizeof size);
  std::memcpy(&limit, &most, sizeof limit);
  size = std::min(size, limit);
  std::memcpy(&distance, &size, sizeof distance);
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
  float bits = 12582912.0f - distance * 1.44269504f;
  float power = bits - 12582912.0f;
  // ln 2 in two parts, so that the product with the first is exact.
  float rest = -distance - power * 0.693359375f + power * 2.12194440e-4f;
  // Taylor's series with the coefficients that are best on [-ln 2 / 2, ln 2 / 2] (Moshier, Cephes).
  float series = 1.9875691500e-4f;
  series = series * rest + 1.3981999507e-3f;
  series = series * rest + 8.3334519073e-3f;
  series = series * rest + 4.1665795894e-2f;
  series = series * rest + 1.6666665459e-1f;
  series = series * rest + 5.0000001201e-1f;
  series = series * rest * rest + rest + 1.0f;
  uint32_t exponent, result;
  std::memcpy(&exponent, &bits, sizeof exponent);
  std::memcpy(&result, &series, sizeof result);
  result += exponent << 23;
  std::memcpy(&series, &result, sizeof series);
  return series;
}

FOVEA_INLINE double decay(double x) { return std::exp(-std::fabs(x)); }

/** 1 / (1 + e to the -x), without a power that could overflow. */
template <class T>
FOVEA_INLINE T logistic(T x) {
  T power = decay(x), one = T(1);
  return (x < T(0) ? power : one) / (one + power);
}

// Each has `value(z)` and `gradient(z, g)`, the gradient by z where g is that by the value. `fromResult` says that the value
// may stand in for z in the gradient. Comparisons are such that a NaN stays one, as in libtorch.

struct NoActivation {
  static constexpr bool fromResult = true;
  template <class T>
  static FOVEA_INLINE T value(T z) { return z; }
  template <class T>
  static FOVEA_INLINE T gradient(T, T g) { return g; }
};

struct Relu {
  static constexpr bool fromResult = true;
  template <class T>
  static FOVEA_INLINE T value(T z) { return z < T(0) ? T(0) : z; }
  template <class T>
  static FOVEA_INLINE T gradient(T z, T g) { return z <= T(0) ? T(0) : g; }
};

struct Relu6 {
  static constexpr bool fromResult = true;
  template <class T>
  static FOVEA_INLINE T value(T z) {
    z = z < T(0) ? T(0) : z;
    return z > T(6) ? T(6) : z;
  }
  template <class T>
  static FOVEA_INLINE T gradient(T z, T g) {
    g = z <= T(0) ? T(0) : g;
    return z >= T(6) ? T(0) : g;
  }
};

struct Silu {
  static constexpr bool fromResult = false;
  template <class T>
  static FOVEA_INLINE T value(T z) { return z * logistic(z); }
  template <class T>
  static FOVEA_INLINE T gradient(T z, T g) {
    T sigmoid = logistic(z);
    return g * sigmoid * (T(1) + z * (T(1) - sigmoid));
  }
};

struct Hardswish {
  static constexpr bool fromResult = false;
  template <class T>
  static FOVEA_INLINE T value(T z) {
    T gate = z + T(3);
    gate = gate < T(0) ? T(0) : gate;
    gate = gate > T(6) ? T(6) : gate;
    return z * gate * (T(1) / T(6));
  }
  template <class T>
  static FOVEA_INLINE T gradient(T z, T g) {
    T inner = g * (z * (T(1) / T(3)) + T(0.5));
    inner = z > T(3) ? g : inner;
    return z < T(-3) ? T(0) : inner;
  }
};

}  // namespace fovea
