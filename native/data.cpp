// Tensors from typed arrays and back, what a tensor is made of, scopes and disposal.
#include "data.h"

#include <ATen/ATen.h>

#include <cstring>

#include "entry.h"
#include "environment.h"
#include "javascript.h"
#include "values.h"

namespace fovea {

namespace {

struct TypedArray {
  void* data = nullptr;
  size_t length = 0;
  size_t bytes = 0;
};

napi_typedarray_type arrayTypeOf(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return napi_float32_array;
    case at::kDouble:
      return napi_float64_array;
    case at::kHalf:
    case at::kBFloat16:
      return napi_uint16_array;
    case at::kLong:
      return napi_bigint64_array;
    case at::kInt:
      return napi_int32_array;
    case at::kShort:
      return napi_int16_array;
    case at::kChar:
      return napi_int8_array;
    case at::kByte:
    case at::kBool:
      return napi_uint8_array;
    default:
      throw ArgumentError(std::string("tensors of the type ") + nameOf(type) + " have no typed array");
  }
}

// Its memory. Whatever may run JavaScript, such as reading an array, comes before this: it could take the memory away.
TypedArray toTypedArray(napi_env env, napi_value value, at::ScalarType type) {
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (!is) throw ArgumentError("expected a typed array, got " + describe(env, value));
  napi_typedarray_type found;
  TypedArray array;
  napi_value buffer = nullptr;
  size_t offset = 0;
  check(env, napi_get_typedarray_info(env, value, &found, &array.length, &array.data, &buffer, &offset));
  bool bytes = found == napi_uint8_clamped_array && type == at::kByte;
  if (found != arrayTypeOf(type) && !bytes) {
    throw ArgumentError(std::string("the typed array does not hold ") + nameOf(type));
  }
  array.bytes = array.length * c10::elementSize(type);
  return array;
}

bool isResizable(napi_env env, napi_value array) {
  // Properties of a prototype; absent on old engines, and on shared buffers, which only grow.
  napi_value buffer = nullptr;
  napi_value resizable = nullptr;
  bool result = false;
  return napi_get_named_property(env, array, "buffer", &buffer) == napi_ok &&
         napi_get_named_property(env, buffer, "resizable", &resizable) == napi_ok &&
         napi_get_value_bool(env, resizable, &result) == napi_ok && result;
}

void checkShape(const std::vector<int64_t>& shape, size_t length) {
  // In floating point, where a product too large for 64 bits stays large.
  double elements = 1;
  for (int64_t size : shape) {
    if (size < 0) throw ArgumentError("a shape holds no negative sizes");
    elements *= static_cast<double>(size);
  }
  if (elements != static_cast<double>(length)) {
    throw ArgumentError("the typed array has " + std::to_string(length) + " elements, which the shape does not");
  }
}

// fromArray(typedArray, shape, dtype): a copy.
napi_value fromArray(napi_env env, Arguments& arguments) {
  at::ScalarType type = scalarTypeOf(toString(env, arguments[2]));
  std::vector<int64_t> shape = toIntegers(env, arguments[1]);
  TypedArray array = toTypedArray(env, arguments[0], type);
  checkShape(shape, array.length);
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  auto* to = static_cast<uint8_t*>(tensor.data_ptr());
  if (type == at::kBool) {
    // libtorch's bools are 0 and 1
    const auto* from = static_cast<const uint8_t*>(array.data);
    for (size_t i = 0; i < array.length; i++) to[i] = from[i] != 0;
  } else if (array.bytes) {
    std::memcpy(to, array.data, array.bytes);
  }
  return Environment::of(env).wrap(std::move(tensor));
}

// shareArray(typedArray, shape, dtype): the tensor and the array are the same memory.
napi_value shareArray(napi_env env, Arguments& arguments) {
  at::ScalarType type = scalarTypeOf(toString(env, arguments[2]));
  std::vector<int64_t> shape = toIntegers(env, arguments[1]);
  if (type == at::kBool) throw ArgumentError("bools are copied, not shared: an array may hold more than 0 and 1");
  if (isResizable(env, arguments[0])) {
    throw ArgumentError("a resizable buffer cannot be shared: its memory may go away");
  }
  TypedArray array = toTypedArray(env, arguments[0], type);
  checkShape(shape, array.length);
  auto pin = Environment::of(env).pin(arguments[0]);
  at::Tensor tensor =
      at::from_blob(array.data, shape, [pin](void*) mutable { pin.reset(); }, at::TensorOptions().dtype(type));
  return Environment::of(env).wrap(std::move(tensor));
}

// copyInto(tensor, typedArray): into memory that the caller has.
napi_value copyInto(napi_env env, Arguments& arguments) {
  at::Tensor tensor = toTensor(env, arguments[0]).detach().to(at::kCPU).contiguous();
  TypedArray array = toTypedArray(env, arguments[1], tensor.scalar_type());
  if (array.length != static_cast<size_t>(tensor.numel())) {
    throw ArgumentError("the tensor has " + std::to_string(tensor.numel()) + " elements, the typed array " +
                        std::to_string(array.length));
  }
  if (array.bytes) std::memcpy(array.data, tensor.data_ptr(), array.bytes);
  return undefined(env);
}

napi_value fromSizes(napi_env env, at::IntArrayRef sizes) {
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, sizes.size(), &array));
  for (size_t i = 0; i < sizes.size(); i++) {
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), fromInteger(env, sizes[i])));
  }
  return array;
}

