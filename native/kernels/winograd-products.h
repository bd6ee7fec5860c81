// The matrix products of Winograd's filtering: a few rows of tiles by all channels, with the sums in registers.
#pragma once

#include <cstdint>

#include "short-loops.h"
#include "vectors.h"

namespace fovea::winograd {

namespace {

/** m [Count, Groups vectors] = v [Count, depth] · u [depth, Groups vectors]. */
template <int Bytes, int Count, int Groups>
FOVEA_INLINE void multiplyTile(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  typename Lanes<float, Bytes>::type sum[Count][Groups] = {};
  for (int64_t k = 0; k < depth; k++, u += uWidth) {
    typename Lanes<float, Bytes>::type right[Groups];
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < Groups; j++) load(right[j], u + j * lanes);
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < Count; i++) {
      const float left = v[i * vWidth + k];
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < Groups; j++) sum[i][j] += left * right[j];
    }
  }
  FOVEA_WRITTEN_OUT
  for (int i = 0; i < Count; i++) {
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < Groups; j++) store(m + i * uWidth + j * lanes, sum[i][j]);
  }
}

/** Rows of tiles that are multiplied at a time: they divide the least block, and their sums fit the registers. */
template <int Bytes>
constexpr int rowsFor(int groups) {
  return Bytes == 64 ? (groups <= 2 ? 12 : groups == 3 ? 8 : 6) : groups == 1 ? 8 : groups == 2 ? 6 : groups == 3 ? 4 : 3;
}

template <int Bytes, int Groups>
FOVEA_INLINE void multiplyRows(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m,
                               int64_t rows) {
  constexpr int count = rowsFor<Bytes>(Groups);
  for (int64_t row = 0; row < rows; row += count) {
    multiplyTile<Bytes, count, Groups>(v + row * vWidth, vWidth, u, uWidth, depth, m + row * uWidth);
  }
}

/** m [rows, uWidth] = v [rows, depth] · u [depth, uWidth]. */
template <int Bytes>
FOVEA_INLINE void multiply(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m,
                           int64_t rows) {
  constexpr int64_t lanes = Lanes<float, Bytes>::count;
  const int64_t vectors = uWidth / lanes, groups = (vectors + 3) / 4;
  for (int64_t group = 0, at = 0; group < groups; group++) {
    const int64_t count = (vectors - at + groups - group - 1) / (groups - group);
    const float* right = u + at * lanes;
    float* to = m + at * lanes;
    switch (count) {
      case 1: multiplyRows<Bytes, 1>(v, vWidth, right, uWidth, depth, to, rows); break;
      case 2: multiplyRows<Bytes, 2>(v, vWidth, right, uWidth, depth, to, rows); break;
      case 3: multiplyRows<Bytes, 3>(v, vWidth, right, uWidth, depth, to, rows); break;
      default: multiplyRows<Bytes, 4>(v, vWidth, right, uWidth, depth, to, rows); break;
    }
    at += count;
  }
}

}  // namespace

}  // namespace fovea::winograd
