#include "stain.h"

#include <algorithm>
#include <cmath>

#include "planes.h"

namespace fovea::images {

namespace {

// Optical density of each stain in red, green and blue: haematoxylin, eosin, DAB.
constexpr double kDensities[3][3] = {{0.65, 0.70, 0.29}, {0.07, 0.99, 0.11}, {0.27, 0.57, 0.78}};
// Black has no logarithm; this stands for it. Amounts are densities to this base.
constexpr double kDarkest = 1e-6;

// 2 to the power of x, to the nearest whole number in [0, 255]. 2 to the whole part of x is made from bits; to the rest in
// [0, 1) it is a polynomial (Chebyshev fit, relative error 2e-7 in floats). Nothing here depends on the C library, so that
// every machine gives the same. Bounds are kept in whole numbers, without branches, and the loop becomes vectors.
FOVEA_INLINE uint8_t powerToByte(float x) {
  int32_t whole = int32_t(x);
  whole -= int32_t(float(whole) > x);
  float t = x - float(whole);
  float power = 0.00187623291f;
  power = power * t + 0.00899258442f;
  power = power * t + 0.0558236055f;
  power = power * t + 0.240154535f;
  power = power * t + 0.693152964f;
  power = power * t + 0.99999994f;
  int32_t bits = (std::clamp(whole, -100, 10) + 127) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  return uint8_t(std::min(255, int32_t(power * scale + 0.5f)));
}

struct Transfer {
  // [from, to], and what is added to each, in binary logarithms.
  float matrix[3][3];
  float offset[3];
};

}  // namespace

FOVEA_CLONES void transferColours(uint8_t* pixels, size_t count, const Transfer& transfer, const float* logarithms) {
  Planes planes;
  float red[kRun];
  float green[kRun];
  float blue[kRun];
  const auto& m = transfer.matrix;
  const auto& offset = transfer.offset;
  for (size_t start = 0; start < count; start += kRun) {
    int run = int(std::min<size_t>(kRun, count - start));
    split(pixels + start * 3, run, planes);
    for (int i = 0; i < run; i++) {
      red[i] = logarithms[planes.red[i]];
      green[i] = logarithms[planes.green[i]];
      blue[i] = logarithms[planes.blue[i]];
    }
    for (int i = 0; i < run; i++) {
      float r = red[i];
      float g = green[i];
      float b = blue[i];
      planes.red[i] = powerToByte(r * m[0][0] + g * m[1][0] + b * m[2][0] + offset[0]);
      planes.green[i] = powerToByte(r * m[0][1] + g * m[1][1] + b * m[2][1] + offset[1]);
      planes.blue[i] = powerToByte(r * m[0][2] + g * m[1][2] + b * m[2][2] + offset[2]);
    }
    join(planes, run, pixels + start * 3);
  }
}

namespace {

void invert3(const double (&m)[3][3], double (&out)[3][3]) {
  double determinant = 0;
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 3; j++) {
      int i1 = (i + 1) % 3;
      int i2 = (i + 2) % 3;
      int j1 = (j + 1) % 3;
      int j2 = (j + 2) % 3;
      out[j][i] = m[i1][j1] * m[i2][j2] - m[i1][j2] * m[i2][j1];
      if (i == 0) determinant += m[0][j] * out[j][0];
    }
  }
  for (auto& row : out) {
    for (double& value : row) value /= determinant;
  }
}

struct Logarithms {
  // Binary, of v / 255; white is 0.
  float values[256];

  Logarithms() {
    for (int v = 0; v < 256; v++) values[v] = float(std::log2(std::max(v / 255.0, kDarkest)));
  }
};

}  // namespace

void changeStains(Image& image, const StainChange& change) {
  static const Logarithms logarithms;
  double separating[3][3];
  invert3(kDensities, separating);
  // Separation, change and composition are all linear in the logarithms, so they are one matrix and one offset; the base
  // of the logarithms matters only to the shift. The offset brings 255 along.
  Transfer transfer;
  for (int to = 0; to < 3; to++) {
    double offset = std::log2(255.0);
    for (int stain = 0; stain < 3; stain++) offset += change.shift[stain] * kDensities[stain][to] * std::log2(kDarkest);
    transfer.offset[to] = float(offset);
    for (int from = 0; from < 3; from++) {
      double sum = 0;
      for (int stain = 0; stain < 3; stain++) {
        sum += separating[from][stain] * change.scale[stain] * kDensities[stain][to];
      }
      transfer.matrix[from][to] = float(sum);
    }
  }
  transferColours(image.pixels.data(), size_t(image.width) * size_t(image.height), transfer, logarithms.values);
}

}  // namespace fovea::images
