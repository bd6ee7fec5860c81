#include "filter.h"

#include <algorithm>
#include <cmath>

#include "blend.h"
#include "geometry.h"
#include "scratch.h"
#include "simd.h"

namespace fovea::images {

// One row between two others, of `count` bytes that all have neighbours three bytes to each side.
//
// The kernel is 1 all around a 5, over 13. Pillow sums in floats, but the sum of 13ths is never near a half, so that whole
// numbers give the same.
FOVEA_CLONES void sharpenRow(const uint8_t* above, const uint8_t* row, const uint8_t* below, size_t count, float factor,
                             uint8_t* out) {
  for (size_t i = 0; i < count; i++) {
    uint16_t sum = above[i - 3] + above[i] + above[i + 3] + row[i - 3] + 5 * row[i] + row[i + 3] + below[i - 3] +
                   below[i] + below[i + 3];
    out[i] = blend(uint16_t(sum + 6) / 13, row[i], factor);
  }
}

void sharpness(Image& image, double factor) {
  if (image.width < 3 || image.height < 3 || float(factor) == 1) return;
  std::vector<uint8_t>& result = scratchPixels(image.width, image.height);
  size_t rowBytes = size_t(image.width) * 3;
  const uint8_t* in = image.pixels.data();
  uint8_t* out = result.data();
  std::copy_n(in, rowBytes, out);
  for (int y = 1; y + 1 < image.height; y++) {
    in += rowBytes;
    out += rowBytes;
    std::copy_n(in, 3, out);
    sharpenRow(in - rowBytes + 3, in + 3, in + rowBytes + 3, rowBytes - 6, float(factor), out + 3);
    std::copy_n(in + rowBytes - 3, 3, out + rowBytes - 3);
  }
  std::copy_n(in + rowBytes, rowBytes, out + rowBytes);
  take(image, result, image.width, image.height);
}

namespace {

template <int kRows>
FOVEA_INLINE void addRows(const float* const* rows, const float* weights, size_t count, float* __restrict sums) {
  for (size_t i = 0; i < count; i++) {
    float sum = sums[i];
    for (int k = 0; k < kRows; k++) sum += rows[k][i] * weights[k];
    sums[i] = sum;
  }
}

}  // namespace

// The weighted sum of so many rows of `count` floats, in their order; by fours, to write the sums less often.
FOVEA_CLONES void weightRows(const float* const* rows, const float* weights, int taps, size_t count, float* sums) {
  std::fill_n(sums, count, 0.0f);
  int k = 0;
  for (; k + 4 <= taps; k += 4) addRows<4>(rows + k, weights + k, count, sums);
  for (; k < taps; k++) addRows<1>(rows + k, weights + k, count, sums);
}

FOVEA_CLONES void toFloats(const uint8_t* in, size_t count, float* out) {
  for (size_t i = 0; i < count; i++) out[i] = float(in[i]);
}

// Halves to the even number, as torch.round. The weights may sum up to a little more than 1.
FOVEA_CLONES void toRoundedBytes(const float* in, size_t count, uint8_t* out) {
  for (size_t i = 0; i < count; i++) out[i] = uint8_t(std::min(255, int32_t(std::nearbyint(in[i]))));
}

namespace {

void computeWeights(const Gaussian& gaussian, std::vector<float>& weights) {
  weights.resize(gaussian.size);
  float middle = float(gaussian.size - 1) * 0.5f;
  float sum = 0;
  for (int k = 0; k < gaussian.size; k++) {
    float x = (float(k) - middle) / float(gaussian.sigma);
    weights[k] = float(std::exp(-0.5 * double(x) * double(x)));
    sum += weights[k];
  }
  for (float& weight : weights) weight /= sum;
}

struct BlurScratch {
  std::vector<float> weightsAcross;
  std::vector<float> weightsDown;
  // One row with its margins, and all rows after the first pass.
  std::vector<float> row;
  std::vector<float> between;
  std::vector<float> sums;
  std::vector<const float*> rows;
};

}  // namespace

void gaussianBlur(Image& image, const Gaussian& across, const Gaussian& down) {
  thread_local BlurScratch own;
  computeWeights(across, own.weightsAcross);
  computeWeights(down, own.weightsDown);
  size_t rowBytes = size_t(image.width) * 3;
  int margin = across.size / 2;
  own.row.resize((size_t(image.width) + across.size) * 3);
  own.between.resize(rowBytes * image.height);
  own.sums.resize(rowBytes);
  own.rows.resize(across.size);
  for (int k = 0; k < across.size; k++) own.rows[k] = own.row.data() + size_t(k) * 3;
  float* body = own.row.data() + size_t(margin) * 3;
  for (int y = 0; y < image.height; y++) {
    toFloats(image.pixels.data() + y * rowBytes, rowBytes, body);
    for (int k = 1; k <= margin; k++) {
      std::copy_n(body + size_t(paddedFrom(-k, image.width, PaddingMode::kReflect)) * 3, 3, body - size_t(k) * 3);
      int after = image.width - 1 + k;
      std::copy_n(body + size_t(paddedFrom(after, image.width, PaddingMode::kReflect)) * 3, 3, body + size_t(after) * 3);
    }
    weightRows(own.rows.data(), own.weightsAcross.data(), across.size, rowBytes, own.between.data() + y * rowBytes);
  }
  own.rows.resize(down.size);
  for (int y = 0; y < image.height; y++) {
    for (int k = 0; k < down.size; k++) {
      size_t from = size_t(paddedFrom(y - down.size / 2 + k, image.height, PaddingMode::kReflect));
      own.rows[k] = own.between.data() + from * rowBytes;
    }
    weightRows(own.rows.data(), own.weightsDown.data(), down.size, rowBytes, own.sums.data());
    toRoundedBytes(own.sums.data(), rowBytes, image.pixels.data() + y * rowBytes);
  }
}

}  // namespace fovea::images
