// The way in from JavaScript: what is thrown on the way becomes its exception, what libtorch warns of its warning.
#pragma once

#include <node_api.h>

#include <string>

#include "javascript.h"
#include "warnings.h"

namespace fovea {

// Turns the exception in flight into a pending JavaScript exception. Call it inside a catch block.
void rethrow(napi_env env, const std::string& operation, const std::string& inputs);

template <Function function>
napi_value entry(napi_env env, napi_callback_info info) {
  const char* name = "";
  try {
    Arguments arguments(env, info);
    name = static_cast<const char*>(arguments.data());
    napi_value result = function(env, arguments);
    if (warned) emitWarnings(env);
    return result;
  } catch (...) {
    rethrow(env, name, "");
    return nullptr;
  }
}

template <Function function>
void method(napi_env env, napi_value exports, const char* name) {
  napi_value value = nullptr;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, entry<function>, const_cast<char*>(name), &value));
  setProperty(env, exports, name, value);
}

}  // namespace fovea
