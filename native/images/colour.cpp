#include "colour.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "blend.h"
#include "planes.h"

namespace fovea::images {

FOVEA_CLONES void blendWithConstant(uint8_t* values, size_t count, int constant, float factor) {
  for (size_t i = 0; i < count; i++) values[i] = blend(constant, values[i], factor);
}

FOVEA_CLONES uint64_t sumOfLuma(const uint8_t* pixels, size_t count) {
  uint64_t sum = 0;
  Planes planes;
  for (size_t start = 0; start < count; start += kRun) {
    int run = int(std::min<size_t>(kRun, count - start));
    split(pixels + start * 3, run, planes);
    int32_t part = 0;
    for (int i = 0; i < run; i++) part += lumaOf(planes.red[i], planes.green[i], planes.blue[i]);
    sum += uint64_t(part);
  }
  return sum;
}

FOVEA_CLONES void blendWithLuma(uint8_t* pixels, size_t count, float factor) {
  Planes planes;
  for (size_t start = 0; start < count; start += kRun) {
    int run = int(std::min<size_t>(kRun, count - start));
    split(pixels + start * 3, run, planes);
    for (int i = 0; i < run; i++) {
      int luma = lumaOf(planes.red[i], planes.green[i], planes.blue[i]);
      planes.red[i] = blend(luma, planes.red[i], factor);
      planes.green[i] = blend(luma, planes.green[i], factor);
      planes.blue[i] = blend(luma, planes.blue[i], factor);
    }
    join(planes, run, pixels + start * 3);
  }
}

FOVEA_CLONES void solarizeFrom(uint8_t* values, size_t count, int threshold) {
  for (size_t i = 0; i < count; i++) values[i] = values[i] < threshold ? values[i] : uint8_t(255 - values[i]);
}

FOVEA_CLONES void keepBits(uint8_t* values, size_t count, uint8_t mask) {
  for (size_t i = 0; i < count; i++) values[i] &= mask;
}

namespace {

using Table = std::array<uint8_t, 256>;
using Histograms = std::array<std::array<uint32_t, 256>, 3>;

size_t pixelsOf(const Image& image) { return size_t(image.width) * size_t(image.height); }

void apply(Image& image, const std::array<Table, 3>& tables) {
  uint8_t* pixel = image.pixels.data();
  for (uint8_t* end = pixel + image.bytes(); pixel < end; pixel += 3) {
    pixel[0] = tables[0][pixel[0]];
    pixel[1] = tables[1][pixel[1]];
    pixel[2] = tables[2][pixel[2]];
  }
}

Histograms histogramsOf(const Image& image) {
  // Two of each, by turns: equal neighbours are frequent, and would wait for each other.
  Histograms even{};
  Histograms odd{};
  const uint8_t* pixel = image.pixels.data();
  size_t count = pixelsOf(image);
  for (size_t i = 0; i + 2 <= count; i += 2, pixel += 6) {
    for (int c = 0; c < 3; c++) {
      even[c][pixel[c]]++;
      odd[c][pixel[c + 3]]++;
    }
  }
  if (count % 2 != 0) {
    for (int c = 0; c < 3; c++) even[c][pixel[c]]++;
  }
  for (int c = 0; c < 3; c++) {
    for (int v = 0; v < 256; v++) even[c][v] += odd[c][v];
  }
  return even;
}

Table identity() {
  Table table;
  for (int v = 0; v < 256; v++) table[v] = uint8_t(v);
  return table;
}

Table stretching(const std::array<uint32_t, 256>& histogram) {
  int low = 0;
  while (low < 255 && histogram[low] == 0) low++;
  int high = 255;
  while (high > 0 && histogram[high] == 0) high--;
  Table table = identity();
  if (high <= low) return table;
  double scale = 255.0 / (high - low);
  double offset = -low * scale;
  for (int v = 0; v < 256; v++) table[v] = uint8_t(std::clamp(int(v * scale + offset), 0, 255));
  return table;
}

Table flattening(const std::array<uint32_t, 256>& histogram) {
  uint64_t count = 0;
  uint64_t last = 0;
  for (uint32_t n : histogram) {
    count += n;
    if (n != 0) last = n;
  }
  uint64_t step = (count - last) / 255;
  Table table = identity();
  if (step == 0) return table;
  uint64_t before = step / 2;
  for (int v = 0; v < 256; v++) {
    table[v] = uint8_t(std::min<uint64_t>(255, before / step));
    before += histogram[v];
  }
  return table;
}

void applyToEach(Image& image, Table (*tableOf)(const std::array<uint32_t, 256>&)) {
  Histograms histograms = histogramsOf(image);
  apply(image, {tableOf(histograms[0]), tableOf(histograms[1]), tableOf(histograms[2])});
}

}  // namespace

void brightness(Image& image, double factor) {
  if (float(factor) != 1) blendWithConstant(image.pixels.data(), image.bytes(), 0, float(factor));
}

void contrast(Image& image, double factor) {
  if (float(factor) == 1) return;
  double sum = double(sumOfLuma(image.pixels.data(), pixelsOf(image)));
  int mean = int(sum / double(pixelsOf(image)) + 0.5);
  blendWithConstant(image.pixels.data(), image.bytes(), mean, float(factor));
}

void saturation(Image& image, double factor) {
  if (float(factor) != 1) blendWithLuma(image.pixels.data(), pixelsOf(image), float(factor));
}

void grayscale(Image& image) { blendWithLuma(image.pixels.data(), pixelsOf(image), 0); }

void posterize(Image& image, int bits) {
  keepBits(image.pixels.data(), image.bytes(), uint8_t(0xff << (8 - bits)));
}

void solarize(Image& image, double threshold) {
  // The least whole number that is not below it.
  int first = int(std::clamp(threshold, 0.0, 256.0));
  if (first < threshold) first++;
  solarizeFrom(image.pixels.data(), image.bytes(), first);
}

void solarizeAdd(Image& image, double amount, double threshold) {
  Table table;
  for (int v = 0; v < 256; v++) table[v] = uint8_t(v < threshold ? std::clamp(v + amount, 0.0, 255.0) : v);
  apply(image, {table, table, table});
}

void invert(Image& image) { solarizeFrom(image.pixels.data(), image.bytes(), 0); }

void autoContrast(Image& image) { applyToEach(image, stretching); }

void equalize(Image& image) { applyToEach(image, flattening); }

}  // namespace fovea::images
