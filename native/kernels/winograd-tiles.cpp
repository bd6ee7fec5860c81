// The loops of Winograd's convolution over tiles: see winograd.cpp.
#include "winograd-tiles.h"

#include <algorithm>
#include <cstring>

#include "outer-products.h"
#include "short-loops.h"
#include "vectors.h"

namespace fovea::winograd {

namespace {

template <int Bytes>
using Vector = typename Lanes<float, Bytes>::type;

// The transforms of Lavin and Gray 2016 for the points 0, 1, -1, 2, -2 and infinity, along one direction. `Step` is how far
// one element is from the next.

/** Inputs: six to six. */
template <int Step, typename V>
FOVEA_INLINE void spreadInput(const V* d, V* to) {
  const V d0 = d[0], d1 = d[Step], d2 = d[2 * Step], d3 = d[3 * Step], d4 = d[4 * Step], d5 = d[5 * Step];
  const V even = d4 - 4.0f * d2, odd = d3 - 4.0f * d1, evenToo = d4 - d2, oddToo = 2.0f * (d3 - d1);
  to[0] = 4.0f * d0 - 5.0f * d2 + d4;
  to[Step] = even + odd;
  to[2 * Step] = even - odd;
  to[3 * Step] = evenToo + oddToo;
  to[4 * Step] = evenToo - oddToo;
  to[5 * Step] = 4.0f * d1 - 5.0f * d3 + d5;
}

/** Products to outputs: six to four. */
template <int Step, int ToStep, typename V>
FOVEA_INLINE void gatherOutput(const V* m, V* to) {
  const V m1 = m[Step], m2 = m[2 * Step], m3 = m[3 * Step], m4 = m[4 * Step];
  const V sum = m1 + m2, difference = m1 - m2, sumToo = m3 + m4, differenceToo = m3 - m4;
  to[0] = m[0] + sum + sumToo;
  to[ToStep] = difference + 2.0f * differenceToo;
  to[2 * ToStep] = sum + 4.0f * sumToo;
  to[3 * ToStep] = difference + 8.0f * differenceToo + m[5 * Step];
}

/** Gradients by the outputs, which the one above is turned round for: four to six. */
template <int Step, int ToStep, typename V>
FOVEA_INLINE void spreadOutput(const V* y, V* to) {
  const V y0 = y[0], y1 = y[Step], y2 = y[2 * Step], y3 = y[3 * Step];
  const V even = y0 + y2, odd = y1 + y3, evenToo = y0 + 4.0f * y2, oddToo = 2.0f * y1 + 8.0f * y3;
  to[0] = y0;
  to[ToStep] = even + odd;
  to[2 * ToStep] = even - odd;
  to[3 * ToStep] = evenToo + oddToo;
  to[4 * ToStep] = evenToo - oddToo;
  to[5 * ToStep] = y3;
}

/** Kernels: three to six. */
template <int Step, int ToStep, typename V>
FOVEA_INLINE void spreadKernel(const V* g, V* to) {
  const V g0 = g[0], g1 = g[Step], g2 = g[2 * Step];
  const V even = (g0 + g2) * (-1.0f / 6), odd = g1 * (-1.0f / 6), evenToo = g0 * (1.0f / 24) + g2 * (1.0f / 6), oddToo = g1 * (1.0f / 12);
  to[0] = g0 * 0.25f;
  to[ToStep] = even + odd;
  to[2 * ToStep] = even - odd;
  to[3 * ToStep] = evenToo + oddToo;
  to[4 * ToStep] = evenToo - oddToo;
  to[5 * ToStep] = g2;
}

/** Gradients by the transformed kernels, which the one above is turned round for: six to three. */
template <int Step, int ToStep, typename V>
FOVEA_INLINE void gatherKernel(const V* u, V* to) {
  const V u1 = u[Step], u2 = u[2 * Step], u3 = u[3 * Step], u4 = u[4 * Step];
  const V sum = u1 + u2, sumToo = u3 + u4;
  to[0] = u[0] * 0.25f - sum * (1.0f / 6) + sumToo * (1.0f / 24);
  to[ToStep] = (u2 - u1) * (1.0f / 6) + (u3 - u4) * (1.0f / 12);
  to[2 * ToStep] = (sumToo - sum) * (1.0f / 6) + u[5 * Step];
}

/**
 * The same number, of which the compiler knows nothing. It would keep a table of all addresses that follow from a step, and
 * reading the table takes longer than the few sums.
 */
FOVEA_INLINE int64_t anew(int64_t number) {
#ifdef __GNUC__
  asm volatile("" : "+r"(number));
#endif
  return number;
}

/** Pixels of whole vectors: from one row and one column to the next. */
struct Patch {
  const float* data;
  int64_t row, column;
};

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

/** A patch's vectors to `to`, from product to product `step` apart. */
template <int Bytes>
FOVEA_INLINE void transformInput(const Patch& patch, int64_t channels, float* to, int64_t stride) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  for (int64_t c = 0; c < channels; c += lanes) {
    const int64_t row = anew(patch.row), step = anew(stride);
    Vector<Bytes> pixels[kProducts];
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < kPatch; j++) {
      FOVEA_WRITTEN_OUT
      for (int i = 0; i < kPatch; i++) load(pixels[i * kPatch + j], patch.data + i * row + j * patch.column + c);
      spreadInput<kPatch>(pixels + j, pixels + j);
    }
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < kPatch; i++) {
      spreadInput<1>(pixels + i * kPatch, pixels + i * kPatch);
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < kPatch; j++) store(to + (i * kPatch + j) * step + c, pixels[i * kPatch + j]);
    }
  }
}

