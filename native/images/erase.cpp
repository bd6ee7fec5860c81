#include "erase.h"

#include <vector>

#include "noise.h"

namespace fovea::images {

namespace {

// Calls `value(channel, index)` for each value of the box, where the index counts within the channel.
template <typename Value>
void fillBox(const Output& output, const Box& box, Value value) {
  size_t pixels = size_t(output.width) * size_t(output.height);
  bool planar = output.layout == Layout::kNchw;
  size_t step = planar ? 1 : 3;
  for (int c = 0; c < 3; c++) {
    float* channel = output.values + (planar ? pixels * c : size_t(c));
    size_t index = 0;
    for (int y = 0; y < box.height; y++) {
      float* to = channel + (size_t(box.y + y) * output.width + box.x) * step;
      for (int x = 0; x < box.width; x++, to += step) *to = value(c, index++);
    }
  }
}

}  // namespace

void eraseWithValues(const Output& output, const Box& box, const float (&values)[3]) {
  fillBox(output, box, [&](int channel, size_t) { return values[channel]; });
}

void eraseWithNoise(const Output& output, const Box& box, uint32_t seed) {
  thread_local std::vector<float> noise;
  size_t area = size_t(box.width) * size_t(box.height);
  normalNoise(seed, area * 3, noise);
  const float* values = noise.data();
  fillBox(output, box, [=](int channel, size_t index) { return values[area * channel + index]; });
}

}  // namespace fovea::images
