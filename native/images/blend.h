// Pillow's Image.blend for one value.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fovea::images {

// Between `from` (0) and `to` (1) or beyond, in 32-bit floats, cut to a whole number. Pillow has a branch without bounds
// for factors in [0, 1], where they change nothing. The factor is small enough for the product to fit 32 bits.
inline uint8_t blend(int from, int to, float factor) {
  return uint8_t(std::clamp(int32_t(float(from) + factor * float(to - from)), 0, 255));
}

}  // namespace fovea::images
