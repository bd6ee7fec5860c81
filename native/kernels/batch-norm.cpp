// Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167) with what follows it, y = activation(norm(x) + residual), in one pass
// over the input for the statistics and one that writes the result. Backwards it is one pass for the sums and one for the
// gradient: the activation's input is computed anew, so that nothing but x is kept of the tensor's size.
#include <ATen/ATen.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <string>
#include <vector>

#include "activation.h"
#include "batch-norm-layout.h"
#include "batch-norm-loops.h"
#include "fused.h"

namespace fovea {

namespace {

using OptionalTensor = c10::optional<at::Tensor>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum class Activation : int64_t { none, relu, relu6, silu, hardswish };

Activation activationOf(c10::string_view name) {
  if (name == "none") return Activation::none;
  if (name == "relu") return Activation::relu;
  if (name == "relu6") return Activation::relu6;
  if (name == "silu") return Activation::silu;
  if (name == "hardswish") return Activation::hardswish;
  TORCH_CHECK(false, "the activation is none, relu, relu6, silu or hardswish, got ", std::string(name));
}

/** Calls f with a value of the activation's class. */
template <class F>
void withActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::none: return f(NoActivation());
    case Activation::relu: return f(Relu());
    case Activation::relu6: return f(Relu6());
    case Activation::silu: return f(Silu());
    case Activation::hardswish: return f(Hardswish());
  }
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

/** Undefined tensors stand for absent ones. */
struct Inputs {
  at::Tensor x, weight, bias, runningMean, runningVar, residual;
  bool training;
  double momentum, eps;
  Activation activation;
};

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
  if (!fusedKernels() || !plain(x) || (x.scalar_type() != at::kFloat && x.scalar_type() != at::kDouble)) return false;
  if (!c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::AutocastCPU)) return false;
  if (x.dim() < 2 || x.numel() == 0 || !ChannelLayout::fits(x)) return false;
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

/** Memory for the partial sums of two kinds. It is the tensors' allocator that keeps it for the next time. */
template <class T>
class PartialSums {
 public:
  PartialSums() = default;
  explicit PartialSums(const ChannelLayout& layout)
      : memory(at::empty({2, layout.partialSums()}, c10::CppTypeToScalarType<T>::value)) {}

  T* first() const { return memory.template data_ptr<T>(); }
  T* second() const { return first() + memory.size(1); }

 private:
  at::Tensor memory;
};

/** Mean and inverse deviation of every channel, as double whatever the tensor's type. */
struct Statistics {
  at::Tensor table;

  explicit Statistics(int64_t channels) : table(at::empty({2, channels}, at::kDouble)) {}
  explicit Statistics(at::Tensor saved) : table(std::move(saved)) {}

  double* means() const { return table.data_ptr<double>(); }
  double* inverses() const { return means() + table.size(1); }
};

/** Of the batch; the running ones move towards them. */
template <class T>
Statistics batchStatistics(const Inputs& in, const ChannelLayout& layout) {
  const T* x = in.x.data_ptr<T>();
  PartialSums<T> partial(layout);
  T *sums = partial.first(), *squares = partial.second();
  if (layout.inRows) {
    layout.forPieces([&](const Piece& piece) {
      int64_t place = piece.index * layout.width;
      rows::moments(x + piece.offset, piece.count, piece.width, sums + place, squares + place);
    });
  } else {
    layout.forPlanes([&](int64_t begin, int64_t end) {
      planes::moments(x, begin, end, layout.positions, sums, squares);
    });
  }

  // Each part's squares are about an element of its own, so that a mean far from 0 costs no digits; they are brought
  // together as by Chan et al. 1983 (Algorithms for computing the sample variance).
  int64_t channels = layout.channels;
  double count = static_cast<double>(layout.perChannel());
  Statistics statistics(channels);
  double *means = statistics.means(), *variances = statistics.inverses();
  std::fill_n(means, 2 * channels, 0.0);
  layout.forPartialSums([&](int64_t n, int64_t first, int64_t step, int64_t place) {
    for (int64_t c = 0; c < channels; c++) means[c] += static_cast<double>(n) * x[first + c * step] + sums[place + c];
  });
  for (int64_t c = 0; c < channels; c++) means[c] /= count;
  layout.forPartialSums([&](int64_t n, int64_t first, int64_t step, int64_t place) {
    double size = static_cast<double>(n);
    for (int64_t c = 0; c < channels; c++) {
      double offset = sums[place + c] / size, distance = x[first + c * step] + offset - means[c];
      variances[c] += squares[place + c] - size * offset * offset + size * distance * distance;
    }
  });

  if (in.runningMean.defined()) {
    T *runningMean = in.runningMean.data_ptr<T>(), *runningVar = in.runningVar.data_ptr<T>();
    double kept = 1 - in.momentum;
    for (int64_t c = 0; c < channels; c++) {
      runningMean[c] = static_cast<T>(kept * runningMean[c] + in.momentum * means[c]);
      runningVar[c] = static_cast<T>(kept * runningVar[c] + in.momentum * variances[c] / (count - 1));
    }
  }
  for (int64_t c = 0; c < channels; c++) variances[c] = 1 / std::sqrt(variances[c] / count + in.eps);
  return statistics;
}

