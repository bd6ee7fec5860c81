// Random Erasing (Zhong et al. 2017) on the values of a finished sample.
#pragma once

#include <cstdint>

#include "image.h"
#include "program.h"

namespace fovea::images {

void eraseWithValues(const Output& output, const Box& box, const float (&values)[3]);

// Normal noise; the same for both layouts.
void eraseWithNoise(const Output& output, const Box& box, uint32_t seed);

}  // namespace fovea::images
