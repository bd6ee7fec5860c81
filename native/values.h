// Between JavaScript values and the values that libtorch's dispatcher takes, by the types of an operator's schema.
#pragma once

#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <node_api.h>

#include <string>
#include <vector>

namespace fovea {

enum class Kind {
  Tensor,
  TensorList,
  OptionalTensorList,
  Integer,
  Float,
  Boolean,
  Scalar,
  String,
  IntegerList,
  FloatList,
  BooleanList,
  ScalarList,
  ScalarType,
  Layout,
  MemoryFormat,
  Device,
  Generator,
  Unsupported,
};

// One parameter of an operator, read off its schema once so that no call has to walk types.
struct Parameter {
  std::string name;
  Kind kind = Kind::Unsupported;
  std::string type;
  bool optional = false;
  // `int[2] stride` takes one number for both.
  int64_t broadcast = 0;
  c10::optional<c10::IValue> fallback;

  explicit Parameter(const c10::Argument& argument);
};

c10::IValue toValue(napi_env env, const Parameter& parameter, napi_value value);
napi_value fromValue(napi_env env, const c10::IValue& value);

// A device by its name, when the machine has it.
c10::Device deviceOf(const std::string& name);
at::ScalarType scalarTypeOf(const std::string& name);
const char* nameOf(at::ScalarType type);
at::Tensor toTensor(napi_env env, napi_value value);

}  // namespace fovea
