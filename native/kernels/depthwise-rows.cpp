#include "depthwise.h"
#include "vectors.h"

namespace fovea::depthwise {

namespace {

/** Pixels of a row that are computed together: enough independent sums to hide the latency of a multiply-add. */
constexpr int pixels = 8;

/** Which rows of the kernel lie on the image. */
struct Range {
  int64_t begin, end;
};

FOVEA_INLINE Range within(int64_t first, int64_t kernel, int64_t height) {
  return {std::max<int64_t>(0, -first), std::min(kernel, height - first)};
}

/**
 * `pixels` neighbours of an output row, one vector of channels. `x` is the image, `y` the row; a pixel of the input is
 * loaded once for all the taps that meet it. Where some columns lie off the image, they are checked one by one.
 */
template <typename T, int Bytes, int K, int S, bool Checked>
FOVEA_INLINE void convolveTile(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t row,
                               Range rows, int64_t column) {
  using Vector = typename Lanes<T, Bytes>::type;
  int64_t channels = shape.channels, left = column * S - shape.left;
  Vector sums[pixels];
#pragma GCC unroll 8
  for (int i = 0; i < pixels; i++) {
    if (bias) load(sums[i], bias);
    else sums[i] = Vector{};
  }
  for (int64_t down = rows.begin; down < rows.end; down++) {
    const T* line = x + (row + down) * shape.inWidth * channels;
    Vector weights[K];
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) load(weights[k], taps + (down * K + k) * step);
#pragma GCC unroll 32
    for (int j = 0; j < (pixels - 1) * S + K; j++) {
      if (Checked && (left + j < 0 || left + j >= shape.inWidth)) continue;
      Vector pixel;
      load(pixel, line + (left + j) * channels);
#pragma GCC unroll 8
      for (int k = 0; k < K; k++) {
        if (j >= k && (j - k) % S == 0 && (j - k) / S < pixels) sums[(j - k) / S] += pixel * weights[k];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < pixels; i++) {
    if (!Checked || column + i < shape.outWidth) store(y + (column + i) * channels, sums[i]);
  }
}

template <typename T, int Bytes, int K, int S>
FOVEA_INLINE void convolve(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin,
                           int64_t end) {
  constexpr int64_t lanes = Lanes<T, Bytes>::count;
  int64_t channels = shape.channels, spans = spansOf(channels);
  for (int64_t next; begin < end; begin = next) {
    int64_t image = begin / shape.outHeight;
    next = std::min(end, (image + 1) * shape.outHeight);
    const T* from = x + image * shape.inHeight * shape.inWidth * channels;
    for (int64_t index = 0; index < spans; index++) {
      Span span = spanOf(channels, index);
      for (int64_t i = begin; i < next; i++) {
        int64_t row = (i - image * shape.outHeight) * S - shape.top;
        Range rows = within(row, K, shape.inHeight);
        T* to = y + i * shape.outWidth * channels;
        for (int64_t column = 0; column < shape.outWidth; column += pixels) {
          int64_t left = column * S - shape.left;
          bool inside =
              left >= 0 && left + (pixels - 1) * S + K <= shape.inWidth && column + pixels <= shape.outWidth;
          for (int64_t c = span.begin; c < span.end; c += lanes) {
            int64_t first = std::min(c, channels - lanes);
            const T* offset = bias ? bias + first : nullptr;
            if (inside) {
              convolveTile<T, Bytes, K, S, false>(shape, from + first, taps + first, step, offset, to + first, row, rows, column);
            } else {
              convolveTile<T, Bytes, K, S, true>(shape, from + first, taps + first, step, offset, to + first, row, rows, column);
            }
          }
        }
      }
    }
  }
}

/**
 * `pixels` neighbours of an input row; the first stands where the kernel's first column meets an output. Every second of
 * them is met by the even taps, the others by the odd.
 */
template <typename T, int Bytes, int K, bool Checked>
FOVEA_INLINE void spreadTile(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t row, int64_t column) {
  using Vector = typename Lanes<T, Bytes>::type;
  constexpr int before = (K - 1) / 2;
  int64_t channels = shape.channels, left = (column + shape.left) / 2 - before;
  Vector sums[pixels];
#pragma GCC unroll 8
  for (int i = 0; i < pixels; i++) sums[i] = Vector{};
  for (int64_t down = (row + shape.top) % 2; down < K; down += 2) {
    // Even, by the choice of `down`.
    int64_t from = (row + shape.top - down) / 2;
    if (row + shape.top < down || from >= shape.outHeight) continue;
    const T* line = gradient + from * shape.outWidth * channels;
    Vector weights[K];
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) load(weights[k], taps + (down * K + k) * channels);
#pragma GCC unroll 32
    for (int j = 0; j < pixels / 2 + before; j++) {
      if (Checked && (left + j < 0 || left + j >= shape.outWidth)) continue;
      Vector pixel;
      load(pixel, line + (left + j) * channels);
#pragma GCC unroll 8
      for (int k = 0; k < K; k++) {
        int i = k + 2 * (j - before);
        if (i >= 0 && i < pixels) sums[i] += pixel * weights[k];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < pixels; i++) {
    if (!Checked || (column + i >= 0 && column + i < shape.inWidth)) store(x + (column + i) * channels, sums[i]);
  }
}

template <typename T, int Bytes, int K>
FOVEA_INLINE void spread(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end) {
  constexpr int64_t lanes = Lanes<T, Bytes>::count;
  int64_t channels = shape.channels, spans = spansOf(channels);
  for (int64_t next; begin < end; begin = next) {
    int64_t image = begin / shape.inHeight;
    next = std::min(end, (image + 1) * shape.inHeight);
    const T* from = gradient + image * shape.outHeight * shape.outWidth * channels;
    for (int64_t index = 0; index < spans; index++) {
      Span span = spanOf(channels, index);
      for (int64_t i = begin; i < next; i++) {
        int64_t row = i - image * shape.inHeight;
        T* to = x + i * shape.inWidth * channels;
        for (int64_t column = -(shape.left % 2); column < shape.inWidth; column += pixels) {
          int64_t left = (column + shape.left) / 2 - (K - 1) / 2;
          bool inside = column >= 0 && column + pixels <= shape.inWidth && left >= 0 &&
                        left + pixels / 2 + (K - 1) / 2 <= shape.outWidth;
          for (int64_t c = span.begin; c < span.end; c += lanes) {
            int64_t first = std::min(c, channels - lanes);
            if (inside) spreadTile<T, Bytes, K, false>(shape, from + first, taps + first, to + first, row, column);
            else spreadTile<T, Bytes, K, true>(shape, from + first, taps + first, to + first, row, column);
          }
        }
      }
    }
  }
}

template <typename T, int K, int S>
FOVEA_V4 void convolve64(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin,
                         int64_t end) {
  convolve<T, 64, K, S>(shape, x, taps, step, bias, y, begin, end);
}

template <typename T, int K, int S>
FOVEA_V3 void convolve32(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin,
                         int64_t end) {
  convolve<T, 32, K, S>(shape, x, taps, step, bias, y, begin, end);
}

template <typename T, int K, int S>
void convolve16(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin,
                int64_t end) {
  convolve<T, 16, K, S>(shape, x, taps, step, bias, y, begin, end);
}

template <typename T, int K>
FOVEA_V4 void spread64(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end) {
  spread<T, 64, K>(shape, gradient, taps, x, begin, end);
}

template <typename T, int K>
FOVEA_V3 void spread32(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end) {
  spread<T, 32, K>(shape, gradient, taps, x, begin, end);
}

template <typename T, int K>
void spread16(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end) {
  spread<T, 16, K>(shape, gradient, taps, x, begin, end);
}

template <typename T, int K, int S>
auto* convolveFor() {
  return forVectors(convolve64<T, K, S>, convolve32<T, K, S>, convolve16<T, K, S>);
}

template <typename T, int K>
auto* spreadFor() {
  return forVectors(spread64<T, K>, spread32<T, K>, spread16<T, K>);
}

}  // namespace

template <typename T>
void convolveRows(const Shape& shape, const T* x, const T* taps, int64_t step, const T* bias, T* y, int64_t begin,
                  int64_t end) {
  auto* rows = shape.stride == 1 ? (shape.kernel == 3   ? convolveFor<T, 3, 1>()
                                    : shape.kernel == 5 ? convolveFor<T, 5, 1>()
                                                        : convolveFor<T, 7, 1>())
                                 : (shape.kernel == 3   ? convolveFor<T, 3, 2>()
                                    : shape.kernel == 5 ? convolveFor<T, 5, 2>()
                                                        : convolveFor<T, 7, 2>());
  rows(shape, x, taps, step, bias, y, begin, end);
}

template <typename T>
void spreadRows(const Shape& shape, const T* gradient, const T* taps, T* x, int64_t begin, int64_t end) {
  auto* rows = shape.kernel == 3   ? spreadFor<T, 3>()
               : shape.kernel == 5 ? spreadFor<T, 5>()
                                   : spreadFor<T, 7>();
  rows(shape, gradient, taps, x, begin, end);
}

template void convolveRows(const Shape&, const float*, const float*, int64_t, const float*, float*, int64_t, int64_t);
template void convolveRows(const Shape&, const double*, const double*, int64_t, const double*, double*, int64_t, int64_t);
template void spreadRows(const Shape&, const float*, const float*, float*, int64_t, int64_t);
template void spreadRows(const Shape&, const double*, const double*, double*, int64_t, int64_t);

int64_t spansOf(int64_t channels) { return (channels + 127) / 128; }

Span spanOf(int64_t channels, int64_t index) {
  int64_t spans = spansOf(channels), size = ((channels + spans - 1) / spans + 15) / 16 * 16;
  return {std::min(channels, index * size), std::min(channels, (index + 1) * size)};
}

}  // namespace fovea::depthwise
