#include "normalize.h"

#include <algorithm>

#include "planes.h"

namespace fovea::images {

namespace {

FOVEA_INLINE float normalized(uint8_t value, float mean, float deviation) {
  return (float(value) / 255.0f - mean) / deviation;
}

FOVEA_INLINE void normalizeRun(const uint8_t* values, int count, float mean, float deviation,
                                                        float* out) {
  for (int i = 0; i < count; i++) out[i] = normalized(values[i], mean, deviation);
}

}  // namespace

// Divisions of vectors are faster than looking up each value.
FOVEA_CLONES void normalizePlanar(const uint8_t* in, size_t count, const Normalization& by, float* out) {
  Planes planes;
  for (size_t start = 0; start < count; start += kRun) {
    int run = int(std::min<size_t>(kRun, count - start));
    split(in + start * 3, run, planes);
    normalizeRun(planes.red, run, by.mean[0], by.deviation[0], out + start);
    normalizeRun(planes.green, run, by.mean[1], by.deviation[1], out + count + start);
    normalizeRun(planes.blue, run, by.mean[2], by.deviation[2], out + 2 * count + start);
  }
}

FOVEA_CLONES void normalizeInterleaved(const uint8_t* __restrict in, size_t count, const Normalization& by,
                                       float* __restrict out) {
  const Normalization n = by;
  for (size_t i = 0; i < count; i++) {
    for (int c = 0; c < 3; c++) out[i * 3 + c] = normalized(in[i * 3 + c], n.mean[c], n.deviation[c]);
  }
}

void normalize(const Image& image, const Normalization& normalization, const Output& output) {
  size_t count = size_t(image.width) * size_t(image.height);
  bool planar = output.layout == Layout::kNchw;
  (planar ? normalizePlanar : normalizeInterleaved)(image.pixels.data(), count, normalization, output.values);
}

}  // namespace fovea::images
