// libtorch's warnings, as warnings of Node: each text once, without the C++ file that it comes from.
#pragma once

#include <node_api.h>

namespace fovea {

// True when this thread has warnings to emit. `__thread`, unlike `thread_local`, costs one load.
extern __thread bool warned;

// Takes over the warnings of the calling thread.
void collectWarnings();
// Hands the warnings of the calling thread to JavaScript.
void emitWarnings(napi_env env);

}  // namespace fovea
