#include "chains.h"

#include "simd.h"

namespace fovea::images {

FOVEA_CLONES void addBytes(float* sums, const uint8_t* values, size_t count, float weight) {
  for (size_t i = 0; i < count; i++) sums[i] += weight * float(values[i]);
}

FOVEA_CLONES void cutFloats(const float* sums, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; i++) {
    float value = sums[i] < 0.0f ? 0.0f : sums[i];
    out[i] = uint8_t(int32_t(value > 255.0f ? 255.0f : value));
  }
}

void addWeighted(std::vector<float>& sums, const Image& image, float weight) {
  addBytes(sums.data(), image.pixels.data(), image.bytes(), weight);
}

void cutTo(const std::vector<float>& sums, Image& image) {
  cutFloats(sums.data(), image.bytes(), image.pixels.data());
}

}  // namespace fovea::images
