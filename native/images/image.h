// 8-bit RGB images, and what the decoder and the operations agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace fovea::images {

// What is wrong with an image, for its report; the file's name is added by who knows it.
struct ImageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Box {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
};

// An RGB image, or a region of one that was decoded only in part or at a reduced scale.
//
// `width` and `height` are those of the whole image at full scale, and every operation is worked out in these. `pixels`
// hold `region` of the image after each side was divided by `reduction` (1, 2, 4 or 8, rounded up), rows without gaps. A
// whole image has the region {0, 0, width, height} and the reduction 1.
struct Image {
  int width = 0;
  int height = 0;
  int reduction = 1;
  Box region;
  // [region.height, region.width, 3], then kPadding bytes that may be read and mean nothing.
  std::vector<uint8_t> pixels;

  static constexpr size_t kPadding = 16;

  size_t bytes() const { return size_t(region.width) * size_t(region.height) * 3; }
  bool whole() const {
    return reduction == 1 && region.x == 0 && region.y == 0 && region.width == width && region.height == height;
  }
  // A whole image of this size; the pixels are not cleared.
  void resize(int newWidth, int newHeight) {
    width = newWidth;
    height = newHeight;
    reduction = 1;
    region = {0, 0, newWidth, newHeight};
    pixels.resize(bytes() + kPadding);
  }
};

// The part of an image that a program looks at, at full scale, and what it is resized to; {0, 0} where it is not.
struct Window {
  Box box;
  int outWidth = 0;
  int outHeight = 0;
};

}  // namespace fovea::images