template <class T>
Statistics runningStatistics(const Inputs& in) {
  int64_t channels = in.x.size(1);
  Statistics statistics(channels);
  const T *mean = in.runningMean.data_ptr<T>(), *variance = in.runningVar.data_ptr<T>();
  for (int64_t c = 0; c < channels; c++) {
    statistics.means()[c] = mean[c];
    statistics.inverses()[c] = 1 / std::sqrt(variance[c] + in.eps);
  }
  return statistics;
}

/** The channels' constants, one copy behind the other for as many positions as the layout takes for a row. */
template <class T>
class Constants {
 public:
  Constants(const ChannelLayout& layout, const Statistics& statistics, const at::Tensor& weight, const at::Tensor& bias)
      : channels(layout.channels),
        length(layout.inRows ? layout.width : channels),
        memory(at::empty({5, (length + 15) / 16 * 16}, c10::CppTypeToScalarType<T>::value)) {
    const T* factors = weight.defined() ? weight.data_ptr<T>() : nullptr;
    const T* offsets = bias.defined() ? bias.data_ptr<T>() : nullptr;
    for (int64_t c = 0; c < channels; c++) {
      double mean = statistics.means()[c], factor = statistics.inverses()[c] * (factors ? factors[c] : T(1));
      row(0)[c] = static_cast<T>(mean);
      row(1)[c] = static_cast<T>(factor);
      row(2)[c] = static_cast<T>((offsets ? offsets[c] : T(0)) - mean * factor);
    }
    for (int64_t i = 0; i < 3; i++) repeat(row(i));
  }

  /** Of the gradient by x, from the sums of the gradient by z and of its products with x - mean. */
  void addGradient(const Statistics& statistics, const std::vector<double>& sums, const std::vector<double>& products,
                   double count) {
    for (int64_t c = 0; c < channels; c++) {
      double inverse = statistics.inverses()[c], factor = row(1)[c];
      double slope = -factor * inverse * inverse * products[c] / count;
      row(3)[c] = static_cast<T>(slope);
      row(4)[c] = static_cast<T>(slope * (row(0)[c] - statistics.means()[c]) - factor * sums[c] / count);
    }
    repeat(row(3));
    repeat(row(4));
    withGradient = true;
  }

  ChannelConstants<T> pointers() {
    return {row(0), row(1), row(2), withGradient ? row(3) : nullptr, withGradient ? row(4) : nullptr};
  }

 private:
  T* row(int64_t i) { return memory.template data_ptr<T>() + i * memory.size(1); }
  void repeat(T* row) {
    for (int64_t i = channels; i < length; i++) row[i] = row[i - channels];
  }

  int64_t channels, length;
  /** A tensor's, because that begins at the beginning of a vector register's worth, and so does every row. */
  at::Tensor memory;
  bool withGradient = false;
};