napi_value shape(napi_env env, Arguments& arguments) { return fromSizes(env, toTensor(env, arguments[0]).sizes()); }

napi_value strides(napi_env env, Arguments& arguments) {
  return fromSizes(env, toTensor(env, arguments[0]).strides());
}

napi_value dtype(napi_env env, Arguments& arguments) {
  return fromString(env, nameOf(toTensor(env, arguments[0]).scalar_type()));
}

napi_value device(napi_env env, Arguments& arguments) {
  return fromString(env, toTensor(env, arguments[0]).device().str());
}

napi_value isContiguous(napi_env env, Arguments& arguments) {
  bool channelsLast = toBool(env, arguments[1]);
  auto format = channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
  return fromBool(env, toTensor(env, arguments[0]).is_contiguous(format));
}

napi_value item(napi_env env, Arguments& arguments) {
  at::Scalar value = toTensor(env, arguments[0]).item();
  if (value.isBoolean()) return fromBool(env, value.toBool());
  if (value.isIntegral(false)) return fromInteger(env, value.toLong());
  return fromDouble(env, value.toDouble());
}

// An id as it comes from JavaScript; whether its tensor still lives is the environment's to say.
Id toId(napi_env env, napi_value value) { return static_cast<Id>(toInteger(env, value)); }

napi_value isAlive(napi_env env, Arguments& arguments) {
  return fromBool(env, Environment::of(env).find(toId(env, arguments[0])) != nullptr);
}

napi_value dispose(napi_env env, Arguments& arguments) {
  Environment::of(env).dispose(toId(env, arguments[0]));
  return undefined(env);
}

napi_value guard(napi_env env, Arguments& arguments) {
  return Environment::of(env).guard(toId(env, arguments[0]));
}

// openSharedGuard(ids, count): the first so many of the ids, a Float64Array, are those of the guard that was opened last.
napi_value openSharedGuard(napi_env env, Arguments& arguments) {
  auto count = static_cast<size_t>(toInteger(env, arguments[1]));
  TypedArray array = toTypedArray(env, arguments[0], at::kDouble);
  if (count > array.length) throw ArgumentError("there are fewer ids");
  std::vector<Id> ids;
  ids.reserve(count);
  for (size_t i = 0; i < count; i++) {
    double id = static_cast<const double*>(array.data)[i];
    if (id > 0 && id < 9007199254740992.0) ids.push_back(static_cast<Id>(id));
  }
  return Environment::of(env).openSharedGuard(std::move(ids));
}

napi_value enterScope(napi_env env, Arguments&) {
  Environment::of(env).enterScope();
  return undefined(env);
}

napi_value exitScope(napi_env env, Arguments& arguments) {
  return fromInteger(env, Environment::of(env).exitScope(toIntegers(env, arguments[0])));
}

napi_value disposeInScope(napi_env env, Arguments& arguments) {
  Environment::of(env).disposeInScope(toId(env, arguments[0]));
  return undefined(env);
}

napi_value keep(napi_env env, Arguments& arguments) {
  Environment::of(env).keep(toId(env, arguments[0]));
  return undefined(env);
}

}  // namespace

void exportData(napi_env env, napi_value exports) {
  method<fromArray>(env, exports, "fromArray");
  method<shareArray>(env, exports, "shareArray");
  method<copyInto>(env, exports, "copyInto");
  method<shape>(env, exports, "shape");
  method<strides>(env, exports, "strides");
  method<dtype>(env, exports, "dtype");
  method<device>(env, exports, "device");
  method<isContiguous>(env, exports, "isContiguous");
  method<item>(env, exports, "item");
  method<isAlive>(env, exports, "isAlive");
  method<dispose>(env, exports, "dispose");
  method<guard>(env, exports, "guard");
  method<openSharedGuard>(env, exports, "openSharedGuard");
  method<enterScope>(env, exports, "enterScope");
  method<exitScope>(env, exports, "exitScope");
  method<disposeInScope>(env, exports, "disposeInScope");
  method<keep>(env, exports, "keep");
}

}  // namespace fovea
