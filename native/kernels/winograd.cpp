// Winograd's minimal filtering for 3x3 kernels, F(4x4, 3x3) of Lavin and Gray 2016 (arXiv 1509.09308): 36 products for 16 outputs
// where the sum itself takes 144. The transforms are sums of a few neighbours, and the products are small matrix products over
// channels. A block of tiles passes through all of it while it is in the cache.
//
// The gradient by the input is such a convolution itself. That by the kernels is the adjoint of the same three steps.
#include "winograd.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "winograd-tiles.h"

namespace fovea::winograd {

namespace {

at::Tensor memoryOf(int64_t numbers) { return at::empty({numbers}, at::kFloat); }

/** Memory of all threads. */
class Scratches {
 public:
  explicit Scratches(const Tiles& tiles) : tiles(tiles), memory(memoryOf(at::get_num_threads() * Scratch::size(tiles))) {}

  Scratch mine() const {
    return Scratch::in(memory.data_ptr<float>() + at::get_thread_num() * Scratch::size(tiles), tiles);
  }

 private:
  const Tiles& tiles;
  at::Tensor memory;
};

/** [products, C, `out`]. */
at::Tensor transformed(const Kernels& kernels, const Tiles& tiles) {
  const int64_t channels = tiles.shape.channels, outChannels = tiles.shape.outChannels, out = tiles.out;
  at::Tensor taps = memoryOf(9 * channels * out), result = memoryOf(kProducts * channels * out);
  float *to = taps.data_ptr<float>(), *products = result.data_ptr<float>();
  at::parallel_for(0, channels, std::max<int64_t>(1, (1 << 12) / out), [&](int64_t begin, int64_t end) {
    for (int64_t k = 0; k < 9; k++) {
      for (int64_t c = begin; c < end; c++) {
        const float* from = kernels.data + c * kernels.inStep + k / 3 * kernels.rowStep + k % 3 * kernels.columnStep;
        float* line = to + (k * channels + c) * out;
        for (int64_t o = 0; o < outChannels; o++) line[o] = from[o * kernels.outStep];
        std::fill(line + outChannels, line + out, 0.0f);
      }
    }
    transformKernels(to, channels, out, products, begin, end);
  });
  return result;
}

}  // namespace

bool wins(const Shape& s) {
  const int64_t products = s.channels * s.outChannels;
  // With more of them it waits for the transformed kernels to come from memory.
  return std::min(s.channels, s.outChannels) >= 8 && products >= 256 && products <= 256 * 256 && s.outHeight() >= kTile &&
         s.outWidth() >= kTile;
}

bool kernelGradientWins(const Shape& s) { return wins(s) && s.channels * s.outChannels >= 512; }

void convolve(const Shape& shape, const float* x, const Kernels& kernels, const float* bias, float* y) {
  const Tiles tiles(shape);
  const at::Tensor products = transformed(kernels, tiles);
  const Scratches scratches(tiles);
  at::parallel_for(0, tiles.blocks(), 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch = scratches.mine();
    for (int64_t i = begin; i < end; i++) convolveBlock(tiles, i, x, products.data_ptr<float>(), bias, y, scratch);
  });
}

void kernelGradient(const Shape& shape, const float* gradient, const float* x, float* kernels) {
  const Tiles tiles(shape);
  const int64_t size = kProducts * tiles.out * tiles.in, blocks = tiles.blocks();
  // Sums are brought together in an order of their own. More of them would keep more threads busy, and cost memory and time.
  const int64_t parts = std::min(blocks, std::clamp<int64_t>((1 << 20) / size, 4, 16));
  const at::Tensor memory = memoryOf(parts * size);
  float* sums = memory.data_ptr<float>();
  const Scratches scratches(tiles);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    const Scratch scratch = scratches.mine();
    for (int64_t part = begin; part < end; part++) {
      std::fill(sums + part * size, sums + (part + 1) * size, 0.0f);
      for (int64_t i = blocks * part / parts; i < blocks * (part + 1) / parts; i++) {
        addGradientOfBlock(tiles, i, gradient, x, sums + part * size, scratch);
      }
    }
  });
  at::parallel_for(0, size, 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t part = 1; part < parts; part++) {
      for (int64_t i = begin; i < end; i++) sums[i] += sums[part * size + i];
    }
  });
  at::parallel_for(0, shape.outChannels, std::max<int64_t>(1, (1 << 12) / tiles.in),
                   [&](int64_t begin, int64_t end) { transformGradient(tiles, sums, kernels, begin, end); });
}

}  // namespace fovea::winograd
