#include "depthwise.h"
#include "vectors.h"

namespace fovea::depthwise {

namespace {

/** Pixels of a row that are gone through together. */
constexpr int pixels = 4;
/** What of the rows stays in the nearest cache while all taps go over it, in bytes. */
constexpr int64_t nearBytes = 24 << 10;

/** `pixels` neighbours of an output row against R rows of the kernel, one vector of channels. */
template <typename T, int Bytes, int K, int S, int R, bool Checked>
FOVEA_INLINE void correlateTile(const Shape& shape, const T* x, const T* gradient, typename Lanes<T, Bytes>::type (&sums)[R][K],
                                int64_t row, int64_t column) {
  using Vector = typename Lanes<T, Bytes>::type;
  int64_t channels = shape.channels, left = column * S - shape.left;
  Vector from[pixels];
#pragma GCC unroll 8
  for (int i = 0; i < pixels; i++) {
    if (!Checked || column + i < shape.outWidth) load(from[i], gradient + (column + i) * channels);
    else from[i] = Vector{};
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
    if (row + r < 0 || row + r >= shape.inHeight) continue;
    const T* line = x + (row + r) * shape.inWidth * channels;
#pragma GCC unroll 32
    for (int j = 0; j < (pixels - 1) * S + K; j++) {
      if (Checked && (left + j < 0 || left + j >= shape.inWidth)) continue;
      Vector pixel;
      load(pixel, line + (left + j) * channels);
#pragma GCC unroll 8
      for (int k = 0; k < K; k++) {
        if (j >= k && (j - k) % S == 0 && (j - k) / S < pixels) sums[r][k] += pixel * from[(j - k) / S];
      }
    }
  }
}

/** Output rows `begin` to `end` of one image against R rows of the kernel from `down` on. */
template <typename T, int Bytes, int K, int S, int R>
FOVEA_INLINE void correlateLines(const Shape& shape, const T* x, const T* gradient, T* to, int64_t step, int64_t begin,
                                 int64_t end, int64_t down) {
  using Vector = typename Lanes<T, Bytes>::type;
  int64_t channels = shape.channels;
  Vector sums[R][K];
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) load(sums[r][k], to + ((down + r) * K + k) * step);
  }
  for (int64_t i = begin; i < end; i++) {
    int64_t row = i * S - shape.top + down;
    const T* line = gradient + i * shape.outWidth * channels;
    for (int64_t column = 0; column < shape.outWidth; column += pixels) {
      int64_t left = column * S - shape.left;
      bool inside = left >= 0 && left + (pixels - 1) * S + K <= shape.inWidth && column + pixels <= shape.outWidth;
      if (inside) correlateTile<T, Bytes, K, S, R, false>(shape, x, line, sums, row, column);
      else correlateTile<T, Bytes, K, S, R, true>(shape, x, line, sums, row, column);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; r++) {
#pragma GCC unroll 8
    for (int k = 0; k < K; k++) store(to + ((down + r) * K + k) * step, sums[r][k]);
  }
}

template <typename T, int Bytes, int K, int S>
FOVEA_INLINE void correlate(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin,
                            int64_t end) {
  constexpr int64_t lanes = Lanes<T, Bytes>::count;
  // As many rows of the kernel at a time as there are registers for.
  constexpr int R = K == 3 ? 3 : K == 5 ? 2 : 1;
  int64_t channels = shape.channels, step = (channels + lanes - 1) / lanes * lanes;
  int64_t bytes = (span.end - span.begin) * sizeof(T) * (shape.inWidth * S + shape.outWidth);
  int64_t most = std::max<int64_t>(1, nearBytes / bytes);
  for (int64_t next; begin < end; begin = next) {
    int64_t image = begin / shape.outHeight, base = image * shape.outHeight;
    next = std::min({end, base + shape.outHeight, begin + most});
    const T* from = x + image * shape.inHeight * shape.inWidth * channels;
    const T* to = gradient + base * shape.outWidth * channels;
    for (int64_t c = span.begin; c < span.end; c += lanes) {
      // The last vector may overlap the one before; it has sums of its own, so nothing is counted twice.
      int64_t first = std::min(c, channels - lanes);
      int64_t down = 0;
      for (; down + R <= K; down += R) {
        correlateLines<T, Bytes, K, S, R>(shape, from + first, to + first, sums + c, step, begin - base, next - base, down);
      }
      if (K % R != 0) {
        correlateLines<T, Bytes, K, S, K % R == 0 ? 1 : K % R>(shape, from + first, to + first, sums + c, step,
                                                       begin - base, next - base, down);
      }
    }
  }
}

template <typename T, int K, int S>
FOVEA_V4 void correlate64(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin, int64_t end) {
  correlate<T, 64, K, S>(shape, x, gradient, sums, span, begin, end);
}

template <typename T, int K, int S>
FOVEA_V3 void correlate32(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin, int64_t end) {
  correlate<T, 32, K, S>(shape, x, gradient, sums, span, begin, end);
}

template <typename T, int K, int S>
void correlate16(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin, int64_t end) {
  correlate<T, 16, K, S>(shape, x, gradient, sums, span, begin, end);
}

template <typename T, int K, int S>
auto* correlateFor() {
  return forVectors(correlate64<T, K, S>, correlate32<T, K, S>, correlate16<T, K, S>);
}

}  // namespace

template <typename T>
void correlateRows(const Shape& shape, const T* x, const T* gradient, T* sums, Span span, int64_t begin, int64_t end) {
  auto* rows = shape.stride == 1 ? (shape.kernel == 3   ? correlateFor<T, 3, 1>()
                                    : shape.kernel == 5 ? correlateFor<T, 5, 1>()
                                                        : correlateFor<T, 7, 1>())
                                 : (shape.kernel == 3   ? correlateFor<T, 3, 2>()
                                    : shape.kernel == 5 ? correlateFor<T, 5, 2>()
                                                        : correlateFor<T, 7, 2>());
  rows(shape, x, gradient, sums, span, begin, end);
}

template void correlateRows(const Shape&, const float*, const float*, float*, Span, int64_t, int64_t);
template void correlateRows(const Shape&, const double*, const double*, double*, Span, int64_t, int64_t);

}  // namespace fovea::depthwise
