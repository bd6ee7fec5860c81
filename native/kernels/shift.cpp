// The shift operation of Wu et al. 2017 (arXiv 1711.08141), which replaces a spatial convolution at no parameters and no
// multiplications: the channels are split into K*K equal groups, each moved by one offset of the K x K neighbourhood;
// channels that do not divide evenly stay, and zeros come in at the border. Its gradient is the opposite shift.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace fovea {

namespace {

at::Tensor move(const at::Tensor& x, int64_t kernel, int64_t direction) {
  TORCH_CHECK(x.dim() == 4, "shift takes [N, C, H, W], got ", x.sizes());
  TORCH_CHECK(kernel >= 1 && kernel % 2 == 1, "shift takes an odd kernel size, got ", kernel);
  int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
  // Too few channels for a group each: all stay.
  if (kernel > channels || kernel * kernel > channels) return x.clone();
  int64_t group = channels / (kernel * kernel);
  at::Tensor out = at::zeros_like(x);
  auto copy = [&](int64_t first, int64_t count, int64_t down, int64_t right) {
    int64_t rows = height - std::abs(down), columns = width - std::abs(right);
    if (count == 0 || rows <= 0 || columns <= 0) return;
    auto window = [&](const at::Tensor& t, int64_t top, int64_t left) {
      return t.narrow(1, first, count).narrow(2, top, rows).narrow(3, left, columns);
    };
    window(out, std::max<int64_t>(down, 0), std::max<int64_t>(right, 0))
        .copy_(window(x, std::max<int64_t>(-down, 0), std::max<int64_t>(-right, 0)));
  };
  for (int64_t i = 0; i < kernel * kernel; i++) {
    copy(i * group, group, direction * (i / kernel - kernel / 2), direction * (i % kernel - kernel / 2));
  }
  copy(kernel * kernel * group, channels - kernel * kernel * group, 0, 0);
  return out;
}

at::Tensor shift(const at::Tensor& x, int64_t kernel) { return move(x, kernel, 1); }

struct Shift : torch::autograd::Function<Shift> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t kernel) {
    context->saved_data["kernel"] = kernel;
    at::AutoDispatchBelowADInplaceOrView below;
    return move(x, kernel, 1);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    return {move(gradients[0], context->saved_data["kernel"].toInt(), -1), at::Tensor()};
  }
};

at::Tensor differentiableShift(const at::Tensor& x, int64_t kernel) { return Shift::apply(x, kernel); }

}  // namespace

TORCH_LIBRARY(fovea, library) { library.def("shift(Tensor x, int kernel) -> Tensor"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("shift", shift); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("shift", differentiableShift); }

}  // namespace fovea
