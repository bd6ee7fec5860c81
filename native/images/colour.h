// Operations on the colours of single pixels, bit for bit as Pillow's ImageEnhance and ImageOps. All work in place.
#pragma once

#include "image.h"

namespace fovea::images {

// ImageEnhance: factor 1 changes nothing, 0 gives black, one grey, or a grey image.
void brightness(Image& image, double factor);
void contrast(Image& image, double factor);
void saturation(Image& image, double factor);

// Keeps so many of the highest bits, 0 to 8.
void posterize(Image& image, int bits);
// Inverts the values from `threshold` on.
void solarize(Image& image, double threshold);
// Adds to the values below `threshold`.
void solarizeAdd(Image& image, double amount, double threshold);
void autoContrast(Image& image);
void equalize(Image& image);
void invert(Image& image);
void grayscale(Image& image);

// Turns around the colour wheel, by a shift in [-0.5, 0.5], in Pillow's 8-bit HSV.
void hue(Image& image, double shift);

}  // namespace fovea::images
