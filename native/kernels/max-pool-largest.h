// The largest numbers of several rows, and where they are.
#pragma once

#include <algorithm>

#include "short-loops.h"
#include "max-pool.h"

namespace fovea::maxpool {

constexpr int64_t lanes = 16;

/** A comparison finds no NaN the larger; this one finds each, as libtorch does, which takes three times as long. */
template <bool Nan, typename T>
FOVEA_INLINE bool better(T value, T best) {
  return Nan ? (value > best) | (value != value) : value > best;
}

/**
 * The first of the largest, and its place; the last where there are NaNs, as in libtorch. The place goes into byte `column`
 * of the words. From one to the next the inputs are `Stride` apart.
 */
template <int Count, bool Nan, int64_t Lanes, int64_t Stride, typename T>
FOVEA_INLINE void largest(const T* const* from, const Word<T>* places, int64_t count, T* y, Word<T>* words, int64_t column,
                          int64_t channels) {
  const int64_t taps = Count > 0 ? Count : count;
  for (int64_t block = 0; block < channels; block += Lanes) {
    // The last overlaps the one before.
    const int64_t c = std::min(block, channels - Lanes);
    // By turns: where a number may stay in its place, the compiler makes a branch of it.
    T best[2][Lanes];
    Word<T> place[2][Lanes];
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) {
      best[0][i] = from[0][(c + i) * Stride];
      place[0][i] = places[0];
    }
    FOVEA_WRITTEN_OUT
    for (int64_t tap = 1; tap < taps; tap++) {
      const T* x = from[tap] + c * Stride;
      const Word<T> here = places[tap];
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) {
        const T value = x[i * Stride], old = best[(tap + 1) % 2][i];
        const Word<T> before = place[(tap + 1) % 2][i];
        const bool larger = better<Nan>(value, old);
        best[tap % 2][i] = larger ? value : old;
        place[tap % 2][i] = larger ? here : before;
      }
    }
    const int64_t last = (taps + 1) % 2;
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) y[c + i] = best[last][i];
    if (words && column == 0) {
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) words[c + i] = place[last][i];
    } else if (words) {
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) words[c + i] |= place[last][i] << (8 * column);
    }
  }
}

}  // namespace fovea::maxpool
