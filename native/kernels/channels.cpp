// The two ends of squeeze-and-excitation (Hu et al. 2018, arXiv 1709.01507): the mean of every channel, and every channel times
// a factor.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <array>

#include "applies.h"
#include "backward.h"
#include "short-loops.h"
#include "simd.h"
#include "tasks.h"

namespace fovea {

namespace {

/** Pixels whose products are summed before the sum joins the others': the rounding errors of long sums stay small. */
constexpr int64_t pixelsAtOnce = 64;
/** Channels of a task: enough for a wide move, few enough that a small batch keeps all threads busy. */
constexpr int64_t channelsAtOnce = 128;

/** Of one image [pixels, channels] in memory `count` channels from where the pointers stand. */
template <typename T>
FOVEA_INLINE void scaledPixels(const T* __restrict dy, const T* __restrict x, const T* __restrict factors, T* __restrict dx,
                               T* __restrict sums, int64_t pixels, int64_t channels, int64_t count) {
  T partial[channelsAtOnce];
  for (int64_t c = 0; c < count; c++) sums[c] = 0;
  for (int64_t begin = 0; begin < pixels; begin += pixelsAtOnce) {
    const int64_t end = std::min(begin + pixelsAtOnce, pixels);
    for (int64_t c = 0; c < count; c++) partial[c] = 0;
    for (int64_t pixel = begin; pixel < end; pixel++) {
      const int64_t at = pixel * channels;
      for (int64_t c = 0; c < count; c++) {
        dx[at + c] = dy[at + c] * factors[c];
        partial[c] += dy[at + c] * x[at + c];
      }
    }
    for (int64_t c = 0; c < count; c++) sums[c] += partial[c];
  }
}

FOVEA_SIMD void scalePixels(const float* dy, const float* x, const float* factors, float* dx, float* sums, int64_t pixels,
                            int64_t channels, int64_t count) {
  scaledPixels(dy, x, factors, dx, sums, pixels, channels, count);
}
FOVEA_SIMD void scalePixels(const double* dy, const double* x, const double* factors, double* dx, double* sums,
                            int64_t pixels, int64_t channels, int64_t count) {
  scaledPixels(dy, x, factors, dx, sums, pixels, channels, count);
}

/** One channel of one image, whose pixels lie side by side. */
template <typename T>
FOVEA_INLINE T scaledPlane(const T* __restrict dy, const T* __restrict x, T factor, T* __restrict dx, int64_t pixels) {
  // As many sums as a vector holds, because the compiler keeps to the order that is written.
  constexpr int64_t lanes = 16;
  T sums[lanes] = {};
  int64_t at = 0;
  for (; at + lanes <= pixels; at += lanes) {
    FOVEA_LANES
    for (int64_t i = 0; i < lanes; i++) {
      dx[at + i] = dy[at + i] * factor;
      sums[i] += dy[at + i] * x[at + i];
    }
  }
  T sum = 0;
  for (; at < pixels; at++) {
    dx[at] = dy[at] * factor;
    sum += dy[at] * x[at];
  }
  for (int64_t i = 0; i < lanes; i++) sum += sums[i];
  return sum;
}

FOVEA_SIMD float scalePlane(const float* dy, const float* x, float factor, float* dx, int64_t pixels) {
  return scaledPlane(dy, x, factor, dx, pixels);
}
FOVEA_SIMD double scalePlane(const double* dy, const double* x, double factor, double* dx, int64_t pixels) {
  return scaledPlane(dy, x, factor, dx, pixels);
}


template <typename T>
void scaleBackward(const at::Tensor& dyTensor, const at::Tensor& xTensor, const at::Tensor& factorsTensor,
                   const at::Tensor& dxTensor, const at::Tensor& sumsTensor, bool channelsLast) {
  const T *dy = dyTensor.data_ptr<T>(), *x = xTensor.data_ptr<T>(), *factors = factorsTensor.data_ptr<T>();
  T *dx = dxTensor.data_ptr<T>(), *sums = sumsTensor.data_ptr<T>();
  const int64_t images = xTensor.size(0), channels = xTensor.size(1), pixels = xTensor.size(2) * xTensor.size(3);
  if (!channelsLast) {
    at::parallel_for(0, images * channels, rowsPerTask(pixels), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        sums[i] = scalePlane(dy + i * pixels, x + i * pixels, factors[i], dx + i * pixels, pixels);
      }
    });
    return;
  }
  const int64_t parts = (channels + channelsAtOnce - 1) / channelsAtOnce;
  at::parallel_for(0, images * parts, rowsPerTask(pixels * std::min(channels, channelsAtOnce)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t image = i / parts, first = i % parts * channelsAtOnce;
      const int64_t at = image * pixels * channels + first, factor = image * channels + first;
      scalePixels(dy + at, x + at, factors + factor, dx + at, sums + factor, pixels, channels,
                  std::min(channelsAtOnce, channels - first));
    }
  });
}