/** A tile of gradients, likewise. */
template <int Bytes>
FOVEA_INLINE void transformOutputGradient(const Patch& patch, int64_t channels, float* to, int64_t stride) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  for (int64_t c = 0; c < channels; c += lanes) {
    const int64_t row = anew(patch.row), step = anew(stride);
    Vector<Bytes> pixels[kTile * kTile], half[kPatch * kTile], products[kPatch];
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < kTile; j++) {
      FOVEA_WRITTEN_OUT
      for (int i = 0; i < kTile; i++) load(pixels[i * kTile + j], patch.data + i * row + j * patch.column + c);
      spreadOutput<kTile, kTile>(pixels + j, half + j);
    }
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < kPatch; i++) {
      spreadOutput<1, 1>(half + i * kTile, products);
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < kPatch; j++) store(to + (i * kPatch + j) * step + c, products[j]);
    }
  }
}

/** Products to a tile [4, 4, channels]. */
template <int Bytes>
FOVEA_INLINE void transformOutput(const float* from, int64_t stride, int64_t channels, const float* bias, int64_t biases, float* to,
                                  int64_t line, int64_t column) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  for (int64_t c = 0; c < channels; c += lanes) {
    const int64_t step = anew(stride), row = anew(line);
    Vector<Bytes> half[kTile * kPatch], outputs[kTile], offset = {};
    if (bias && c + lanes <= biases) load(offset, bias + c);
    else if (bias) std::memcpy(&offset, bias + c, (biases - c) * sizeof(float));
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < kPatch; j++) {
      Vector<Bytes> products[kPatch];
      FOVEA_WRITTEN_OUT
      for (int i = 0; i < kPatch; i++) load(products[i], from + (i * kPatch + j) * step + c);
      gatherOutput<1, kPatch>(products, half + j);
    }
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < kTile; i++) {
      gatherOutput<1, 1>(half + i * kPatch, outputs);
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < kTile; j++) {
        outputs[j] += offset;
        store(to + i * row + j * column + c, outputs[j]);
      }
    }
  }
}

/** m [Count, Groups vectors] = v [Count, depth] · u [depth, Groups vectors]. */
template <int Bytes, int Count, int Groups>
FOVEA_INLINE void multiplyTile(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  Vector<Bytes> sum[Count][Groups] = {};
  for (int64_t k = 0; k < depth; k++, u += uWidth) {
    Vector<Bytes> right[Groups];
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < Groups; j++) load(right[j], u + j * lanes);
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < Count; i++) {
      const float left = v[i * vWidth + k];
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < Groups; j++) sum[i][j] += left * right[j];
    }
  }
  FOVEA_WRITTEN_OUT
  for (int i = 0; i < Count; i++) {
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < Groups; j++) store(m + i * uWidth + j * lanes, sum[i][j]);
  }
}

