// Depthwise convolutions (every channel has a kernel of its own), forward and backward, for images whose channels lie side by
// side in memory. Vectors are over channels, so that a tap is one multiply-add whatever its place.
#include "depthwise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <array>

#include "applies.h"
#include "backward.h"
#include "vectors.h"

namespace fovea {

namespace {

using depthwise::Shape;
using depthwise::Span;
using depthwise::Sums;

using OptionalTensor = c10::optional<at::Tensor>;

/** Multiply-adds that are worth a thread. */
constexpr int64_t grainSize = 1 << 17;
/** Parts that the gradient of the taps is summed in, about: as many threads can work on it. */
constexpr int64_t parts = 32;

at::MemoryFormat formatOf(const at::Tensor& x) { return x.suggest_memory_format(); }

bool inMemory(const at::Tensor& x, at::ScalarType type) {
  return x.device().is_cpu() && x.layout() == at::kStrided && x.scalar_type() == type;
}

/** Whether the kernels compute this one; libtorch does the others, wrong ones too. */
bool applies(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
             at::IntArrayRef padding, at::IntArrayRef dilation) {
  at::ScalarType type = x.scalar_type();
  if (!kernelTakes(x) || !inMemory(weight, type) || x.dim() != 4 || weight.dim() != 4) return false;
  int64_t channels = x.size(1), kernel = weight.size(2);
  if (formatOf(x) != at::MemoryFormat::ChannelsLast || channels < 64 / x.element_size() || x.numel() == 0) return false;
  if (weight.size(0) != channels || weight.size(1) != 1 || weight.size(3) != kernel) return false;
  if (bias && bias->defined() && (!inMemory(*bias, type) || bias->dim() != 1 || bias->size(0) != channels)) return false;
  if (kernel != 3 && kernel != 5 && kernel != 7) return false;
  if (stride[0] != stride[1] || (stride[0] != 1 && stride[0] != 2) || dilation[0] != 1 || dilation[1] != 1) return false;
  return padding[0] >= 0 && padding[1] >= 0 && x.size(2) + 2 * padding[0] >= kernel && x.size(3) + 2 * padding[1] >= kernel;
}

Shape shapeOf(const at::Tensor& x, int64_t kernel, int64_t stride, at::IntArrayRef padding) {
  return {x.size(0), x.size(1), x.size(2), x.size(3), (x.size(2) + 2 * padding[0] - kernel) / stride + 1,
          (x.size(3) + 2 * padding[1] - kernel) / stride + 1, kernel, stride, padding[0], padding[1]};
}

/** Rows of images that one thread takes at least. */
int64_t grainOf(const Shape& shape, int64_t width) {
  return std::max<int64_t>(1, grainSize / (width * shape.channels * shape.taps()));
}

template <typename F>
void forType(const at::Tensor& x, F&& f) {
  if (x.scalar_type() == at::kFloat) f(float());
  else f(double());
}

/** Channels whose taps are moved together: what is read in pieces stays in the nearest cache until all of it is. */
constexpr int64_t moved = 16;

/** Elements to move that are worth a thread. */
constexpr int64_t movedGrain = 1 << 15;

/** [C, 1, K, K] -> [K*K, C] */
at::Tensor tapsOf(const at::Tensor& weight) {
  int64_t channels = weight.size(0), kernel = weight.size(2), step = weight.stride(0), down = weight.stride(2),
          right = weight.stride(3);
  at::Tensor taps = at::empty({kernel * kernel, channels}, weight.options());
  forType(weight, [&](auto zero) {
    using T = decltype(zero);
    const T* from = weight.data_ptr<T>();
    T* to = taps.data_ptr<T>();
    for (int64_t first = 0; first < channels; first += moved) {
      int64_t end = std::min(channels, first + moved);
      for (int64_t tap = 0; tap < kernel * kernel; tap++) {
        const T* source = from + tap / kernel * down + tap % kernel * right;
        for (int64_t c = first; c < end; c++) to[tap * channels + c] = source[c * step];
      }
    }
  });
  return taps;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& taps, const OptionalTensor& bias, const Shape& shape) {
  at::Tensor offset = bias && bias->defined() ? bias->contiguous() : at::Tensor();
  at::Tensor y = at::empty({shape.images, shape.channels, shape.outHeight, shape.outWidth}, x.options(),
                           at::MemoryFormat::ChannelsLast);
  forType(x, [&](auto zero) {
    using T = decltype(zero);
    const T *from = x.data_ptr<T>(), *weights = taps.data_ptr<T>(), *added = offset.defined() ? offset.data_ptr<T>() : nullptr;
    T* to = y.data_ptr<T>();
    int64_t rows = shape.images * shape.outHeight;
    at::parallel_for(0, rows, grainOf(shape, shape.outWidth), [&](int64_t begin, int64_t end) {
      depthwise::convolveRows<T>(shape, from, weights, shape.channels, added, to, begin, end);
    });
  });
  return y;
}

at::Tensor gradientOfInput(const at::Tensor& gradient, const at::Tensor& taps, const Shape& shape) {
  at::Tensor x = at::empty({shape.images, shape.channels, shape.inHeight, shape.inWidth}, gradient.options(),
                           at::MemoryFormat::ChannelsLast);
  forType(gradient, [&](auto zero) {
    using T = decltype(zero);
    const T *from = gradient.data_ptr<T>(), *weights = taps.data_ptr<T>();
    T* to = x.data_ptr<T>();
    int64_t rows = shape.images * shape.inHeight, channels = shape.channels;
    at::parallel_for(0, rows, grainOf(shape, shape.outWidth), [&](int64_t begin, int64_t end) {
      if (shape.stride == 2) {
        depthwise::spreadRows<T>(shape, from, weights, to, begin, end);
      } else {
        const T* last = weights + (shape.taps() - 1) * channels;
        depthwise::convolveRows<T>(shape.reversed(), from, last, -channels, nullptr, to, begin, end);
      }
    });
  });
  return x;
}

/** Adds all blocks of `size` elements to the first. */
template <typename T>
FOVEA_SIMD void addBlocks(T* all, int64_t size, int64_t blocks, int64_t begin, int64_t end) {
  for (int64_t block = 1; block < blocks; block++) {
    const T* other = all + block * size;
    for (int64_t i = begin; i < end; i++) all[i] += other[i];
  }
}

/** Sums of blocks of rows, added in order: how many threads there are changes nothing. */
at::Tensor gradientOfWeight(const at::Tensor& x, const at::Tensor& gradient, const at::Tensor& weight, const Shape& shape) {
  at::Tensor result = at::empty_like(weight);
  forType(x, [&](auto zero) {
    using T = decltype(zero);
    const T *from = x.data_ptr<T>(), *by = gradient.data_ptr<T>();
    Sums layout{shape.channels, static_cast<int64_t>(vectorBytes() / sizeof(T))};
    int64_t step = layout.step(), size = shape.taps() * step, spans = depthwise::spansOf(shape.channels);
    int64_t rows = shape.images * shape.outHeight, blocks = std::min(rows, (parts + spans - 1) / spans);
    at::Tensor sums = at::empty({blocks, size}, x.options());
    T* all = sums.data_ptr<T>();
    int64_t work = rows * shape.outWidth * shape.channels * shape.taps() / (blocks * spans);
    int64_t grain = std::max<int64_t>(1, grainSize / std::max<int64_t>(1, work));
    at::parallel_for(0, blocks * spans, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        int64_t block = i / spans;
        Span span = depthwise::spanOf(shape.channels, i % spans);
        T* to = all + block * size;
        int64_t width = std::min(step, (span.end + layout.lanes - 1) / layout.lanes * layout.lanes) - span.begin;
        for (int64_t tap = 0; tap < shape.taps(); tap++) std::fill_n(to + tap * step + span.begin, width, T(0));
        depthwise::correlateRows<T>(shape, from, by, to, span, rows * block / blocks, rows * (block + 1) / blocks);
      }
    });
    at::parallel_for(0, size, movedGrain / blocks + 1, [&](int64_t begin, int64_t end) {
      addBlocks<T>(all, size, blocks, begin, end);
    });
    T* out = result.data_ptr<T>();
    int64_t toChannel = result.stride(0), down = result.stride(2), right = result.stride(3);
    for (int64_t first = 0; first < shape.channels; first += layout.lanes) {
      const T* from = all + layout.of(first);
      int64_t count = std::min(layout.lanes, shape.channels - first);
      for (int64_t tap = 0; tap < shape.taps(); tap++, from += step) {
        T* to = out + first * toChannel + tap / shape.kernel * down + tap % shape.kernel * right;
        for (int64_t i = 0; i < count; i++) to[i * toChannel] = from[i];
      }
    }
  });
  return result;
}