/** Writes activation(norm(x) + residual). */
template <class T>
void write(const Inputs& in, const ChannelLayout& layout, const Statistics& statistics, const at::Tensor& residual,
           const at::Tensor& out) {
  const T* x = in.x.data_ptr<T>();
  const T* r = residual.defined() ? residual.data_ptr<T>() : nullptr;
  T* y = out.data_ptr<T>();
  Constants<T> constants(layout, statistics, in.weight, in.bias);
  ChannelConstants<T> k = constants.pointers();
  withActivation(in.activation, [&](auto activation) {
    using A = decltype(activation);
    if (layout.inRows) {
      layout.forPieces([&](const Piece& p) {
        if (r != nullptr) rows::apply<A, true>(x + p.offset, r + p.offset, y + p.offset, p.count, p.width, k);
        else rows::apply<A, false>(x + p.offset, r, y + p.offset, p.count, p.width, k);
      });
    } else {
      layout.forPlanes([&](int64_t begin, int64_t end) {
        if (r != nullptr) planes::apply<A, true>(x, r, y, begin, end, layout.positions, layout.channels, k);
        else planes::apply<A, false>(x, r, y, begin, end, layout.positions, layout.channels, k);
      });
    }
  });
}

struct Result {
  at::Tensor y;
  Statistics statistics;
  /** In the memory format of x. */
  at::Tensor residual;
};

Result compute(const Inputs& in) {
  ChannelLayout layout = ChannelLayout::of(in.x);
  Result result = {at::empty_like(in.x), Statistics(at::Tensor()), in.residual};
  if (in.residual.defined()) result.residual = in.residual.contiguous(layout.format);
  AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "batch_norm_act", [&] {
    result.statistics = in.training ? batchStatistics<scalar_t>(in, layout) : runningStatistics<scalar_t>(in);
    write<scalar_t>(in, layout, result.statistics, result.residual, result.y);
  });
  return result;
}

/** What the backward pass is asked for. */
struct Wanted {
  bool x, weight, bias, residual;
};

struct Gradients {
  at::Tensor x, weight, bias, residual;
};

