#include "values.h"

#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>
#include <torch/cuda.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "environment.h"
#include "javascript.h"

namespace fovea {

namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 10> kScalarTypes{{
    {"float32", at::kFloat},
    {"float64", at::kDouble},
    {"float16", at::kHalf},
    {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},
    {"int32", at::kInt},
    {"int16", at::kShort},
    {"int8", at::kChar},
    {"uint8", at::kByte},
    {"bool", at::kBool},
}};

Kind kindOf(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return Kind::Tensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::Integer;
    case c10::TypeKind::FloatType:
      return Kind::Float;
    case c10::TypeKind::BoolType:
      return Kind::Boolean;
    case c10::TypeKind::NumberType:
      return Kind::Scalar;
    case c10::TypeKind::StringType:
      return Kind::String;
    case c10::TypeKind::ScalarTypeType:
      return Kind::ScalarType;
    case c10::TypeKind::LayoutType:
      return Kind::Layout;
    case c10::TypeKind::MemoryFormatType:
      return Kind::MemoryFormat;
    case c10::TypeKind::DeviceObjType:
      return Kind::Device;
    case c10::TypeKind::GeneratorType:
      return Kind::Generator;
    case c10::TypeKind::ListType: {
      const auto& item = *type.containedType(0);
      if (item.kind() == c10::TypeKind::OptionalType) {
        return item.containedType(0)->kind() == c10::TypeKind::TensorType ? Kind::OptionalTensorList : Kind::Unsupported;
      }
      switch (kindOf(item)) {
        case Kind::Tensor:
          return Kind::TensorList;
        case Kind::Integer:
          return Kind::IntegerList;
        case Kind::Float:
          return Kind::FloatList;
        case Kind::Boolean:
          return Kind::BooleanList;
        case Kind::Scalar:
          return Kind::ScalarList;
        default:
          return Kind::Unsupported;
      }
    }
    default:
      return Kind::Unsupported;
  }
}

bool isNullish(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

// JavaScript does not tell 2 from 2.0: a whole number becomes an integer scalar, which keeps integer tensors integer
// and changes nothing for floating ones.
at::Scalar toScalar(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  switch (type) {
    case napi_boolean:
      return at::Scalar(toBool(env, value));
    case napi_bigint:
      return at::Scalar(toInteger(env, value));
    case napi_number: {
      double number = toDouble(env, value);
      constexpr double kSafe = 9007199254740991.0;
      bool whole = number >= -kSafe && number <= kSafe && static_cast<double>(static_cast<int64_t>(number)) == number;
      return whole ? at::Scalar(static_cast<int64_t>(number)) : at::Scalar(number);
    }
    default:
      throw ArgumentError("expected a number, got " + describe(env, value));
  }
}

c10::MemoryFormat memoryFormatOf(const std::string& name) {
  if (name == "contiguous") return c10::MemoryFormat::Contiguous;
  if (name == "channelsLast") return c10::MemoryFormat::ChannelsLast;
  if (name == "preserve") return c10::MemoryFormat::Preserve;
  throw ArgumentError("unknown memory format \"" + name + "\"; the formats are contiguous, channelsLast, preserve");
}

template <typename T, typename Convert>
c10::IValue toList(napi_env env, napi_value value, int64_t broadcast, Convert convert) {
  c10::List<T> list;
  bool isArray = false;
  check(env, napi_is_array(env, value, &isArray));
  if (!isArray && broadcast > 0) {
    T item = convert(env, value);
    for (int64_t i = 0; i < broadcast; i++) list.push_back(item);
    return list;
  }
  uint32_t length = arrayLength(env, value);
  list.reserve(reserveFor(length));
  for (uint32_t i = 0; i < length; i++) list.push_back(convert(env, element(env, value, i)));
  return list;
}

c10::IValue convert(napi_env env, const Parameter& parameter, napi_value value) {
  switch (parameter.kind) {
    case Kind::Tensor:
      return toTensor(env, value);
    case Kind::TensorList:
      return toList<at::Tensor>(env, value, 0, toTensor);
    case Kind::OptionalTensorList: {
      c10::List<c10::optional<at::Tensor>> list;
      uint32_t length = arrayLength(env, value);
      for (uint32_t i = 0; i < length; i++) {
        napi_value item = element(env, value, i);
        list.push_back(isNullish(env, item) ? c10::optional<at::Tensor>() : toTensor(env, item));
      }
      return list;
    }
    case Kind::Integer: {
      int64_t integer = toInteger(env, value);
      // oneDNN's convolution takes 32 bits of it, and divides by them.
      if (parameter.name == "groups" && (integer < 1 || integer > INT32_MAX)) {
        throw ArgumentError("groups are 1 or more, got " + describe(env, value));
      }
      return integer;
    }
    case Kind::Float:
      return toDouble(env, value);
    case Kind::Boolean:
      return toBool(env, value);
    case Kind::Scalar:
      return toScalar(env, value);
    case Kind::String:
      return toString(env, value);
    case Kind::IntegerList:
      return toList<int64_t>(env, value, parameter.broadcast, toInteger);
    case Kind::FloatList:
      return toList<double>(env, value, parameter.broadcast, toDouble);
    case Kind::BooleanList:
      return toList<bool>(env, value, parameter.broadcast, toBool);
    case Kind::ScalarList: {
      // A list of numbers has no typed list of its own in the dispatcher's boxed form.
      uint32_t length = arrayLength(env, value);
      c10::impl::GenericList list(c10::NumberType::get());
      for (uint32_t i = 0; i < length; i++) list.push_back(c10::IValue(toScalar(env, element(env, value, i))));
      return list;
    }
    case Kind::ScalarType:
      return static_cast<int64_t>(scalarTypeOf(toString(env, value)));
    case Kind::Layout:
      if (toString(env, value) != "strided") throw ArgumentError("the only layout is strided");
      return static_cast<int64_t>(at::kStrided);
    case Kind::MemoryFormat:
      return static_cast<int64_t>(memoryFormatOf(toString(env, value)));
    case Kind::Device:
      return deviceOf(toString(env, value));
    case Kind::Generator:
      throw ArgumentError("generators cannot be passed: seed the default one with manualSeed");
    case Kind::Unsupported:
      break;
  }
  throw ArgumentError("parameters of the type " + parameter.type + " cannot be given from JavaScript");
}

}  // namespace

