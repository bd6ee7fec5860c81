// Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167) with what follows it, y = activation(norm(x) + residual), in one pass
// over the input for the statistics and one that writes the result. Backwards it is one pass for the sums and one for the
// gradient: the activation's input is computed anew, so that nothing but x is kept of the tensor's size.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/library.h>

#include <string>
#include <vector>

#include "applies.h"
#include "backward.h"
#include "batch-norm-layout.h"
#include "batch-norm.h"

namespace fovea::batchnorm {

namespace {

using OptionalTensor = c10::optional<at::Tensor>;

Activation activationOf(c10::string_view name) {
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name == "relu6") return Activation::relu6;
  if (name == "silu") return Activation::silu;
  if (name == "hardswish") return Activation::hardswish;
  TORCH_CHECK(false, "the activation is none, relu, relu6, silu or hardswish, got ", std::string(name));
}

at::Tensor activate(const at::Tensor& z, Activation activation) {
  switch (activation) {
    case Activation::none: return z;
    case Activation::relu: return at::relu(z);
    case Activation::relu6: return at::relu6(z);
    case Activation::silu: return at::silu(z);
    case Activation::hardswish: return at::hardswish(z);
  }
  return z;
}

at::Tensor given(const OptionalTensor& t) { return t.has_value() ? *t : at::Tensor(); }

at::Tensor composed(const Inputs& in) {
  at::Tensor z = at::batch_norm(in.x, in.weight, in.bias, in.runningMean, in.runningVar, in.training, in.momentum, in.eps,
                                /*cudnn_enabled=*/true);
  return activate(in.residual.defined() ? z.add(in.residual) : z, in.activation);
}

bool plain(const at::Tensor& t) { return t.device().is_cpu() && t.layout() == at::kStrided && !t.is_neg() && !t.is_conj(); }

/** What is left out here, wrong inputs among it, is libtorch's own operators' to compute or to refuse. */
bool applies(const Inputs& in) {
  const at::Tensor& x = in.x;
  if (!kernelTakes(x) || !plain(x) || x.dim() < 2 || !ChannelLayout::fits(x)) return false;
  if (in.training ? x.numel() == x.size(1) : !in.runningMean.defined()) return false;
  if (in.runningMean.defined() != in.runningVar.defined()) return false;
  for (const at::Tensor& t : {in.weight, in.bias, in.runningMean, in.runningVar}) {
    bool fits = !t.defined() || (plain(t) && t.scalar_type() == x.scalar_type() && t.dim() == 1 &&
                                 t.size(0) == x.size(1) && t.is_contiguous());
    if (!fits) return false;
  }
  const at::Tensor& r = in.residual;
  return !r.defined() || (plain(r) && r.scalar_type() == x.scalar_type() && r.sizes() == x.sizes());
}

/** By operators that have derivatives: this computation again, and libtorch's own gradients of it. */
Gradients differentiableGradients(const Inputs& in, const Statistics& statistics, const at::Tensor& other,
                                  const at::Tensor& gradient, const Wanted& wanted) {
  // Views, so that a tensor that comes in twice has two gradients.
  auto alone = [](const at::Tensor& t) { return t.defined() ? t.view_as(t) : t; };
  at::Tensor x = alone(in.x), weight = alone(in.weight), bias = alone(in.bias), residual, z, g = gradient;
  if (in.training) {
    z = at::batch_norm(x, weight, bias, {}, {}, true, 0, in.eps, /*cudnn_enabled=*/true);
  } else {
    std::vector<int64_t> shape(x.dim(), 1);
    shape[1] = x.size(1);
    auto constant = [&](int64_t row) { return statistics.table[row].to(x.scalar_type()).view(shape); };
    z = (x - constant(0)) * constant(1);
    if (weight.defined()) z = z * weight.view(shape);
    if (bias.defined()) z = z + bias.view(shape);
  }
  Gradients result;
  bool fromResult = in.activation == Activation::relu || in.activation == Activation::relu6;
  if (!other.defined() || in.activation == Activation::none) {
    if (wanted.residual) result.residual = g;
    z = activate(z, in.activation);
  } else if (fromResult) {
    at::Tensor passed = other > 0;
    if (in.activation == Activation::relu6) passed = passed.logical_and(other < 6);
    g = g * passed;
    if (wanted.residual) result.residual = g;
  } else {
    residual = alone(other);
    z = activate(z + residual, in.activation);
  }

  variable_list inputs;
  std::vector<at::Tensor*> places;
  auto want = [&](bool is, const at::Tensor& input, at::Tensor& place) {
    if (!is || !input.defined()) return;
    inputs.push_back(input);
    places.push_back(&place);
  };
  want(wanted.x, x, result.x);
  want(wanted.weight, weight, result.weight);
  want(wanted.bias, bias, result.bias);
  want(wanted.residual, residual, result.residual);
  if (inputs.empty()) return result;
  variable_list found = torch::autograd::grad({z}, inputs, {g}, /*retain_graph=*/true, /*create_graph=*/true);
  for (size_t i = 0; i < places.size(); i++) *places[i] = found[i];
  return result;
}

/** Saved: the input, weight, bias, the statistics, and what says where the activation was cut off (see `gradientsOf`). */
struct BatchNormActBackward : Backward {
  bool training;
  double eps;
  Activation activation;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    const Inputs in = {saved(0), saved(1), saved(2), {}, {}, {}, training, 0, eps, activation};
    const Statistics statistics(saved(3));
    const at::Tensor other = saved(4);
    const Wanted wanted{wants(0), wants(1), wants(2), wants(3)};
    const Gradients found = at::GradMode::is_enabled() ? differentiableGradients(in, statistics, other, dy, wanted)
                                                       : gradientsOf(in, statistics, other, dy, wanted);
    return {found.x, found.weight, found.bias, found.residual};
  }
};

