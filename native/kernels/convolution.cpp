// Convolution by oneDNN; 3x3 kernels by Winograd's filtering; and the gradients of weight and bias by sums of outer products
// where oneDNN is slow: 1x1 kernels, and images of few channels.
#include <ATen/ATen.h>
#include <torch/library.h>

#include <array>
#include <cstring>

#include "applies.h"
#include "backward.h"
#include "outer-products.h"
#include "winograd.h"

namespace fovea {

namespace {

using OptionalTensor = c10::optional<at::Tensor>;

// What one convolution of [N, C, H, W] with a weight [O, C, kh, kw] is.
struct Shape {
  int64_t images, channels, height, width, outChannels, kernelHeight, kernelWidth, outHeight, outWidth;
  int64_t strideY, strideX, paddingY, paddingX;

  Shape(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef stride, at::IntArrayRef padding)
      : images(x.size(0)), channels(x.size(1)), height(x.size(2)), width(x.size(3)), outChannels(weight.size(0)),
        kernelHeight(weight.size(2)), kernelWidth(weight.size(3)), strideY(stride[0]), strideX(stride[1]),
        paddingY(padding[0]), paddingX(padding[1]) {
    outHeight = (height + 2 * paddingY - kernelHeight) / strideY + 1;
    outWidth = (width + 2 * paddingX - kernelWidth) / strideX + 1;
  }

  winograd::Shape tiled() const { return {images, channels, height, width, outChannels, paddingY, paddingX}; }
  int64_t positions() const { return images * outHeight * outWidth; }
  int64_t patch() const { return kernelHeight * kernelWidth * channels; }
  bool pointwise() const {
    return kernelHeight == 1 && kernelWidth == 1 && strideY == 1 && strideX == 1 && paddingY == 0 && paddingX == 0;
  }
};

// The product's long side must be long for its blocks to pay, and a patch that is written out must be small.
bool outerProductsWin(const Shape& shape) {
  if (shape.pointwise()) return shape.positions() >= 4 * std::max(shape.channels, shape.outChannels);
  return shape.channels <= 4 && shape.patch() <= 64 && shape.positions() >= 4096;
}

bool winogradTakes(const Shape& s, const at::Tensor& x) {
  return x.scalar_type() == at::kFloat && s.kernelHeight == 3 && s.kernelWidth == 3 && s.strideY == 1 && s.strideX == 1 &&
         s.paddingY >= 0 && s.paddingY <= 2 && s.paddingX >= 0 && s.paddingX <= 2 && winograd::wins(s.tiled());
}

winograd::Kernels kernelsOf(const at::Tensor& weight) {
  return {weight.data_ptr<float>(), weight.stride(0), weight.stride(1), weight.stride(2), weight.stride(3)};
}

/** Channels last. */
at::Tensor imagesLike(const at::Tensor& x, int64_t channels, int64_t height, int64_t width) {
  return at::empty({x.size(0), channels, height, width}, x.options().memory_format(at::MemoryFormat::ChannelsLast));
}

// Rows of a pixel's surroundings, zeros where they lie outside: [kernelHeight, kernelWidth, channels] each.
template <typename T>
RowsOf<T> patchesOf(const T* image, const Shape& s) {
  return [image, s](int64_t first, int64_t last, T* to, int64_t padded) {
    int64_t line = s.width * s.channels;
    for (int64_t position = first; position < last; position++, to += padded) {
      int64_t column = position % s.outWidth, row = position / s.outWidth % s.outHeight;
      const T* from = image + position / (s.outWidth * s.outHeight) * s.height * line;
      int64_t left = column * s.strideX - s.paddingX;
      int64_t begin = std::max<int64_t>(0, -left), end = std::min(s.kernelWidth, s.width - left);
      for (int64_t ky = 0; ky < s.kernelHeight; ky++) {
        T* piece = to + ky * s.kernelWidth * s.channels;
        int64_t y = row * s.strideY - s.paddingY + ky;
        bool inside = y >= 0 && y < s.height && begin < end;
        if (!inside || end - begin < s.kernelWidth) std::memset(piece, 0, s.kernelWidth * s.channels * sizeof(T));
        if (!inside) continue;
        std::memcpy(piece + begin * s.channels, from + y * line + (left + begin) * s.channels,
                    (end - begin) * s.channels * sizeof(T));
      }
    }
  };
}

// The gradients of weight and bias; x and the gradient lie channels last.
std::pair<at::Tensor, at::Tensor> parameterGradients(const at::Tensor& gradient, const at::Tensor& x, const Shape& shape,
                                                     bool bias) {
  at::Tensor weights = at::empty({shape.outChannels, shape.kernelHeight, shape.kernelWidth, shape.channels}, x.options());
  at::Tensor sums = bias ? at::empty({shape.outChannels}, x.options()) : at::Tensor();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "fovea::conv2d", [&] {
    const scalar_t* image = x.data_ptr<scalar_t>();
    bool written = !shape.pointwise();
    sumOfOuterProducts<scalar_t>(gradient.data_ptr<scalar_t>(), written ? nullptr : image,
                                 written ? patchesOf<scalar_t>(image, shape) : RowsOf<scalar_t>(), shape.positions(),
                                 shape.outChannels, shape.patch(), weights.data_ptr<scalar_t>(),
                                 bias ? sums.data_ptr<scalar_t>() : nullptr);
  });
  return {weights.permute({0, 3, 1, 2}), sums};
}

at::Tensor result(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
                  at::IntArrayRef padding) {
  const Shape shape(x, weight, stride, padding);
  const bool biased = bias.has_value() && bias->defined();
  const bool fits = !biased || (bias->scalar_type() == at::kFloat && bias->is_contiguous() && bias->numel() == shape.outChannels);
  if (!fits || !winogradTakes(shape, x)) return at::conv2d(x, weight, bias, stride, padding);
  at::Tensor y = imagesLike(x, shape.outChannels, shape.outHeight, shape.outWidth);
  winograd::convolve(shape.tiled(), x.data_ptr<float>(), kernelsOf(weight), biased ? bias->data_ptr<float>() : nullptr,
                     y.data_ptr<float>());
  return y;
}

struct ConvolutionBackward : Backward {
  std::array<int64_t, 2> stride, padding;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    const at::Tensor x = saved(0), weight = saved(1);
    const bool needsX = wants(0), needsWeight = wants(1), needsBias = wants(2);
    auto byLibtorch = [&](const at::Tensor& gradient, std::array<bool, 3> mask) {
      return at::convolution_backward(gradient, x, weight, at::OptionalIntArrayRef({weight.size(0)}), stride, padding, {1, 1},
                                      false, {0, 0}, 1, mask);
    };
    // Gradients that will have gradients of their own.
    if (at::GradMode::is_enabled() || !kernelTakes(dy)) {
      auto [ofX, ofWeight, ofBias] = byLibtorch(dy, {needsX, needsWeight, needsBias});
      return {ofX, ofWeight, ofBias};
    }
    at::Tensor gradient = dy.contiguous(at::MemoryFormat::ChannelsLast), ofX, ofWeight, ofBias;
    const Shape shape(x, weight, stride, padding);
    const bool tiled = winogradTakes(shape, x);
    if (needsX && tiled) {
      ofX = imagesLike(x, shape.channels, shape.height, shape.width);
      winograd::convolve(shape.tiled().transposed(), gradient.data_ptr<float>(), kernelsOf(weight).transposed(), nullptr,
                         ofX.data_ptr<float>());
    } else if (needsX) {
      ofX = std::get<0>(byLibtorch(gradient, {true, false, false}));
    }
    if (needsWeight && tiled && winograd::kernelGradientWins(shape.tiled())) {
      at::Tensor kernels = at::empty({shape.outChannels, 3, 3, shape.channels}, x.options());
      winograd::kernelGradient(shape.tiled(), gradient.data_ptr<float>(), x.data_ptr<float>(), kernels.data_ptr<float>());
      ofWeight = kernels.permute({0, 3, 1, 2});
    } else if (needsWeight && outerProductsWin(shape)) {
      std::tie(ofWeight, ofBias) = parameterGradients(gradient, x, shape, needsBias);
    } else if (needsWeight) {
      ofWeight = std::get<1>(byLibtorch(gradient, {false, true, false}));
    }
    if (needsBias && !ofBias.defined()) ofBias = gradient.sum({0, 2, 3});
    return {ofX, ofWeight, ofBias};
  }
};

