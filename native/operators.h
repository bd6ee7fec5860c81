#pragma once

#include <node_api.h>

namespace fovea {

// operator(name, overload) and schemas()
void exportOperators(napi_env env, napi_value exports);

}  // namespace fovea
