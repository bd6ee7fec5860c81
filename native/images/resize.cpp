#include "resize.h"

#include <algorithm>
#include <cmath>

#include "geometry.h"
#include "reader.h"
#include "resample.h"
#include "taps.h"

namespace fovea::images {

namespace {

// What one side of a box is in pixels of the image as it is.
Axis axisOf(int start, int length, int whole, int regionStart, int regionLength, int reduction, int out, bool flipped) {
  int begin = flipped ? mirrored(start, length, whole) : start;
  double from = double(begin) / reduction;
  double to = double(begin + length) / reduction;
  // Pixels that the box only touches count as far as they reach into it.
  int first = int(std::floor(from));
  int end = int(std::ceil(to));
  if (first < regionStart || end > regionStart + regionLength) {
    throw ImageError("a part of the image is needed that was not decoded");
  }
  Axis axis{end - first, from - first, to - first, out, flipped};
  if (flipped) {
    axis.from = end - to;
    axis.to = end - from;
  }
  return axis;
}

struct Scratch {
  Taps horizontal;
  Taps vertical;
  std::vector<int32_t> columns;
  std::vector<int32_t> rows;
  std::vector<uint8_t> blocks;
  std::vector<int32_t> sums;
  std::vector<uint8_t> between;
  std::vector<uint8_t> result;
};

Scratch& scratch() {
  thread_local Scratch own;
  return own;
}

void nearest(const uint8_t* in, size_t stride, const Axis& across, const Axis& down, Scratch& own) {
  computeIndices(across, own.columns);
  computeIndices(down, own.rows);
  for (int32_t& column : own.columns) column *= 3;
  uint8_t* out = own.result.data();
  for (int32_t row : own.rows) {
    const uint8_t* from = in + size_t(row) * stride;
    for (int32_t column : own.columns) {
      out[0] = from[column];
      out[1] = from[column + 1];
      out[2] = from[column + 2];
      out += 3;
    }
  }
}

bool unchanged(const Axis& axis) {
  return axis.length == axis.out && axis.from == 0 && axis.to == axis.out && !axis.mirrored;
}

// Horizontally first, as Pillow: there are 8 bits between the passes, so that the order shows.
void smooth(const uint8_t* in, size_t stride, const Axis& across, const Axis& down, Interpolation interpolation,
            Scratch& own) {
  size_t rowBytes = size_t(across.out) * 3;
  if (unchanged(down)) {
    computeTaps(across, interpolation, own.horizontal);
    resampleRows(in, stride, down.length, own.horizontal, own.blocks, own.result.data());
    return;
  }
  if (!unchanged(across)) {
    computeTaps(across, interpolation, own.horizontal);
    own.between.resize(rowBytes * down.length);
    resampleRows(in, stride, down.length, own.horizontal, own.blocks, own.between.data());
    in = own.between.data();
    stride = rowBytes;
  }
  computeTaps(down, interpolation, own.vertical);
  resampleColumns(in, stride, rowBytes, own.vertical, own.sums, own.result.data());
}

}  // namespace

void resizeBox(Image& image, const Box& box, int width, int height, Interpolation interpolation, Flips flips) {
  if (int64_t(width) * height > kMostPixels) {
    throw ImageError(std::to_string(width) + "x" + std::to_string(height) + " are too many pixels");
  }
  Axis across = axisOf(box.x, box.width, image.width, image.region.x, image.region.width, image.reduction, width,
                       flips.horizontal);
  Axis down = axisOf(box.y, box.height, image.height, image.region.y, image.region.height, image.reduction, height,
                     flips.vertical);
  // Where the axes' pixels begin in memory.
  int left = flips.horizontal ? mirrored(box.x, box.width, image.width) : box.x;
  int top = flips.vertical ? mirrored(box.y, box.height, image.height) : box.y;
  size_t stride = size_t(image.region.width) * 3;
  const uint8_t* in = image.pixels.data() + size_t(top / image.reduction - image.region.y) * stride +
                      size_t(left / image.reduction - image.region.x) * 3;

  Scratch& own = scratch();
  own.result.resize(size_t(width) * height * 3 + Image::kPadding);
  if (interpolation == Interpolation::kNearest) nearest(in, stride, across, down, own);
  else smooth(in, stride, across, down, interpolation, own);
  image.pixels.swap(own.result);
  image.resize(width, height);
}

}  // namespace fovea::images
