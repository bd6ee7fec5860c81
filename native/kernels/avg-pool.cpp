// Means over windows that neither overlap nor reach over the border, as between the blocks of a DenseNet.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <vector>

#include "applies.h"
#include "backward.h"
#include "simd.h"
#include "tasks.h"

namespace fovea {

namespace {

/** Sizes of the input, of the windows, and how many of them there are. */
struct Windows {
  int64_t height, width, down, across, rows, columns;
  bool channelsLast;

  at::MemoryFormat format() const { return channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous; }
};

/** A row of windows whose channels lie side by side. */
template <typename T>
FOVEA_INLINE void meansOfPixels(const T* __restrict x, T* __restrict y, int64_t channels, const Windows& w) {
  const T size = static_cast<T>(w.down * w.across);
  for (int64_t column = 0; column < w.columns; column++, y += channels) {
    const T* corner = x + column * w.across * channels;
    if (w.down == 2 && w.across == 2) {
      const T *right = corner + channels, *below = corner + w.width * channels, *last = below + channels;
      for (int64_t c = 0; c < channels; c++) y[c] = (corner[c] + right[c] + below[c] + last[c]) / size;
      continue;
    }
    for (int64_t c = 0; c < channels; c++) y[c] = 0;
    for (int64_t row = 0; row < w.down; row++) {
      for (int64_t k = 0; k < w.across; k++) {
        const T* from = corner + (row * w.width + k) * channels;
        for (int64_t c = 0; c < channels; c++) y[c] += from[c];
      }
    }
    for (int64_t c = 0; c < channels; c++) y[c] /= size;
  }
}

/** A row of windows of one channel. */
template <typename T>
FOVEA_INLINE void meansOfRow(const T* __restrict x, T* __restrict y, const Windows& w) {
  const T size = static_cast<T>(w.down * w.across);
  if (w.down == 2 && w.across == 2) {
    const T* below = x + w.width;
    for (int64_t i = 0; i < w.columns; i++) y[i] = (x[2 * i] + x[2 * i + 1] + below[2 * i] + below[2 * i + 1]) / size;
    return;
  }
  for (int64_t i = 0; i < w.columns; i++) {
    T sum = 0;
    for (int64_t row = 0; row < w.down; row++) {
      for (int64_t k = 0; k < w.across; k++) sum += x[row * w.width + i * w.across + k];
    }
    y[i] = sum / size;
  }
}

/** A row of inputs from the row of windows that it lies in. */
template <typename T>
FOVEA_INLINE void sharesOfPixels(const T* __restrict dy, T* __restrict dx, int64_t channels, const Windows& w) {
  const T size = static_cast<T>(w.down * w.across);
  const int64_t inside = w.columns * w.across;
  for (int64_t column = 0; column < w.columns; column++, dy += channels) {
    for (int64_t k = 0; k < w.across; k++, dx += channels) {
      for (int64_t c = 0; c < channels; c++) dx[c] = dy[c] / size;
    }
  }
  std::fill(dx, dx + (w.width - inside) * channels, T(0));
}

template <typename T>
FOVEA_INLINE void sharesOfRow(const T* __restrict dy, T* __restrict dx, const Windows& w) {
  const T size = static_cast<T>(w.down * w.across);
  const int64_t inside = w.columns * w.across;
  if (w.across == 2) {
    for (int64_t i = 0; i < w.columns; i++) dx[2 * i] = dx[2 * i + 1] = dy[i] / size;
  } else {
    for (int64_t i = 0; i < w.columns; i++) {
      for (int64_t k = 0; k < w.across; k++) dx[i * w.across + k] = dy[i] / size;
    }
  }
  std::fill(dx + inside, dx + w.width, T(0));
}

/** Rows of windows, of all images (and channels where these lie in planes). */
template <typename T>
FOVEA_INLINE void meansOfRows(const T* x, T* y, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) {
    const int64_t top = i / w.rows * w.height + i % w.rows * w.down;
    if (w.channelsLast) meansOfPixels(x + top * w.width * channels, y + i * w.columns * channels, channels, w);
    else meansOfRow(x + top * w.width, y + i * w.columns, w);
  }
}

/** Rows of inputs. */
template <typename T>
FOVEA_INLINE void sharesOfRows(const T* dy, T* dx, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  const int64_t pixel = w.channelsLast ? channels : 1;
  for (int64_t i = begin; i < end; i++) {
    const int64_t row = i % w.height / w.down, from = i / w.height * w.rows + row;
    T* to = dx + i * w.width * pixel;
    if (row >= w.rows) std::fill(to, to + w.width * pixel, T(0));
    else if (w.channelsLast) sharesOfPixels(dy + from * w.columns * pixel, to, channels, w);
    else sharesOfRow(dy + from * w.columns, to, w);
  }
}

FOVEA_SIMD void means(const float* x, float* y, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  meansOfRows(x, y, channels, w, begin, end);
}
FOVEA_SIMD void means(const double* x, double* y, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  meansOfRows(x, y, channels, w, begin, end);
}
FOVEA_SIMD void shares(const float* dy, float* dx, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  sharesOfRows(dy, dx, channels, w, begin, end);
}
FOVEA_SIMD void shares(const double* dy, double* dx, int64_t channels, const Windows& w, int64_t begin, int64_t end) {
  sharesOfRows(dy, dx, channels, w, begin, end);
}

/** False: libtorch computes it, or says what is wrong. */
bool planned(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding, bool ceil,
             Windows* windows) {
  if (!kernelTakes(x) || x.dim() != 4 || kernel.size() != 2 || padding.size() != 2) return false;
  if (!(stride.empty() || stride == kernel) || padding[0] != 0 || padding[1] != 0) return false;
  const int64_t height = x.size(2), width = x.size(3);
  if (kernel[0] < 1 || kernel[1] < 1 || kernel[0] > height || kernel[1] > width) return false;
  if (ceil && (height % kernel[0] != 0 || width % kernel[1] != 0)) return false;
  *windows = {height,    width,
              kernel[0], kernel[1],
              height / kernel[0], width / kernel[1],
              x.suggest_memory_format() == at::MemoryFormat::ChannelsLast};
  return true;
}

template <typename T>
void run(const at::Tensor& from, const at::Tensor& to, const Windows& w, bool backward) {
  const T* x = from.data_ptr<T>();
  T* y = to.data_ptr<T>();
  const int64_t channels = to.size(1), height = backward ? w.height : w.rows, width = backward ? w.width : w.columns;
  const int64_t rows = to.size(0) * height * (w.channelsLast ? 1 : channels);
  at::parallel_for(0, rows, rowsPerTask(width * (w.channelsLast ? channels : 1)), [&](int64_t begin, int64_t end) {
    if (backward) shares(x, y, channels, w, begin, end);
    else means(x, y, channels, w, begin, end);
  });
}

at::Tensor pooled(const at::Tensor& from, const Windows& w, bool backward) {
  at::Tensor source = from.contiguous(w.format());
  at::Tensor to = at::empty({from.size(0), from.size(1), backward ? w.height : w.rows, backward ? w.width : w.columns},
                            from.options().memory_format(w.format()));
  if (from.scalar_type() == at::kFloat) run<float>(source, to, w, backward);
  else run<double>(source, to, w, backward);
  return to;
}

/** With operators that have gradients themselves. */
at::Tensor sharesByOperators(const at::Tensor& dy, const Windows& w) {
  const at::Tensor share = dy.div(w.down * w.across).repeat_interleave(w.down, 2).repeat_interleave(w.across, 3);
  return at::constant_pad_nd(share, {0, w.width - w.columns * w.across, 0, w.height - w.rows * w.down});
}

struct AvgPoolBackward : Backward {
  Windows windows;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    return {at::GradMode::is_enabled() ? sharesByOperators(dy, windows) : pooled(dy, windows, true)};
  }
};

at::Tensor avgPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding, bool ceil,
                     bool countPadding) {
  Windows w;
  if (!planned(x, kernel, stride, padding, ceil, &w)) return at::avg_pool2d(x, kernel, stride, padding, ceil, countPadding);
  return pooled(x, w, false);
}

at::Tensor differentiableAvgPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride,
                                   at::IntArrayRef padding, bool ceil, bool countPadding) {
  Windows w;
  if (!planned(x, kernel, stride, padding, ceil, &w)) return at::avg_pool2d(x, kernel, stride, padding, ceil, countPadding);
  at::Tensor y = unrecorded([&] { return pooled(x, w, false); });
  if (!differentiated(x)) return y;
  auto node = wayBackTo<AvgPoolBackward>(x);
  node->windows = w;
  return recorded(y, node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def("avg_pool2d(Tensor x, int[2] kernel, int[2] stride, int[2] padding, bool ceil, bool count_padding) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("avg_pool2d", avgPool2d); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("avg_pool2d", differentiableAvgPool2d); }

}  // namespace fovea
