// Operations that look at a pixel's neighbours.
#pragma once

#include "image.h"

namespace fovea::images {

// Pillow's ImageEnhance.Sharpness: between the image smoothed by a 3x3 kernel (factor 0) and itself (1), or beyond. The
// border's pixels, and images with a side below 3, stay as they are.
void sharpness(Image& image, double factor);

struct Gaussian {
  // Odd.
  int size;
  double sigma;
};
// As torchvision's gaussian_blur: in 32-bit floats, rounded, the image mirrored at its border without repeating it.
void gaussianBlur(Image& image, const Gaussian& across, const Gaussian& down);

}  // namespace fovea::images
