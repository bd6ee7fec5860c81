#include "javascript.h"

#include <cmath>

namespace fovea {

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending || status == napi_pending_exception) throw PendingException{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw ArgumentError(info && info->error_message ? info->error_message : "a wrong argument");
}

Arguments::Arguments(napi_env env, napi_callback_info info) : env_(env) {
  // Node fills the places that the caller left out with undefined, which takes time for each.
  check(env, napi_get_cb_info(env, info, &size_, values_, nullptr, &data_));
  if (size_ <= kFew) return;
  size_ = kMost;
  check(env, napi_get_cb_info(env, info, &size_, values_, nullptr, &data_));
}

bool Arguments::absent(size_t index) const {
  if (index >= size_) return true;
  napi_valuetype type;
  check(env_, napi_typeof(env_, values_[index], &type));
  return type == napi_undefined;
}

std::string toString(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) {
    throw ArgumentError("expected a string, got " + describe(env, value));
  }
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

bool toBool(napi_env env, napi_value value) {
  bool result = false;
  if (napi_get_value_bool(env, value, &result) != napi_ok) {
    throw ArgumentError("expected true or false, got " + describe(env, value));
  }
  return result;
}

double toDouble(napi_env env, napi_value value) {
  double result = 0;
  if (napi_get_value_double(env, value, &result) != napi_ok) {
    throw ArgumentError("expected a number, got " + describe(env, value));
  }
  return result;
}

int64_t toInteger(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (std::trunc(number) != number || std::abs(number) > 9007199254740991.0) {
      throw ArgumentError("expected a whole number, got " + describe(env, value));
    }
    return static_cast<int64_t>(number);
  }
  int64_t big = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &big, &lossless) == napi_ok && lossless) return big;
  throw ArgumentError("expected a whole number, got " + describe(env, value));
}

uint32_t arrayLength(napi_env env, napi_value value) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok) {
    throw ArgumentError("expected an array, got " + describe(env, value));
  }
  return length;
}

napi_value element(napi_env env, napi_value array, uint32_t index) {
  napi_value value = nullptr;
  check(env, napi_get_element(env, array, index, &value));
  return value;
}

std::vector<int64_t> toIntegers(napi_env env, napi_value value) {
  uint32_t length = arrayLength(env, value);
  std::vector<int64_t> result;
  result.reserve(reserveFor(length));
  for (uint32_t i = 0; i < length; i++) result.push_back(toInteger(env, element(env, value, i)));
  return result;
}

napi_value fromString(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  check(env, napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}

napi_value fromBool(napi_env env, bool value) {
  napi_value result = nullptr;
  check(env, napi_get_boolean(env, value, &result));
  return result;
}

napi_value fromDouble(napi_env env, double value) {
  napi_value result = nullptr;
  check(env, napi_create_double(env, value, &result));
  return result;
}

napi_value fromInteger(napi_env env, int64_t value) {
  napi_value result = nullptr;
  constexpr int64_t kSafe = 9007199254740991;
  if (value >= -kSafe && value <= kSafe) {
    check(env, napi_create_int64(env, value, &result));
  } else {
    check(env, napi_create_bigint_int64(env, value, &result));
  }
  return result;
}

napi_value undefined(napi_env env) {
  napi_value value = nullptr;
  check(env, napi_get_undefined(env, &value));
  return value;
}

napi_value null(napi_env env) {
  napi_value value = nullptr;
  check(env, napi_get_null(env, &value));
  return value;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

void setFunction(napi_env env, napi_ref* reference, napi_value function) {
  napi_valuetype type;
  check(env, napi_typeof(env, function, &type));
  if (type != napi_function) throw ArgumentError("expected a function, got " + describe(env, function));
  if (*reference) napi_delete_reference(env, *reference);
  *reference = nullptr;
  check(env, napi_create_reference(env, function, 1, reference));
}

namespace {

// The text of a string or number, of at most 40 characters or so. Whatever fails here, fails silently: a worker that is
// being terminated answers every call with an error.
std::string excerpt(napi_env env, napi_value value) {
  char text[160] = "";
  size_t length = 0;
  napi_value string = nullptr;
  if (napi_coerce_to_string(env, value, &string) != napi_ok) return "";
  napi_get_value_string_utf8(env, string, text, sizeof text, &length);
  std::string result(text, length);
  if (length <= 40) return result;
  size_t end = 40;
  // not within a character of several bytes
  while (end < length && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) end++;
  return result.substr(0, end) + "…";
}

}  // namespace

std::string describe(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  switch (type) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean: {
      bool on = false;
      napi_get_value_bool(env, value, &on);
      return on ? "true" : "false";
    }
    case napi_number:
      return excerpt(env, value);
    case napi_string:
      return "\"" + excerpt(env, value) + "\"";
    case napi_bigint:
      return "a BigInt";
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_external:
      return "an external";
    default: {
      uint32_t length = 0;
      if (napi_get_array_length(env, value, &length) == napi_ok) return "an array of " + std::to_string(length);
      bool is = false;
      napi_is_typedarray(env, value, &is);
      return is ? "a typed array" : "an object";
    }
  }
}

}  // namespace fovea