/** A pass for the sums and one for the gradient. `other` is what was added, or where that says enough the result. */
template <class T>
Gradients gradientsOf(const Inputs& in, const Statistics& statistics, const at::Tensor& other, const at::Tensor& gradient,
                      const Wanted& wanted) {
  ChannelLayout layout = ChannelLayout::of(in.x);
  at::Tensor g = gradient.contiguous(layout.format);
  Gradients result;
  Activation activation = in.activation;
  Constants<T> constants(layout, statistics, in.weight, in.bias);
  ChannelConstants<T> k = constants.pointers();
  const T* x = in.x.data_ptr<T>();
  int64_t positions = layout.positions, channels = layout.channels;

  bool ofSum = other.defined() && activation != Activation::none;
  if (ofSum || wanted.weight || wanted.bias || (wanted.x && in.training)) {
    PartialSums<T> partial(layout);
    T *sums = partial.first(), *products = partial.second();
    // The sum's gradient is needed as such, by what was added, so the second pass reads it instead of computing it anew.
    if (ofSum) result.residual = at::empty_like(in.x);
    const T *from = g.data_ptr<T>(), *added = ofSum ? other.data_ptr<T>() : nullptr;
    T* to = ofSum ? result.residual.data_ptr<T>() : nullptr;
    withActivation(activation, [&](auto chosen) {
      using A = decltype(chosen);
      if (layout.inRows) {
        layout.forPieces([&](const Piece& p) {
          T *s = sums + p.index * layout.width, *q = products + p.index * layout.width;
          if (ofSum) {
            rows::sumsAndGradient<A>(x + p.offset, from + p.offset, added + p.offset, to + p.offset, p.count, p.width, k, s, q);
          } else {
            rows::sums<A>(x + p.offset, from + p.offset, p.count, p.width, k, s, q);
          }
        });
      } else {
        layout.forPlanes([&](int64_t begin, int64_t end) {
          if (ofSum) planes::sumsAndGradient<A>(x, from, added, to, begin, end, positions, channels, k, sums, products);
          else planes::sums<A>(x, from, begin, end, positions, channels, k, sums, products);
        });
      }
    });
    if (ofSum) {
      g = result.residual;
      activation = Activation::none;
    }

    std::vector<double> sum(channels), product(channels);
    layout.forPartialSums([&](int64_t, int64_t, int64_t, int64_t place) {
      for (int64_t c = 0; c < channels; c++) {
        sum[c] += sums[place + c];
        product[c] += products[place + c];
      }
    });
    // The loops took the mean as rounded to their type.
    for (int64_t c = 0; c < channels; c++) product[c] += (k.mean[c] - statistics.means()[c]) * sum[c];
    if (wanted.weight) {
      result.weight = at::empty_like(in.weight);
      for (int64_t c = 0; c < channels; c++) {
        result.weight.data_ptr<T>()[c] = static_cast<T>(product[c] * statistics.inverses()[c]);
      }
    }
    if (wanted.bias) {
      result.bias = at::empty_like(in.bias);
      for (int64_t c = 0; c < channels; c++) result.bias.data_ptr<T>()[c] = static_cast<T>(sum[c]);
    }
    if (in.training) {
      constants.addGradient(statistics, sum, product, static_cast<double>(layout.perChannel()));
      k = constants.pointers();
    }
  }

  if (wanted.x) {
    result.x = at::empty_like(in.x);
    const T* from = g.data_ptr<T>();
    T* to = result.x.data_ptr<T>();
    withActivation(activation, [&](auto chosen) {
      using A = decltype(chosen);
      if (layout.inRows) {
        layout.forPieces([&](const Piece& p) {
          rows::gradient<A>(x + p.offset, from + p.offset, to + p.offset, p.count, p.width, k);
        });
      } else {
        layout.forPlanes([&](int64_t begin, int64_t end) {
          planes::gradient<A>(x, from, to, begin, end, positions, channels, k);
        });
      }
    });
  }
  if (!wanted.residual) result.residual = at::Tensor();
  else if (!ofSum) result.residual = gradient;
  return result;
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

struct BatchNormAct : torch::autograd::Function<BatchNormAct> {
  // Optional tensors where one may be absent: an undefined one is no input that autograd could take.
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const OptionalTensor& weight,
                            const OptionalTensor& bias, const OptionalTensor& residual, const OptionalTensor& runningMean,
                            const OptionalTensor& runningVar, bool training, double momentum, double eps,
                            int64_t activation) {
    at::AutoDispatchBelowADInplaceOrView below;
    Inputs in = {x,        given(weight), given(bias), given(runningMean),    given(runningVar), given(residual),
                 training, momentum,      eps,         Activation(activation)};
    Result result = compute(in);
    bool fromResult = in.activation == Activation::relu || in.activation == Activation::relu6;
    at::Tensor other;
    if (in.residual.defined() && in.activation != Activation::none) other = fromResult ? result.y : in.residual;
    context->save_for_backward({x, in.weight, in.bias, result.statistics.table, other});
    context->saved_data["residual"] = in.residual.defined();
    context->saved_data["training"] = training;
    context->saved_data["eps"] = eps;
    context->saved_data["activation"] = activation;
    return result.y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    variable_list saved = context->get_saved_variables();
    Inputs in = {saved[0], saved[1], saved[2], {}, {}, {}, context->saved_data["training"].toBool(), 0,
                 context->saved_data["eps"].toDouble(), Activation(context->saved_data["activation"].toInt())};
    Statistics statistics(saved[3]);
    // Autograd counts the inputs that there are.
    size_t input = 0;
    auto wants = [&](bool there) { return there && context->needs_input_grad(input++); };
    Wanted wanted;
    wanted.x = wants(true);
    wanted.weight = wants(in.weight.defined());
    wanted.bias = wants(in.bias.defined());
    wanted.residual = wants(context->saved_data["residual"].toBool());
    Gradients found;
    if (at::GradMode::is_enabled()) {
      found = differentiableGradients(in, statistics, saved[4], gradients[0], wanted);
    } else {
      AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "batch_norm_act_backward", [&] {
        at::Tensor other = saved[4].defined() ? saved[4].contiguous(ChannelLayout::of(in.x).format) : saved[4];
        found = gradientsOf<scalar_t>(in, statistics, other, gradients[0], wanted);
      });
    }
    at::Tensor none;
    return {found.x, found.weight, found.bias, found.residual, none, none, none, none, none, none};
  }
};

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
  return BatchNormAct::apply(x, weight, bias, residual, runningMean, runningVar, training, momentum, eps,
                             static_cast<int64_t>(in.activation));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "batch_norm_act(Tensor x, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, "
      "Tensor? residual, bool training, float momentum, float eps, str activation) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("batch_norm_act", batchNormAct); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("batch_norm_act", differentiableBatchNormAct); }

}  // namespace fovea
