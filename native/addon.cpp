// The addon's entry.
#include <dlfcn.h>
#include <node_api.h>

#include "allocator.h"
#include "autocast.h"
#include "autograd.h"
#include "capability.h"
#include "data.h"
#include "engine.h"
#include "entry.h"
#include "environment.h"
#include "operators.h"

namespace {

// Node unloads an addon with the last worker that loaded it; libtorch would go on calling into what is gone.
void stayLoaded() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&stayLoaded), &info)) dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
}

void close(node_api_basic_env, void* data, void*) { static_cast<fovea::Environment*>(data)->close(); }

}  // namespace

NAPI_MODULE_INIT() {
  static const bool once = [] {
    stayLoaded();
    fovea::chooseCapability();
    fovea::installAllocator();
    return true;
  }();
  (void)once;
  fovea::collectWarnings();
  if (napi_set_instance_data(env, new fovea::Environment(env), close, nullptr) != napi_ok) return nullptr;
  try {
    fovea::exportOperators(env, exports);
    fovea::exportAutograd(env, exports);
    fovea::exportAutocast(env, exports);
    fovea::exportData(env, exports);
    fovea::exportEngine(env, exports);
  } catch (...) {
    fovea::rethrow(env, "", "");
    return nullptr;
  }
  return exports;
}
