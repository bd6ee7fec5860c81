// Affine changes with values between pixels.
#pragma once

#include "warp.h"

namespace fovea::images {

// Bilinear or bicubic, into `out` [height, width, 3].
void warpSmoothly(const Image& image, const Affine& affine, Interpolation interpolation, Colour fill, uint8_t* out);

}  // namespace fovea::images
