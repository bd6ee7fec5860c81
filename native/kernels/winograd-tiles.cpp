// The loops of Winograd's convolution over tiles: see winograd.cpp.
#include "winograd-tiles.h"

#include <algorithm>
#include <cstring>

#include "outer-products.h"
#include "vectors.h"
#include "winograd-products.h"
#include "winograd-transforms.h"

namespace fovea::winograd {

namespace {

/**
 * `size` by `size` pixels of an image [height, width, channels], zeros outside. In their place where they and their vectors are
 * whole, otherwise copied.
 */
Patch patchAt(const float* image, int64_t height, int64_t width, int64_t channels, int64_t padded, int64_t top, int64_t left,
              int64_t size, float* copy) {
  if (channels == padded && top >= 0 && left >= 0 && top + size <= height && left + size <= width) {
    return {image + (top * width + left) * channels, width * channels, channels};
  }
  const int64_t begin = std::max<int64_t>(0, -left), end = std::max(begin, std::min(size, width - left));
  for (int64_t row = 0; row < size; row++) {
    float* to = copy + row * size * padded;
    if (top + row < 0 || top + row >= height) {
      std::fill(to, to + size * padded, 0.0f);
      continue;
    }
    const float* from = image + ((top + row) * width + left) * channels;
    std::fill(to, to + begin * padded, 0.0f);
    if (channels == padded) {
      std::copy(from + begin * channels, from + end * channels, to + begin * padded);
    } else {
      for (int64_t column = begin; column < end; column++) {
        float* rest = std::copy(from + column * channels, from + (column + 1) * channels, to + column * padded);
        std::fill(rest, to + (column + 1) * padded, 0.0f);
      }
    }
    std::fill(to + end * padded, to + size * padded, 0.0f);
  }
  return {copy, size * padded, padded};
}

/** Where a tile lies. */
struct Place {
  int64_t image, row, column;
};

Place placeOf(const Tiles& tiles, int64_t index) {
  const int64_t inImage = index % (tiles.down * tiles.across);
  return {index / (tiles.down * tiles.across), inImage / tiles.across * kTile, inImage % tiles.across * kTile};
}

Patch inputAt(const Tiles& tiles, const float* x, const Place& at, float* copy) {
  const Shape& s = tiles.shape;
  return patchAt(x + at.image * s.height * s.width * s.channels, s.height, s.width, s.channels, tiles.in, at.row - s.paddingY,
                 at.column - s.paddingX, kPatch, copy);
}

template <int Bytes>
FOVEA_INLINE void convolved(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                            const Scratch& scratch) {
  const Shape& s = tiles.shape;
  const int64_t first = tiles.first(index), size = tiles.size(index), inStep = tiles.block * tiles.in,
                outStep = tiles.block * tiles.out;
  for (int64_t t = 0; t < size; t++) {
    const Patch patch = inputAt(tiles, x, placeOf(tiles, first + t), scratch.patch);
    transformInput<Bytes>(patch, tiles.in, scratch.inputs + t * tiles.in, inStep);
  }
  // Rows behind the last tile hold what was there before, and nobody looks at what comes of it.
  for (int64_t p = 0; p < kProducts; p++) {
    multiply<Bytes>(scratch.inputs + p * inStep, tiles.in, kernels + p * s.channels * tiles.out, tiles.out, s.channels,
                    scratch.outputs + p * outStep, tiles.block);
  }
  const int64_t height = s.outHeight(), width = s.outWidth();
  for (int64_t t = 0; t < size; t++) {
    const Place at = placeOf(tiles, first + t);
    float* image = y + at.image * height * width * s.outChannels;
    const float* products = scratch.outputs + t * tiles.out;
    float* to = image + (at.row * width + at.column) * s.outChannels;
    const int64_t rows = std::min(kTile, height - at.row), columns = std::min(kTile, width - at.column);
    if (rows == kTile && columns == kTile && s.outChannels == tiles.out) {
      transformOutput<Bytes>(products, outStep, tiles.out, bias, s.outChannels, to, width * s.outChannels, s.outChannels);
      continue;
    }
    transformOutput<Bytes>(products, outStep, tiles.out, bias, s.outChannels, scratch.patch, kTile * tiles.out, tiles.out);
    for (int64_t i = 0; i < rows; i++) {
      for (int64_t j = 0; j < columns; j++) {
        std::memcpy(to + (i * width + j) * s.outChannels, scratch.patch + (i * kTile + j) * tiles.out,
                    s.outChannels * sizeof(float));
      }
    }
  }
}

template <int Bytes>
FOVEA_INLINE void gradientsSpread(const Tiles& tiles, int64_t index, const float* gradient, const float* x,
                                  const Scratch& scratch) {
  const Shape& s = tiles.shape;
  const int64_t first = tiles.first(index), size = tiles.size(index);
  const int64_t height = s.outHeight(), width = s.outWidth();
  for (int64_t t = 0; t < size; t++) {
    const Place at = placeOf(tiles, first + t);
    transformInput<Bytes>(inputAt(tiles, x, at, scratch.patch), tiles.in, scratch.inputs + t * tiles.in, tiles.block * tiles.in);
    const Patch patch = patchAt(gradient + at.image * height * width * s.outChannels, height, width, s.outChannels, tiles.out,
                                at.row, at.column, kTile, scratch.patch);
    transformOutputGradient<Bytes>(patch, tiles.out, scratch.outputs + t * tiles.out, tiles.block * tiles.out);
  }
}

FOVEA_V4 void convolved64(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                          const Scratch& scratch) {
  convolved<64>(tiles, index, x, kernels, bias, y, scratch);
}
FOVEA_V3 void convolved32(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                          const Scratch& scratch) {
  convolved<32>(tiles, index, x, kernels, bias, y, scratch);
}
void convolved16(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                 const Scratch& scratch) {
  convolved<16>(tiles, index, x, kernels, bias, y, scratch);
}

FOVEA_V4 void gradientsSpread64(const Tiles& tiles, int64_t index, const float* gradient, const float* x, const Scratch& scratch) {
  gradientsSpread<64>(tiles, index, gradient, x, scratch);
}
FOVEA_V3 void gradientsSpread32(const Tiles& tiles, int64_t index, const float* gradient, const float* x, const Scratch& scratch) {
  gradientsSpread<32>(tiles, index, gradient, x, scratch);
}
void gradientsSpread16(const Tiles& tiles, int64_t index, const float* gradient, const float* x, const Scratch& scratch) {
  gradientsSpread<16>(tiles, index, gradient, x, scratch);
}

FOVEA_V4 void kernelsSpread64(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end) {
  kernelsSpread<64>(kernels, channels, out, to, begin, end);
}
FOVEA_V3 void kernelsSpread32(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end) {
  kernelsSpread<32>(kernels, channels, out, to, begin, end);
}
void kernelsSpread16(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end) {
  kernelsSpread<16>(kernels, channels, out, to, begin, end);
}

FOVEA_V4 void kernelsGathered64(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end) {
  kernelsGathered<64>(tiles, sum, to, begin, end);
}
FOVEA_V3 void kernelsGathered32(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end) {
  kernelsGathered<32>(tiles, sum, to, begin, end);
}
void kernelsGathered16(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end) {
  kernelsGathered<16>(tiles, sum, to, begin, end);
}

int64_t padded(int64_t channels) {
  const int64_t lanes = vectorBytes() / static_cast<int64_t>(sizeof(float));
  return (channels + lanes - 1) / lanes * lanes;
}

}  // namespace

Tiles::Tiles(const Shape& shape)
    : shape(shape), down((shape.outHeight() + kTile - 1) / kTile), across((shape.outWidth() + kTile - 1) / kTile),
      in(padded(shape.channels)), out(padded(shape.outChannels)), block(24) {}

int64_t Scratch::size(const Tiles& tiles) {
  return kProducts * (tiles.block * (tiles.in + tiles.out) + std::max(tiles.in, tiles.out));
}

Scratch Scratch::in(float* memory, const Tiles& tiles) {
  float* outputs = memory + kProducts * tiles.block * tiles.in;
  return {memory, outputs, outputs + kProducts * tiles.block * tiles.out};
}

void transformKernels(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end) {
  static const auto chosen = forVectors(kernelsSpread64, kernelsSpread32, kernelsSpread16);
  chosen(kernels, channels, out, to, begin, end);
}

void convolveBlock(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                   const Scratch& scratch) {
  static const auto chosen = forVectors(convolved64, convolved32, convolved16);
  chosen(tiles, index, x, kernels, bias, y, scratch);
}

void addGradientOfBlock(const Tiles& tiles, int64_t index, const float* gradient, const float* x, float* sum,
                        const Scratch& scratch) {
  static const auto chosen = forVectors(gradientsSpread64, gradientsSpread32, gradientsSpread16);
  static const auto products = outerProductKernel<float>();
  chosen(tiles, index, gradient, x, scratch);
  for (int64_t p = 0; p < kProducts; p++) {
    products.add(scratch.outputs + p * tiles.block * tiles.out, tiles.out, scratch.inputs + p * tiles.block * tiles.in, tiles.in,
                 tiles.size(index), sum + p * tiles.out * tiles.in);
  }
}

void transformGradient(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end) {
  static const auto chosen = forVectors(kernelsGathered64, kernelsGathered32, kernelsGathered16);
  chosen(tiles, sum, to, begin, end);
}

}  // namespace fovea::winograd