struct ScaleChannelsBackward : Backward {
  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    const at::Tensor x = saved(0), factors = saved(1);
    if (at::GradMode::is_enabled()) return {dy * factors, (dy * x).sum({2, 3}, true)};
    const at::MemoryFormat format = x.suggest_memory_format();
    at::Tensor dx = at::empty(x.sizes(), x.options().memory_format(format));
    at::Tensor sums = at::empty(factors.sizes(), factors.options());
    auto run = [&](auto zero) {
      scaleBackward<decltype(zero)>(dy.contiguous(format), x.contiguous(format), factors.contiguous(), dx, sums,
                                    format == at::MemoryFormat::ChannelsLast);
    };
    if (x.scalar_type() == at::kFloat) run(0.0F);
    else run(0.0);
    return {dx, sums};
  }
};

/** [N, C, H, W] and [N, C, 1, 1], both with a gradient. */
bool scales(const at::Tensor& x, const at::Tensor& y) {
  return y.dim() == 4 && x.dim() == 4 && y.size(2) == 1 && y.size(3) == 1 && x.size(0) == y.size(0) &&
         x.size(1) == y.size(1) && x.scalar_type() == y.scalar_type() && y.device().is_cpu() && differentiated(x) &&
         y.requires_grad() && kernelTakes(x);
}

at::Tensor mul(const at::Tensor& x, const at::Tensor& other) { return at::mul(x, other); }

at::Tensor differentiableMul(const at::Tensor& x, const at::Tensor& other) {
  if (!scales(x, other)) return at::mul(x, other);
  auto node = wayBackTo<ScaleChannelsBackward>(x, other);
  node->save({x, other});
  return recorded(unrecorded([&] { return at::mul(x, other); }), node);
}

/** Its gradient is the same for all pixels of a channel and is not written out: who adds it to another reads N·C numbers. */
struct ChannelMeansBackward : Backward {
  std::array<int64_t, 4> shape;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    return {dy.div(shape[2] * shape[3]).expand(shape)};
  }
};

at::Tensor channelMeans(const at::Tensor& x) { return at::mean(x, {2, 3}, true); }

at::Tensor differentiableChannelMeans(const at::Tensor& x) {
  if (x.dim() != 4 || !kernelTakes(x) || !differentiated(x)) return channelMeans(x);
  auto node = wayBackTo<ChannelMeansBackward>(x);
  node->shape = {x.size(0), x.size(1), x.size(2), x.size(3)};
  return recorded(unrecorded([&] { return channelMeans(x); }), node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def("mul(Tensor x, Tensor other) -> Tensor");
  library.def("channel_means(Tensor x) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) {
  library.impl("mul", mul);
  library.impl("channel_means", channelMeans);
}
TORCH_LIBRARY_IMPL(fovea, Autograd, library) {
  library.impl("mul", differentiableMul);
  library.impl("channel_means", differentiableChannelMeans);
}

}  // namespace fovea