/** Rows of tiles that are multiplied at a time: they divide the least block, and their sums fit the registers. */
template <int Bytes>
constexpr int rowsFor(int groups) {
  return Bytes == 64 ? (groups <= 2 ? 12 : groups == 3 ? 8 : 6) : groups == 1 ? 8 : groups == 2 ? 6 : groups == 3 ? 4 : 3;
}

template <int Bytes, int Groups>
FOVEA_INLINE void multiplyRows(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m,
                               int64_t rows) {
  constexpr int count = rowsFor<Bytes>(Groups);
  for (int64_t row = 0; row < rows; row += count) {
    multiplyTile<Bytes, count, Groups>(v + row * vWidth, vWidth, u, uWidth, depth, m + row * uWidth);
  }
}

/** m [rows, uWidth] = v [rows, depth] · u [depth, uWidth]. */
template <int Bytes>
FOVEA_INLINE void multiply(const float* v, int64_t vWidth, const float* u, int64_t uWidth, int64_t depth, float* m,
                           int64_t rows) {
  constexpr int64_t lanes = Lanes<float, Bytes>::count;
  const int64_t vectors = uWidth / lanes, groups = (vectors + 3) / 4;
  for (int64_t group = 0, at = 0; group < groups; group++) {
    const int64_t count = (vectors - at + groups - group - 1) / (groups - group);
    const float* right = u + at * lanes;
    float* to = m + at * lanes;
    switch (count) {
      case 1: multiplyRows<Bytes, 1>(v, vWidth, right, uWidth, depth, to, rows); break;
      case 2: multiplyRows<Bytes, 2>(v, vWidth, right, uWidth, depth, to, rows); break;
      case 3: multiplyRows<Bytes, 3>(v, vWidth, right, uWidth, depth, to, rows); break;
      default: multiplyRows<Bytes, 4>(v, vWidth, right, uWidth, depth, to, rows); break;
    }
    at += count;
  }
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

template <int Bytes>
FOVEA_INLINE void kernelsSpread(const float* kernels, int64_t channels, int64_t out, float* to, int64_t begin, int64_t end) {
  constexpr int lanes = Lanes<float, Bytes>::count;
  for (int64_t at = begin * out; at < end * out; at += lanes) {
    Vector<Bytes> taps[9], half[kPatch * 3], products[kPatch];
    FOVEA_WRITTEN_OUT
    for (int k = 0; k < 9; k++) load(taps[k], kernels + k * channels * out + at);
    FOVEA_WRITTEN_OUT
    for (int j = 0; j < 3; j++) spreadKernel<3, 3>(taps + j, half + j);
    FOVEA_WRITTEN_OUT
    for (int i = 0; i < kPatch; i++) {
      spreadKernel<1, 1>(half + i * 3, products);
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < kPatch; j++) store(to + (i * kPatch + j) * channels * out + at, products[j]);
    }
  }
}

template <int Bytes>
FOVEA_INLINE void kernelsGathered(const Tiles& tiles, const float* sum, float* to, int64_t begin, int64_t end) {
  constexpr int64_t lanes = Lanes<float, Bytes>::count;
  const int64_t channels = tiles.shape.channels, step = tiles.out * tiles.in;
  for (int64_t o = begin; o < end; o++) {
    for (int64_t c = 0; c < channels; c += lanes) {
      Vector<Bytes> half[3 * kPatch], taps[3];
      FOVEA_WRITTEN_OUT
      for (int j = 0; j < kPatch; j++) {
        Vector<Bytes> products[kPatch];
        FOVEA_WRITTEN_OUT
        for (int i = 0; i < kPatch; i++) load(products[i], sum + (i * kPatch + j) * step + o * tiles.in + c);
        gatherKernel<1, kPatch>(products, half + j);
      }
      for (int i = 0; i < 3; i++) {
        gatherKernel<1, 1>(half + i * kPatch, taps);
        for (int j = 0; j < 3; j++) {
          std::memcpy(to + ((o * 3 + i) * 3 + j) * channels + c, &taps[j], std::min(lanes, channels - c) * sizeof(float));
        }
      }
    }
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
