// The transforms of Lavin and Gray 2016 (arXiv 1509.09308) for F(4x4, 3x3), of whole vectors of channels.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "short-loops.h"
#include "vectors.h"
#include "winograd-tiles.h"

namespace fovea::winograd {

namespace {

template <int Bytes>
using Vector = typename Lanes<float, Bytes>::type;

// Along one direction, for the points 0, 1, -1, 2, -2 and infinity. `Step` is how far one element is from the next.

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

/** Kernels [3, 3, channels, `out`] to [products, channels, `out`], of the channels from `begin` to before `end`. */
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

/** A sum [products, `out`, `in`] to kernels [O, 3, 3, C], of the outputs from `begin` to before `end`. */
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

}  // namespace

}  // namespace fovea::winograd
