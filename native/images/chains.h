// Weighted sums of images (AugMix), in 32-bit floats.
#pragma once

#include <vector>

#include "image.h"

namespace fovea::images {

// Adds `weight` times each value of the image. `sums` must have as many.
void addWeighted(std::vector<float>& sums, const Image& image, float weight);

// Cuts the sums to whole numbers in [0, 255] and writes them to an image of as many values.
void cutTo(const std::vector<float>& sums, Image& image);

}  // namespace fovea::images
