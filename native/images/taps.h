// Which pixels, and how much of each, make one pixel of a resized row or column.
#pragma once

#include <cstdint>
#include <vector>

#include "opcodes.h"

namespace fovea::images {

// One axis of a resize: the stretch [from, to) of `length` pixels becomes `out` pixels. Nothing outside of [0, length) is
// looked at. `mirrored`: the pixels lie in memory from right to left, while all of the above is meant from left to right.
struct Axis {
  int length;
  double from;
  double to;
  int out;
  bool mirrored;

  bool operator==(const Axis& other) const {
    return length == other.length && from == other.from && to == other.to && out == other.out &&
           mirrored == other.mirrored;
  }
};

// Fixed-point weights: enough bits that 255 times the sum of the weights still fits 32.
constexpr int kWeightBits = 22;
constexpr int32_t kWeightHalf = 1 << (kWeightBits - 1);

struct Taps {
  Axis axis{};
  Interpolation interpolation = Interpolation::kNearest;
  // For each output pixel: the first pixel in memory it looks at, and how many.
  std::vector<int32_t> first;
  std::vector<int32_t> count;
  // [out, stride]
  std::vector<int32_t> weights;
  int stride = 0;
};

// Makes `taps` those of this axis; nothing is done where they are that already. Not for nearest.
void computeTaps(const Axis& axis, Interpolation interpolation, Taps& taps);

// Nearest: for each output pixel, the pixel in memory.
void computeIndices(const Axis& axis, std::vector<int32_t>& indices);

}  // namespace fovea::images