at::Tensor recordedBatchNormAct(const Inputs& in) {
  Result result = unrecorded([&] { return compute(in); });
  auto node = wayBackTo<BatchNormActBackward>(in.x, in.weight, in.bias, in.residual);
  node->training = in.training;
  node->eps = in.eps;
  node->activation = in.activation;
  recorded(result.y, node);
  bool fromResult = in.activation == Activation::relu || in.activation == Activation::relu6;
  at::Tensor other;
  if (in.residual.defined() && in.activation != Activation::none) other = fromResult ? result.y : in.residual;
  node->save({in.x, in.weight, in.bias, result.statistics.table, other});
  return result.y;
}

Inputs inputsOf(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                const OptionalTensor& runningMean, const OptionalTensor& runningVar, const OptionalTensor& residual,
                bool training, double momentum, double eps, c10::string_view activation) {
  return {x,        given(weight), given(bias), given(runningMean),      given(runningVar), given(residual),
          training, momentum,      eps,         activationOf(activation)};
}

at::Tensor batchNormAct(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                        const OptionalTensor& runningMean, const OptionalTensor& runningVar, const OptionalTensor& residual,
                        bool training, double momentum, double eps, c10::string_view activation) {
  Inputs in = inputsOf(x, weight, bias, runningMean, runningVar, residual, training, momentum, eps, activation);
  return applies(in) ? compute(in).y : composed(in);
}

at::Tensor differentiableBatchNormAct(const at::Tensor& x, const OptionalTensor& weight, const OptionalTensor& bias,
                                      const OptionalTensor& runningMean, const OptionalTensor& runningVar,
                                      const OptionalTensor& residual, bool training, double momentum, double eps,
                                      c10::string_view activation) {
  Inputs in = inputsOf(x, weight, bias, runningMean, runningVar, residual, training, momentum, eps, activation);
  if (!applies(in)) return composed(in);
  if (differentiated(in.x, in.weight, in.bias, in.residual)) return recordedBatchNormAct(in);
  return unrecorded([&] { return compute(in).y; });
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "batch_norm_act(Tensor x, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
      "Tensor? residual, bool training, float momentum, float eps, str activation) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("batch_norm_act", batchNormAct); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("batch_norm_act", differentiableBatchNormAct); }

}  // namespace fovea::batchnorm