at::Tensor recordedConvolution(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                               at::IntArrayRef stride, at::IntArrayRef padding) {
  auto node = wayBackTo<ConvolutionBackward>(x, weight, bias);
  node->save({x, weight});
  node->stride = {stride[0], stride[1]};
  node->padding = {padding[0], padding[1]};
  return recorded(unrecorded([&] { return result(x, weight, bias, stride, padding); }), node);
}

bool taken(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef stride, at::IntArrayRef padding,
           at::IntArrayRef dilation, int64_t groups) {
  return groups == 1 && x.dim() == 4 && weight.dim() == 4 && x.size(1) == weight.size(1) && stride.size() == 2 &&
         padding.size() == 2 && dilation.size() == 2 && dilation[0] == 1 && dilation[1] == 1 && kernelTakes(x) &&
         kernelTakes(weight) && x.scalar_type() == weight.scalar_type() && x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         stride[0] > 0 && stride[1] > 0;
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
                    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  if (taken(x, weight, stride, padding, dilation, groups)) return result(x, weight, bias, stride, padding);
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

at::Tensor differentiableConvolve(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                                  int64_t groups) {
  if (taken(x, weight, stride, padding, dilation, groups)) {
    const Shape shape(x, weight, stride, padding);
    const bool tiled = winogradTakes(shape, x);
    if ((differentiated(weight) && (tiled || outerProductsWin(shape))) || (differentiated(x) && tiled)) {
      return recordedConvolution(x, weight, bias, stride, padding);
    }
    if (tiled && !differentiated(bias)) {
      return unrecorded([&] { return result(x, weight, bias, stride, padding); });
    }
  }
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def("conv2d(Tensor x, Tensor weight, Tensor? bias, int[2] stride, int[2] padding, int[2] dilation, int groups) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("conv2d", convolve); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("conv2d", differentiableConvolve); }

}  // namespace fovea
