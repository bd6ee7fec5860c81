// The loops of depthwise convolutions: images [N, H, W, C] in memory, kernels of 3x3, 5x5 or 7x7, strides 1 and 2, for float
// and double. Taps are [K*K, C] in memory.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fovea::depthwise {

/** Of one convolution; the sizes of images in pixels. */
struct Shape {
  int64_t images, channels, inHeight, inWidth, outHeight, outWidth;
  int64_t kernel, stride, top, left;

  int64_t taps() const { return kernel * kernel; }
  /** What the gradient of the input is at stride 1: a convolution of the output's gradient, with the taps in reverse. */
  Shape reversed() const {
    return {images, channels, outHeight, outWidth, inHeight, inWidth, kernel, 1, kernel - 1 - top, kernel - 1 - left};
  }
};

/** Channels that are gone through together, so that their part of a few rows and of the taps stays in the nearest cache. */
struct Span {
  int64_t begin, end;
};

/** A kernel needs as many channels as a vector may have lanes: its last vector overlaps the one before. */
template <typename T>
constexpr int64_t leastChannels() {
  return 64 / sizeof(T);
}

int64_t spansOf(int64_t channels);
Span spanOf(int64_t channels, int64_t index);

/** Rows `begin` to `end` of all images' output rows. The tap after a tap lies `step` away from it; `bias` may be null. */
template <typename T>
void convolveRows(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin, int64_t end);

/** Rows `begin` to `end` of all images' input rows: the gradient of the input at stride 2. */
template <typename T>
void spreadRows(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end);

/** Where the sums of {@link correlateRows} lie: there the last vector of channels does not overlap the one before. */
struct Sums {
  int64_t channels, lanes;

  /** From a tap to the next. */
  int64_t step() const { return (channels + lanes - 1) / lanes * lanes; }
  int64_t of(int64_t channel) const { return channel < channels / lanes * lanes ? channel : channel + step() - channels; }
};

/**
 * Adds to `sums` [K*K, Sums::step()] what the output rows `begin` to `end` give to the gradient of the taps of the span's
 * channels.
 */
template <typename T>
void correlateRows(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin, int64_t end);

}  // namespace fovea::depthwise
