#pragma once

#include <node_api.h>

namespace fovea {

void exportEngine(napi_env env, napi_value exports);

}  // namespace fovea