Parameter::Parameter(const c10::Argument& argument)
    : name(argument.name()), type(argument.real_type()->repr_str()), fallback(argument.default_value()) {
  c10::TypePtr inner = argument.real_type();
  if (inner->kind() == c10::TypeKind::OptionalType) {
    optional = true;
    inner = inner->containedType(0);
  }
  kind = kindOf(*inner);
  if (argument.N()) broadcast = *argument.N();
}

c10::Device deviceOf(const std::string& name) {
  if (name == "cpu") return c10::kCPU;
  bool indexed = name.size() > 5 && name.size() < 9 && name.rfind("cuda:", 0) == 0 &&
                 std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name != "cuda" && !indexed) {
    throw ArgumentError("unknown device \"" + name + "\"; the devices are cpu and cuda:0, cuda:1, …");
  }
  auto found = static_cast<int>(torch::cuda::device_count());
  int index = indexed ? std::stoi(name.substr(5)) : 0;
  if (index >= found) {
    throw ArgumentError("there is no device " + name + ": " +
                        (found == 0 ? "no CUDA device was found" : std::to_string(found) + " CUDA devices were found"));
  }
  return indexed ? c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index)) : c10::Device(c10::kCUDA);
}

at::ScalarType scalarTypeOf(const std::string& name) {
  for (const auto& [known, type] : kScalarTypes) {
    if (name == known) return type;
  }
  throw ArgumentError("unknown dtype \"" + name + "\"");
}

const char* nameOf(at::ScalarType type) {
  for (const auto& [name, known] : kScalarTypes) {
    if (type == known) return name;
  }
  return at::toString(type);
}

at::Tensor toTensor(napi_env env, napi_value value) {
  double id = 0;
  if (napi_get_value_double(env, value, &id) != napi_ok) {
    throw ArgumentError("expected a tensor, got " + describe(env, value));
  }
  // Not a number compares false.
  const at::Tensor* tensor = id > 0 && id < 9007199254740992.0 ? Environment::of(env).find(static_cast<Id>(id)) : nullptr;
  if (!tensor) throw ArgumentError("the tensor was disposed, or its scope has ended");
  return *tensor;
}

c10::IValue toValue(napi_env env, const Parameter& parameter, napi_value value) {
  // The common case first: an argument that is a tensor needs no look at its type.
  if (parameter.kind == Kind::Tensor) {
    double id = 0;
    if (napi_get_value_double(env, value, &id) == napi_ok && id > 0 && id < 9007199254740992.0) {
      if (const at::Tensor* tensor = Environment::of(env).find(static_cast<Id>(id))) return *tensor;
    }
  }
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  if (type == napi_undefined && parameter.fallback) return *parameter.fallback;
  if ((type == napi_undefined || type == napi_null) && parameter.optional) return c10::IValue();
  try {
    return convert(env, parameter, value);
  } catch (const ArgumentError& error) {
    throw ArgumentError("argument '" + parameter.name + "': " + error.what());
  }
}

napi_value fromValue(napi_env env, const c10::IValue& value) {
  if (value.isTensor()) return Environment::of(env).wrap(value.toTensor());
  if (value.isNone()) return null(env);
  if (value.isBool()) return fromBool(env, value.toBool());
  if (value.isInt()) return fromInteger(env, value.toInt());
  if (value.isDouble()) return fromDouble(env, value.toDouble());
  if (value.isString()) return fromString(env, value.toStringRef());
  if (value.isList()) {
    auto items = value.toListRef();
    napi_value array = nullptr;
    check(env, napi_create_array_with_length(env, items.size(), &array));
    for (size_t i = 0; i < items.size(); i++) {
      check(env, napi_set_element(env, array, static_cast<uint32_t>(i), fromValue(env, items[i])));
    }
    return array;
  }
  if (value.isTensorList()) {
    auto items = value.toTensorVector();
    napi_value array = nullptr;
    check(env, napi_create_array_with_length(env, items.size(), &array));
    for (size_t i = 0; i < items.size(); i++) {
      check(env, napi_set_element(env, array, static_cast<uint32_t>(i), Environment::of(env).wrap(items[i])));
    }
    return array;
  }
  throw ArgumentError("a result of the type " + value.tagKind() + " cannot be given to JavaScript");
}

}  // namespace fovea
