// Memory that a thread keeps for the next image.
#pragma once

#include "image.h"

namespace fovea::images {

// Bytes for the result of an operation that cannot work in place; swapped with the image's when it is done. At least as
// many as an image of this size has, with its padding.
inline std::vector<uint8_t>& scratchPixels(int width, int height) {
  thread_local std::vector<uint8_t> pixels;
  pixels.resize(size_t(width) * size_t(height) * 3 + Image::kPadding);
  return pixels;
}

// The image becomes what stands in `pixels`, whole.
inline void take(Image& image, std::vector<uint8_t>& pixels, int width, int height) {
  image.pixels.swap(pixels);
  image.resize(width, height);
}

}  // namespace fovea::images
