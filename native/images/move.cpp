#include "move.h"

#include <algorithm>
#include <cstring>

#include "fill.h"
#include "geometry.h"
#include "scratch.h"

namespace fovea::images {

void crop(Image& image, const Box& box) {
  const Box& region = image.region;
  int left = box.x - region.x;
  int top = box.y - region.y;
  if (left < 0 || top < 0 || left + box.width > region.width || top + box.height > region.height) {
    throw ImageError("a part of the image is needed that was not decoded");
  }
  size_t stride = size_t(region.width) * 3;
  size_t rowBytes = size_t(box.width) * 3;
  uint8_t* out = image.pixels.data();
  const uint8_t* in = out + size_t(top) * stride + size_t(left) * 3;
  // Every row moves towards the beginning, so that none is overwritten before it is read.
  if (in != out || stride != rowBytes) {
    for (int y = 0; y < box.height; y++, in += stride, out += rowBytes) memmove(out, in, rowBytes);
  }
  image.resize(box.width, box.height);
}

void flipHorizontal(Image& image) {
  int width = image.region.width;
  uint8_t* row = image.pixels.data();
  for (int y = 0; y < image.region.height; y++, row += size_t(width) * 3) {
    uint8_t* left = row;
    uint8_t* right = row + size_t(width - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      uint8_t pixel[3] = {left[0], left[1], left[2]};
      memcpy(left, right, 3);
      memcpy(right, pixel, 3);
    }
  }
  image.region.x = mirrored(image.region.x, width, image.width);
}

void flipVertical(Image& image) {
  size_t rowBytes = size_t(image.region.width) * 3;
  uint8_t* top = image.pixels.data();
  uint8_t* bottom = top + rowBytes * (image.region.height - 1);
  for (; top < bottom; top += rowBytes, bottom -= rowBytes) std::swap_ranges(top, top + rowBytes, bottom);
  image.region.y = mirrored(image.region.y, image.region.height, image.height);
}

void turn(Image& image, int quarters) {
  if (quarters == 2) {
    flipHorizontal(image);
    flipVertical(image);
    return;
  }
  int width = image.width;
  int height = image.height;
  std::vector<uint8_t>& result = scratchPixels(height, width);
  // Output row i is, counter-clockwise, the input's column width - 1 - i from the top; clockwise its column i from the
  // bottom. In tiles, since one of the two is walked across its rows.
  constexpr int kTile = 32;
  bool counter = quarters == 1;
  for (int fromX = 0; fromX < width; fromX += kTile) {
    for (int fromY = 0; fromY < height; fromY += kTile) {
      int toX = std::min(width, fromX + kTile);
      int toY = std::min(height, fromY + kTile);
      for (int x = fromX; x < toX; x++) {
        int row = counter ? width - 1 - x : x;
        for (int y = fromY; y < toY; y++) {
          int column = counter ? y : height - 1 - y;
          memcpy(result.data() + (size_t(row) * height + column) * 3,
                 image.pixels.data() + (size_t(y) * width + x) * 3, 3);
        }
      }
    }
  }
  take(image, result, height, width);
}

void pad(Image& image, const Margins& margins, PaddingMode mode, Colour fill) {
  int64_t wide = int64_t(image.width) + margins.left + margins.right;
  int64_t high = int64_t(image.height) + margins.top + margins.bottom;
  if (wide * high > kMostPixels) {
    throw ImageError("pad: " + std::to_string(wide) + "x" + std::to_string(high) + " are too many pixels");
  }
  int width = int(wide);
  int height = int(high);
  std::vector<uint8_t>& result = scratchPixels(width, height);
  size_t rowBytes = size_t(width) * 3;
  size_t inBytes = size_t(image.width) * 3;
  for (int y = 0; y < height; y++) {
    uint8_t* out = result.data() + size_t(y) * rowBytes;
    int row = y - margins.top;
    if (mode == PaddingMode::kConstant) {
      if (row < 0 || row >= image.height) {
        fillPixels(out, width, fill);
        continue;
      }
      fillPixels(out, margins.left, fill);
      fillPixels(out + size_t(margins.left) * 3 + inBytes, margins.right, fill);
    } else {
      row = paddedFrom(row, image.height, mode);
    }
    const uint8_t* in = image.pixels.data() + size_t(row) * inBytes;
    memcpy(out + size_t(margins.left) * 3, in, inBytes);
    if (mode == PaddingMode::kConstant) continue;
    for (int x = 0; x < width; x++) {
      if (x == margins.left) x += image.width;
      if (x < width) memcpy(out + size_t(x) * 3, in + size_t(paddedFrom(x - margins.left, image.width, mode)) * 3, 3);
    }
  }
  take(image, result, width, height);
}

void translate(Image& image, int right, int down, Colour fill) {
  int width = image.width;
  int height = image.height;
  right = std::clamp(right, -width, width);
  down = std::clamp(down, -height, height);
  std::vector<uint8_t>& result = scratchPixels(width, height);
  size_t rowBytes = size_t(width) * 3;
  int kept = width - std::abs(right);
  int begin = std::max(0, right);
  for (int y = 0; y < height; y++) {
    uint8_t* out = result.data() + size_t(y) * rowBytes;
    int row = y - down;
    if (row < 0 || row >= height) {
      fillPixels(out, width, fill);
      continue;
    }
    const uint8_t* in = image.pixels.data() + size_t(row) * rowBytes + size_t(std::max(0, -right)) * 3;
    fillPixels(out, begin, fill);
    memcpy(out + size_t(begin) * 3, in, size_t(kept) * 3);
    fillPixels(out + size_t(begin + kept) * 3, width - begin - kept, fill);
  }
  take(image, result, width, height);
}

void paint(Image& image, const Box& box, Colour fill) {
  int left = std::max(0, box.x);
  int right = std::min(image.width, box.x + box.width);
  if (left >= right) return;
  for (int y = std::max(0, box.y); y < std::min(image.height, box.y + box.height); y++) {
    fillPixels(image.pixels.data() + (size_t(y) * image.width + left) * 3, right - left, fill);
  }
}

}  // namespace fovea::images
