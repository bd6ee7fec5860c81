// Convolutions of 3x3 kernels with a quarter of the multiplications.
#pragma once

#include <cstdint>

namespace fovea::winograd {

/** Images [N, H, W, C] in memory, and a convolution with stride 1. */
struct Shape {
  int64_t images, channels, height, width, outChannels;
  /** Zeros around the image, from 0 to 2. */
  int64_t paddingY, paddingX;

  int64_t outHeight() const { return height + 2 * paddingY - 2; }
  int64_t outWidth() const { return width + 2 * paddingX - 2; }

  /** Of the gradient by the input, which is a convolution of the gradient by the output with the kernels turned round. */
  Shape transposed() const { return {images, outChannels, outHeight(), outWidth(), channels, 2 - paddingY, 2 - paddingX}; }
};

/** Kernels [O, C, 3, 3] that lie in memory as the steps say. */
struct Kernels {
  const float* data;
  int64_t outStep, inStep, rowStep, columnStep;

  /** Turned by half a turn, with outputs for inputs: see `Shape::transposed`. */
  Kernels transposed() const { return {data + 2 * rowStep + 2 * columnStep, inStep, outStep, -rowStep, -columnStep}; }
};

/** Whether they are faster than oneDNN's: forward and for the gradient by the input, and for that by the kernels. */
bool wins(const Shape& shape);
bool kernelGradientWins(const Shape& shape);

/** y [N, outH, outW, O]; `bias` may be null. */
void convolve(const Shape& shape, const float* x, const Kernels& kernels, const float* bias, float* y);

/** The gradient by the kernels, [O, 3, 3, C] in memory, from that by y. The order of summation depends on the shape alone. */
void kernelGradient(const Shape& shape, const float* gradient, const float* x, float* kernels);

}  // namespace fovea::winograd
