#pragma once

#include <node_api.h>

namespace fovea {

void exportData(napi_env env, napi_value exports);

}  // namespace fovea
