// What is done with a few tiles of an image at a time, in the second-level cache.
#pragma once

#include <algorithm>
#include <cstdint>

#include "winograd.h"

namespace fovea::winograd {

/** A tile of 4x4 outputs is computed from 6x6 inputs, by as many products of transformed inputs and kernels. */
constexpr int64_t kTile = 4, kPatch = 6, kProducts = kPatch * kPatch;

/** The tiles of all images, one behind the other. */
struct Tiles {
  Shape shape;
  int64_t down, across;
  /** Channels in memory of our own, where they are filled up to whole vectors. */
  int64_t in, out;
  /** How many tiles are worked on at a time. */
  int64_t block;

  explicit Tiles(const Shape& shape);
  int64_t count() const { return shape.images * down * across; }
  int64_t blocks() const { return (count() + block - 1) / block; }
  /** The tiles of a block: from `first` on. */
  int64_t first(int64_t index) const { return index * block; }
  int64_t size(int64_t index) const { return std::min(block, count() - first(index)); }
};

/** Memory of one thread. */
struct Scratch {
  /** [products, tiles of a block, `in`] and [products, tiles of a block, `out`]. */
  float *inputs, *outputs;
  /** A patch of the image with zeros around it, or a tile of the output: [6, 6, most channels]. */
  float* patch;

  static int64_t size(const Tiles& tiles);
  static Scratch in(float* memory, const Tiles& tiles);
};

/** Kernels [3, 3, C, `out`] to [products, C, `out`], of the channels from `begin` to before `end`. */
void transformKernels(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end);

/** One block of the convolution. `kernels`: transformed. */
void convolveBlock(const Tiles& tiles, int64_t index, const float* x, const float* kernels, const float* bias, float* y,
                   const Scratch& scratch);

/** Adds one block's share of the transformed kernels' gradient, [products, `out`, `in`]. */
void addGradientOfBlock(const Tiles& tiles, int64_t index, const float* gradient, const float* x, float* sum,
                        const Scratch& scratch);

/** The gradient by the kernels [O, 3, 3, C] from that by the transformed ones, of the outputs from `begin` to before `end`. */
void transformGradient(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end);

}  // namespace fovea::winograd
