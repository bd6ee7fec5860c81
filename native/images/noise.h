// Normally distributed numbers that are a function of a seed and their place, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fovea::images {

// Fills `values` with `count` numbers of mean 0 and deviation 1, and perhaps one more.
void normalNoise(uint32_t seed, size_t count, std::vector<float>& values);

}  // namespace fovea::images
