// Sums of squares, for norms.
#pragma once

#include <cstdint>

#include "simd.h"

namespace fovea {

/**
 * In float64, in an order that the vector width does not decide: a sum written as one loop would have to be taken element by
 * element.
 */
template <typename T>
FOVEA_INLINE double sumOfSquares(const T* x, int64_t count) {
  constexpr int64_t kLanes = 8, kSums = 4, kStep = kLanes * kSums;
  typedef double Lanes __attribute__((vector_size(kLanes * sizeof(double))));
  Lanes sums[kSums] = {};
  int64_t i = 0;
  for (; i + kStep <= count; i += kStep) {
    for (int64_t s = 0; s < kSums; s++) {
      Lanes value;
      for (int64_t lane = 0; lane < kLanes; lane++) value[lane] = static_cast<double>(x[i + s * kLanes + lane]);
      sums[s] += value * value;
    }
  }
  Lanes all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  double sum = 0;
  for (int64_t lane = 0; lane < kLanes; lane++) sum += all[lane];
  for (; i < count; i++) sum += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return sum;
}

}  // namespace fovea
