// Convolution by oneDNN, with the gradients of weight and bias by sums of outer products where oneDNN is slow: 1x1 kernels, and
// images of few channels.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <array>
#include <cstring>

#include "applies.h"
#include "outer-products.h"

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

struct Convolution : torch::autograd::Function<Convolution> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const OptionalTensor& bias, at::IntArrayRef stride, at::IntArrayRef padding) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride.vec();
    context->saved_data["padding"] = padding.vec();
    context->saved_data["bias"] = bias.has_value() && bias->defined();
    at::AutoDispatchBelowADInplaceOrView below;
    return at::conv2d(x, weight, bias, stride, padding);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    std::vector<int64_t> stride = context->saved_data["stride"].toIntVector();
    std::vector<int64_t> padding = context->saved_data["padding"].toIntVector();
    bool bias = context->saved_data["bias"].toBool();
    const at::Tensor& given = gradients[0];
    if (!given.defined()) return torch::autograd::variable_list(5);
    bool needsX = context->needs_input_grad(0), needsWeight = context->needs_input_grad(1);
    bool needsBias = bias && context->needs_input_grad(2);
    auto byLibtorch = [&](const at::Tensor& gradient, std::array<bool, 3> mask) {
      return at::convolution_backward(gradient, x, weight, at::OptionalIntArrayRef({weight.size(0)}), stride, padding, {1, 1},
                                      false, {0, 0}, 1, mask);
    };
    // Gradients that will have gradients of their own.
    if (at::GradMode::is_enabled() || !kernelTakes(given)) {
      auto [ofX, ofWeight, ofBias] = byLibtorch(given, {needsX, needsWeight, needsBias});
      return {ofX, ofWeight, ofBias, at::Tensor(), at::Tensor()};
    }
    at::Tensor gradient = given.contiguous(at::MemoryFormat::ChannelsLast), ofX, ofWeight, ofBias;
    if (needsX) ofX = std::get<0>(byLibtorch(gradient, {true, false, false}));
    if (needsWeight) {
      std::tie(ofWeight, ofBias) = parameterGradients(gradient, x, Shape(x, weight, stride, padding), needsBias);
    } else if (needsBias) {
      ofBias = gradient.sum({0, 2, 3});
    }
    return {ofX, ofWeight, ofBias, at::Tensor(), at::Tensor()};
  }
};

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias, at::IntArrayRef stride,
                    at::IntArrayRef padding, at::IntArrayRef dilation, int64_t groups) {
  return at::conv2d(x, weight, bias, stride, padding, dilation, groups);
}

at::Tensor differentiableConvolve(const at::Tensor& x, const at::Tensor& weight, const OptionalTensor& bias,
                                  at::IntArrayRef stride, at::IntArrayRef padding, at::IntArrayRef dilation,
                                  int64_t groups) {
  if (groups == 1 && x.dim() == 4 && weight.dim() == 4 && x.size(1) == weight.size(1) &&
      stride.size() == 2 && padding.size() == 2 && dilation.size() == 2 && dilation[0] == 1 && dilation[1] == 1 &&
      kernelTakes(x) && kernelTakes(weight) && x.scalar_type() == weight.scalar_type() &&
      x.is_contiguous(at::MemoryFormat::ChannelsLast) && x.numel() > 0 && stride[0] > 0 && stride[1] > 0) {
    bool learns = at::GradMode::is_enabled() && weight.requires_grad();
    if (learns && outerProductsWin(Shape(x, weight, stride, padding))) {
      return Convolution::apply(x, weight, bias, stride, padding);
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