at::Tensor depthwiseConv2d(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                           at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation) {
  if (!applies(x, weight, bias, stride, padding, dilation)) {
    return at::conv2d(x, weight, bias, stride, padding, dilation, weight.size(0));
  }
  Shape shape = shapeOf(x, weight.size(2), stride[0], padding);
  return convolve(x.contiguous(at::MemoryFormat::ChannelsLast), tapsOf(weight), bias, shape);
}

struct DepthwiseBackward : Backward {
  int64_t stride;
  std::array<int64_t, 2> padding;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    const at::Tensor x = saved(0), weight = saved(1), taps = saved(2);
    const std::array<bool, 3> wanted{wants(0), wants(1), wants(2)};
    at::Tensor ofInput, ofWeight, ofBias;
    if (at::GradMode::is_enabled()) {
      std::tie(ofInput, ofWeight, ofBias) =
          at::convolution_backward(dy, x, weight, at::IntArrayRef{weight.size(0)}, {stride, stride}, padding, {1, 1}, false,
                                   {0, 0}, weight.size(0), wanted);
    } else {
      Shape shape = shapeOf(x, weight.size(2), stride, padding);
      at::Tensor gradient = dy.contiguous(at::MemoryFormat::ChannelsLast);
      if (wanted[0]) ofInput = gradientOfInput(gradient, taps, shape);
      if (wanted[1]) {
        ofWeight = gradientOfWeight(x.contiguous(at::MemoryFormat::ChannelsLast), gradient, weight, shape);
      }
      if (wanted[2]) ofBias = gradient.sum({0, 2, 3});
    }
    return {ofInput, ofWeight, ofBias};
  }
};

at::Tensor differentiableDepthwiseConv2d(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                                         at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation) {
  if (!applies(x, weight, bias, stride, padding, dilation)) {
    return at::conv2d(x, weight, bias, stride, padding, dilation, weight.size(0));
  }
  at::Tensor taps;
  at::Tensor y = unrecorded([&] {
    taps = tapsOf(weight);
    return convolve(x.contiguous(at::MemoryFormat::ChannelsLast), taps, bias, shapeOf(x, weight.size(2), stride[0], padding));
  });
  if (!differentiated(x, weight, bias)) return y;
  auto node = wayBackTo<DepthwiseBackward>(x, weight, bias);
  node->save({x, weight, taps});
  node->stride = stride[0];
  node->padding = {padding[0], padding[1]};
  return recorded(y, node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "depthwise_conv2d(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, int[2] dilation) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("depthwise_conv2d", depthwiseConv2d); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("depthwise_conv2d", differentiableDepthwiseConv2d); }

}  // namespace fovea
