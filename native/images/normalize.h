// From bytes to the floats of a batch.
#pragma once

#include "image.h"
#include "program.h"

namespace fovea::images {

struct Normalization {
  float mean[3];
  float deviation[3];
};

// (value / 255 - mean) / deviation, every step rounded to 32 bits as torchvision's ToTensor and Normalize do. The image has
// the output's size.
void normalize(const Image& image, const Normalization& normalization, const Output& output);

}  // namespace fovea::images
