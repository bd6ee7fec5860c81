#include "typed.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/util/SmallVector.h>
#include <c10/util/string_view.h>

#include <cmath>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace fovea {

namespace {

using Tensor = at::Tensor;
using Optional = c10::optional<Tensor>;
using Integers = at::IntArrayRef;

struct Reader {
  napi_env env;
  const Environment& environment;

  const Tensor* tensor(napi_value value) const {
    double id = 0;
    bool is = napi_get_value_double(env, value, &id) == napi_ok && id > 0 && id < 9007199254740992.0;
    return is ? environment.find(static_cast<Id>(id)) : nullptr;
  }

  bool integer(napi_value value, int64_t& result) const {
    double number = 0;
    bool is = napi_get_value_double(env, value, &number) == napi_ok && std::abs(number) < 9007199254740992.0;
    if (!is || std::trunc(number) != number) return false;
    result = static_cast<int64_t>(number);
    return true;
  }

  // By a function of each element, which says whether it is as expected.
  template <typename Take>
  bool array(napi_value value, const Take& take) const {
    uint32_t length = 0;
    if (napi_get_array_length(env, value, &length) != napi_ok) return false;
    for (uint32_t i = 0; i < length; i++) {
      napi_value item = nullptr;
      // Reading may run JavaScript, which may throw.
      check(env, napi_get_element(env, value, i, &item));
      if (!take(item)) return false;
    }
    return true;
  }
};

// What a parameter's argument is read into, and handed over from.
template <typename T>
struct Slot;

template <>
struct Slot<const Tensor&> {
  // A copy: reading a later argument, an array, may run JavaScript that disposes of this one.
  Tensor tensor;
  bool read(const Reader& reader, napi_value value) {
    const Tensor* found = reader.tensor(value);
    if (found) tensor = *found;
    return found != nullptr;
  }
  const Tensor& get() const { return tensor; }
};

template <>
struct Slot<const Optional&> {
  Optional tensor;
  bool read(const Reader& reader, napi_value value) {
    if (const Tensor* found = reader.tensor(value)) {
      tensor = *found;
      return true;
    }
    napi_valuetype type;
    return napi_typeof(reader.env, value, &type) == napi_ok && type == napi_null;
  }
  const Optional& get() const { return tensor; }
};

template <>
struct Slot<at::TensorList> {
  c10::SmallVector<Tensor, 4> tensors;
  bool read(const Reader& reader, napi_value value) {
    return reader.array(value, [&](napi_value item) {
      const Tensor* found = reader.tensor(item);
      if (found) tensors.push_back(*found);
      return found != nullptr;
    });
  }
  at::TensorList get() const { return tensors; }
};

template <>
struct Slot<Integers> {
  c10::SmallVector<int64_t, 4> integers;
  bool read(const Reader& reader, napi_value value) {
    return reader.array(value, [&](napi_value item) {
      integers.emplace_back();
      return reader.integer(item, integers.back());
    });
  }
  Integers get() const { return integers; }
};

// `int[2]`, for which one number may stand.
struct Two {
  Integers values;
};
template <>
struct Slot<Two> : Slot<Integers> {
  bool read(const Reader& reader, napi_value value) {
    int64_t both = 0;
    if (!reader.integer(value, both)) return Slot<Integers>::read(reader, value);
    integers.assign(2, both);
    return true;
  }
  Two get() const { return {integers}; }
};

template <>
struct Slot<int64_t> {
  int64_t integer = 0;
  bool read(const Reader& reader, napi_value value) { return reader.integer(value, integer); }
  int64_t get() const { return integer; }
};

// The number of groups, whose bounds the general form checks.
struct Groups {
  int64_t count;
};
template <>
struct Slot<Groups> : Slot<int64_t> {
  bool read(const Reader& reader, napi_value value) {
    return Slot<int64_t>::read(reader, value) && integer >= 1 && integer <= INT32_MAX;
  }
  Groups get() const { return {integer}; }
};

template <>
struct Slot<double> {
  double number = 0;
  bool read(const Reader& reader, napi_value value) { return napi_get_value_double(reader.env, value, &number) == napi_ok; }
  double get() const { return number; }
};

// A word of a few letters: longer ones go the general way.
template <>
struct Slot<c10::string_view> {
  char letters[32];
  size_t length = 0;
  bool read(const Reader& reader, napi_value value) {
    return napi_get_value_string_utf8(reader.env, value, letters, sizeof letters, &length) == napi_ok &&
           length + 1 < sizeof letters;
  }
  c10::string_view get() const { return c10::string_view(letters, length); }
};

template <>
struct Slot<bool> {
  bool truth = false;
  bool read(const Reader& reader, napi_value value) { return napi_get_value_bool(reader.env, value, &truth) == napi_ok; }
  bool get() const { return truth; }
};

template <auto function>
struct Call;

template <typename... Parameters, Tensor (*function)(Parameters...)>
struct Call<function> {
  static bool run(napi_env env, const Environment& environment, const Arguments& arguments, Tensor& result) {
    return arguments.size() == sizeof...(Parameters) &&
           run({env, environment}, arguments, result, std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... places>
  static bool run(const Reader& reader, const Arguments& arguments, Tensor& result, std::index_sequence<places...>) {
    std::tuple<Slot<Parameters>...> slots;
    if (!(std::get<places>(slots).read(reader, arguments[places]) && ...)) return false;
    result = function(std::get<places>(slots).get()...);
    return true;
  }
};

// An operator of our own (`kernels/`) by the type of the functions that it is registered with.
template <typename Signature>
auto ours(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Signature>();
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Optional& bias, Two stride, Two padding, Two dilation, Groups groups) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Optional&, Integers, Integers, Integers, int64_t);
  static const auto call = ours<Signature>("fovea::conv2d");
  return call.call(x, weight, bias, stride.values, padding.values, dilation.values, groups.count);
}
Tensor depthwiseConv2d(const Tensor& x, const Tensor& weight, const Optional& bias, Two stride, Two padding, Two dilation) {
  using Signature = Tensor(const Tensor&, const Tensor&, const Optional&, Integers, Integers, Integers);
  static const auto call = ours<Signature>("fovea::depthwise_conv2d");
  return call.call(x, weight, bias, stride.values, padding.values, dilation.values);
}
Tensor batchNormAct(const Tensor& x, const Optional& weight, const Optional& bias, const Optional& mean,
                    const Optional& variance, const Optional& residual, bool training, double momentum, double eps,
                    c10::string_view activation) {
  using Signature = Tensor(const Tensor&, const Optional&, const Optional&, const Optional&, const Optional&, const Optional&,
                           bool, double, double, c10::string_view);
  static const auto call = ours<Signature>("fovea::batch_norm_act");
  return call.call(x, weight, bias, mean, variance, residual, training, momentum, eps, activation);
}
Tensor maxPool2d(const Tensor& x, Two kernel, Two stride, Two padding, Two dilation, bool ceil) {
  using Signature = Tensor(const Tensor&, Integers, Integers, Integers, Integers, bool);
  static const auto call = ours<Signature>("fovea::max_pool2d");
  return call.call(x, kernel.values, stride.values, padding.values, dilation.values, ceil);
}
Tensor avgPool2d(const Tensor& x, Two kernel, Two stride, Two padding, bool ceil, bool countPadding) {
  using Signature = Tensor(const Tensor&, Integers, Integers, Integers, bool, bool);
  static const auto call = ours<Signature>("fovea::avg_pool2d");
  return call.call(x, kernel.values, stride.values, padding.values, ceil, countPadding);
}
Tensor mul(const Tensor& x, const Tensor& y) {
  static const auto call = ours<Tensor(const Tensor&, const Tensor&)>("fovea::mul");
  return call.call(x, y);
}
Tensor channelMeans(const Tensor& x) {
  static const auto call = ours<Tensor(const Tensor&)>("fovea::channel_means");
  return call.call(x);
}
Tensor cat(at::TensorList tensors, int64_t dim) {
  static const auto call = ours<Tensor(at::TensorList, int64_t)>("fovea::cat");
  return call.call(tensors, dim);
}

Tensor linear(const Tensor& x, const Tensor& weight, const Optional& bias) { return at::linear(x, weight, bias); }
Tensor adaptiveAvgPool2d(const Tensor& x, Two size) { return at::adaptive_avg_pool2d(x, size.values); }
Tensor relu(const Tensor& x) { return at::relu(x); }
Tensor silu(const Tensor& x) { return at::silu(x); }
Tensor sigmoid(const Tensor& x) { return at::sigmoid(x); }
Tensor hardsigmoid(const Tensor& x) { return at::hardsigmoid(x); }
Tensor hardswish(const Tensor& x) { return at::hardswish(x); }
Tensor add(const Tensor& x, const Tensor& y) { return at::add(x, y); }
Tensor mean(const Tensor& x, Integers dims, bool keep) { return at::mean(x, at::OptionalIntArrayRef(dims), keep); }
Tensor flatten(const Tensor& x, int64_t start, int64_t end) { return at::flatten(x, start, end); }
Tensor reshape(const Tensor& x, Integers shape) { return at::reshape(x, shape); }

}  // namespace

