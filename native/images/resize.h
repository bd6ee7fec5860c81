// Resizing a rectangle of an image, bit for bit as Pillow's `Image.resize`.
#pragma once

#include "image.h"
#include "opcodes.h"

namespace fovea::images {

// Mirrorings that were asked for and not yet made.
struct Flips {
  bool horizontal = false;
  bool vertical = false;
};

// Cuts `box` out of the flipped image and resizes it; the image becomes that, whole, and no flip is left to make. The image
// may be partial or reduced as long as it holds the box; at a reduced scale the box may begin and end within pixels.
void resizeBox(Image& image, const Box& box, int width, int height, Interpolation interpolation, Flips flips);

}  // namespace fovea::images
