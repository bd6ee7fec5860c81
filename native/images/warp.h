// Affine changes of an image, bit for bit as Pillow's `Image.transform` and `Image.rotate`.
#pragma once

#include "image.h"
#include "reader.h"

namespace fovea::images {

// The pixel at (x, y) comes from (ax + by + c, dx + ey + f), both counted from the pixels' middles.
struct Affine {
  double a, b, c;
  double d, e, f;
};

// The size is kept, and `fill` stands where the source is outside of the image.
void warp(Image& image, const Affine& affine, Interpolation interpolation, Colour fill);

// Counter-clockwise around the middle, the size kept.
void rotate(Image& image, double degrees, Interpolation interpolation, Colour fill);

}  // namespace fovea::images