TypedCall typedCall(const std::string& name) {
  static const auto* known = new std::unordered_map<std::string, TypedCall>{
      {"fovea::conv2d", Call<conv2d>::run},
      {"fovea::depthwise_conv2d", Call<depthwiseConv2d>::run},
      {"fovea::batch_norm_act", Call<batchNormAct>::run},
      {"fovea::max_pool2d", Call<maxPool2d>::run},
      {"fovea::avg_pool2d", Call<avgPool2d>::run},
      {"fovea::mul", Call<mul>::run},
      {"fovea::channel_means", Call<channelMeans>::run},
      {"fovea::cat", Call<cat>::run},
      {"aten::linear", Call<linear>::run},
      {"aten::adaptive_avg_pool2d", Call<adaptiveAvgPool2d>::run},
      {"aten::relu", Call<relu>::run},
      {"aten::silu", Call<silu>::run},
      {"aten::sigmoid", Call<sigmoid>::run},
      {"aten::hardsigmoid", Call<hardsigmoid>::run},
      {"aten::hardswish", Call<hardswish>::run},
      {"aten::add.Tensor", Call<add>::run},
      {"aten::mean.dim", Call<mean>::run},
      {"aten::flatten.using_ints", Call<flatten>::run},
      {"aten::reshape", Call<reshape>::run},
  };
  auto found = known->find(name);
  return found == known->end() ? nullptr : found->second;
}

}  // namespace fovea
