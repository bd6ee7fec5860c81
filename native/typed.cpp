#include "typed.h"

#include <c10/util/SmallVector.h>

#include <cmath>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace fovea {

namespace {

using Optional = c10::optional<at::Tensor>;

struct Reader {
  napi_env env;
  const Environment& environment;

  const at::Tensor* tensor(napi_value value) const {
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
struct Slot<const at::Tensor&> {
  // A copy: reading a later argument, an array, may run JavaScript that disposes of this one.
  at::Tensor tensor;
  bool read(const Reader& reader, napi_value value) {
    const at::Tensor* found = reader.tensor(value);
    if (found) tensor = *found;
    return found != nullptr;
  }
  const at::Tensor& get() const { return tensor; }
};

template <>
struct Slot<const Optional&> {
  Optional tensor;
  bool read(const Reader& reader, napi_value value) {
    if (const at::Tensor* found = reader.tensor(value)) {
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
  c10::SmallVector<at::Tensor, 4> tensors;
  bool read(const Reader& reader, napi_value value) {
    return reader.array(value, [&](napi_value item) {
      const at::Tensor* found = reader.tensor(item);
      if (found) tensors.push_back(*found);
      return found != nullptr;
    });
  }
  at::TensorList get() const { return tensors; }
};

template <>
struct Slot<at::IntArrayRef> {
  c10::SmallVector<int64_t, 4> integers;
  bool read(const Reader& reader, napi_value value) {
    return reader.array(value, [&](napi_value item) {
      integers.emplace_back();
      return reader.integer(item, integers.back());
    });
  }
  at::IntArrayRef get() const { return integers; }
};

// `int[2]`, for which one number may stand.
struct Two {
  at::IntArrayRef values;
};
template <>
struct Slot<Two> : Slot<at::IntArrayRef> {
  bool read(const Reader& reader, napi_value value) {
    int64_t both = 0;
    if (!reader.integer(value, both)) return Slot<at::IntArrayRef>::read(reader, value);
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

template <>
struct Slot<bool> {
  bool truth = false;
  bool read(const Reader& reader, napi_value value) { return napi_get_value_bool(reader.env, value, &truth) == napi_ok; }
  bool get() const { return truth; }
};

template <auto function>
struct Call;

template <typename... Parameters, at::Tensor (*function)(Parameters...)>
struct Call<function> {
  static bool run(napi_env env, const Environment& environment, const Arguments& arguments, at::Tensor& result) {
    return arguments.size() == sizeof...(Parameters) &&
           run({env, environment}, arguments, result, std::index_sequence_for<Parameters...>());
  }

 private:
  template <size_t... places>
  static bool run(const Reader& reader, const Arguments& arguments, at::Tensor& result, std::index_sequence<places...>) {
    std::tuple<Slot<Parameters>...> slots;
    if (!(std::get<places>(slots).read(reader, arguments[places]) && ...)) return false;
    result = function(std::get<places>(slots).get()...);
    return true;
  }
};

at::Tensor conv2d(const at::Tensor& x, const at::Tensor& weight, const Optional& bias, Two stride, Two padding, Two dilation,
                  Groups groups) {
  return at::conv2d(x, weight, bias, stride.values, padding.values, dilation.values, groups.count);
}
at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) { return at::linear(x, weight, bias); }
at::Tensor batchNorm(const at::Tensor& x, const Optional& weight, const Optional& bias, const Optional& mean,
                     const Optional& variance, bool training, double momentum, double eps, bool cudnn) {
  return at::batch_norm(x, weight, bias, mean, variance, training, momentum, eps, cudnn);
}
at::Tensor maxPool2d(const at::Tensor& x, Two kernel, Two stride, Two padding, Two dilation, bool ceil) {
  return at::max_pool2d(x, kernel.values, stride.values, padding.values, dilation.values, ceil);
}
at::Tensor avgPool2d(const at::Tensor& x, Two kernel, Two stride, Two padding, bool ceil, bool includePadding) {
  return at::avg_pool2d(x, kernel.values, stride.values, padding.values, ceil, includePadding);
}
at::Tensor adaptiveAvgPool2d(const at::Tensor& x, Two size) { return at::adaptive_avg_pool2d(x, size.values); }
at::Tensor relu(const at::Tensor& x) { return at::relu(x); }
at::Tensor silu(const at::Tensor& x) { return at::silu(x); }
at::Tensor sigmoid(const at::Tensor& x) { return at::sigmoid(x); }
at::Tensor hardsigmoid(const at::Tensor& x) { return at::hardsigmoid(x); }
at::Tensor hardswish(const at::Tensor& x) { return at::hardswish(x); }
at::Tensor add(const at::Tensor& x, const at::Tensor& y) { return at::add(x, y); }
at::Tensor mul(const at::Tensor& x, const at::Tensor& y) { return at::mul(x, y); }
at::Tensor mean(const at::Tensor& x, at::IntArrayRef dims, bool keep) { return at::mean(x, at::OptionalIntArrayRef(dims), keep); }
at::Tensor cat(at::TensorList tensors, int64_t dim) { return at::cat(tensors, dim); }
at::Tensor flatten(const at::Tensor& x, int64_t start, int64_t end) { return at::flatten(x, start, end); }
at::Tensor reshape(const at::Tensor& x, at::IntArrayRef shape) { return at::reshape(x, shape); }

}  // namespace

TypedCall typedCall(const std::string& name) {
  static const auto* known = new std::unordered_map<std::string, TypedCall>{
      {"aten::conv2d", Call<conv2d>::run},
      {"aten::linear", Call<linear>::run},
      {"aten::batch_norm", Call<batchNorm>::run},
      {"aten::max_pool2d", Call<maxPool2d>::run},
      {"aten::avg_pool2d", Call<avgPool2d>::run},
      {"aten::adaptive_avg_pool2d", Call<adaptiveAvgPool2d>::run},
      {"aten::relu", Call<relu>::run},
      {"aten::silu", Call<silu>::run},
      {"aten::sigmoid", Call<sigmoid>::run},
      {"aten::hardsigmoid", Call<hardsigmoid>::run},
      {"aten::hardswish", Call<hardswish>::run},
      {"aten::add.Tensor", Call<add>::run},
      {"aten::mul.Tensor", Call<mul>::run},
      {"aten::mean.dim", Call<mean>::run},
      {"aten::cat", Call<cat>::run},
      {"aten::flatten.using_ints", Call<flatten>::run},
      {"aten::reshape", Call<reshape>::run},
  };
  auto found = known->find(name);
  return found == known->end() ? nullptr : found->second;
}

}  // namespace fovea
