// The engine's switches and facts: threads, seeds, determinism, memory, what libtorch this is.
#include "engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/cuda.h>
#include <torch/version.h>

#include <algorithm>
#include <thread>

#include "allocator.h"
#include "capability.h"
#include "entry.h"
#include "environment.h"
#include "javascript.h"
#include "kernels/fused.h"
#include "system-memory.h"
#include "values.h"

namespace fovea {

namespace {

napi_value setThreads(napi_env env, Arguments& arguments) {
  int64_t threads = toInteger(env, arguments[0]);
  // More than the system grants would end the process: OpenMP knows no other way.
  int64_t most = std::max<int64_t>(64, 4 * static_cast<int64_t>(std::thread::hardware_concurrency()));
  if (threads < 1 || threads > most) {
    throw ArgumentError("the number of threads lies between 1 and " + std::to_string(most));
  }
  at::set_num_threads(static_cast<int>(threads));
  return undefined(env);
}

napi_value threads(napi_env env, Arguments&) { return fromInteger(env, at::get_num_threads()); }

napi_value manualSeed(napi_env env, Arguments& arguments) {
  at::manual_seed(static_cast<uint64_t>(toInteger(env, arguments[0])));
  return undefined(env);
}

at::Generator generator(napi_env env, napi_value device) {
  return at::globalContext().defaultGenerator(deviceOf(toString(env, device)));
}

napi_value generatorState(napi_env env, Arguments& arguments) {
  at::Generator found = generator(env, arguments[0]);
  std::lock_guard<std::mutex> lock(found.mutex());
  return Environment::of(env).wrap(found.get_state());
}

napi_value setGeneratorState(napi_env env, Arguments& arguments) {
  at::Generator found = generator(env, arguments[0]);
  at::Tensor state = toTensor(env, arguments[1]);
  std::lock_guard<std::mutex> lock(found.mutex());
  found.set_state(state);
  return undefined(env);
}

napi_value setDeterministic(napi_env env, Arguments& arguments) {
  bool on = toBool(env, arguments[0]);
  at::globalContext().setDeterministicAlgorithms(on, /*warn_only=*/false);
  at::globalContext().setDeterministicCuDNN(on);
  return undefined(env);
}

napi_value deterministic(napi_env env, Arguments&) {
  return fromBool(env, at::globalContext().deterministicAlgorithms());
}

napi_value setFused(napi_env env, Arguments& arguments) {
  setFusedKernels(toBool(env, arguments[0]));
  return undefined(env);
}

napi_value fused(napi_env env, Arguments&) { return fromBool(env, fusedKernels()); }

napi_value setErrorFactory(napi_env env, Arguments& arguments) {
  setFunction(env, &Environment::of(env).errorFactory, arguments[0]);
  return undefined(env);
}

napi_value setWarningSink(napi_env env, Arguments& arguments) {
  setFunction(env, &Environment::of(env).warningSink, arguments[0]);
  return undefined(env);
}

napi_value memory(napi_env env, Arguments&) {
  Environment& environment = Environment::of(env);
  AllocatorStatistics statistics = allocatorStatistics();
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "tensors", fromInteger(env, environment.liveTensors()));
  setProperty(env, object, "bytes", fromInteger(env, environment.liveBytes()));
  setProperty(env, object, "scopes", fromInteger(env, static_cast<int64_t>(environment.scopeDepth())));
  setProperty(env, object, "used", fromInteger(env, statistics.used));
  setProperty(env, object, "cached", fromInteger(env, statistics.cached));
  setProperty(env, object, "peak", fromInteger(env, statistics.peak));
  setProperty(env, object, "peakReserved", fromInteger(env, statistics.peakReserved));
  setProperty(env, object, "limit", fromInteger(env, statistics.limit));
  setProperty(env, object, "systemAllocations", fromInteger(env, statistics.systemAllocations));
  return object;
}

napi_value emptyCache(napi_env env, Arguments&) {
  fovea::emptyCache();
  return undefined(env);
}

napi_value resetPeakMemory(napi_env env, Arguments&) {
  resetPeak();
  return undefined(env);
}

napi_value synchronize(napi_env env, Arguments&) {
  if (torch::cuda::is_available()) torch::cuda::synchronize();
  return undefined(env);
}

napi_value info(napi_env env, Arguments&) {
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "version", fromString(env, TORCH_VERSION));
  setProperty(env, object, "threads", fromInteger(env, at::get_num_threads()));
  setProperty(env, object, "oneDnn", fromBool(env, at::globalContext().hasMKLDNN()));
  setProperty(env, object, "cudaDevices",
              fromInteger(env, torch::cuda::is_available() ? static_cast<int64_t>(torch::cuda::device_count()) : 0));
  setProperty(env, object, "builtWithCuda", fromBool(env, at::hasCUDA() || torch::cuda::is_available()));
  setProperty(env, object, "capabilityChoice", fromString(env, capabilityChoice()));
  setProperty(env, object, "hugePages", fromBool(env, hugePages()));
  setProperty(env, object, "configuration", fromString(env, at::show_config()));
  return object;
}

}  // namespace

void exportEngine(napi_env env, napi_value exports) {
  method<setThreads>(env, exports, "setThreads");
  method<threads>(env, exports, "threads");
  method<manualSeed>(env, exports, "manualSeed");
  method<generatorState>(env, exports, "generatorState");
  method<setGeneratorState>(env, exports, "setGeneratorState");
  method<setDeterministic>(env, exports, "setDeterministic");
  method<deterministic>(env, exports, "deterministic");
  method<setFused>(env, exports, "setFused");
  method<fused>(env, exports, "fused");
  method<setErrorFactory>(env, exports, "setErrorFactory");
  method<setWarningSink>(env, exports, "setWarningSink");
  method<memory>(env, exports, "memory");
  method<emptyCache>(env, exports, "emptyCache");
  method<resetPeakMemory>(env, exports, "resetPeakMemory");
  method<synchronize>(env, exports, "synchronize");
  method<info>(env, exports, "info");
}

}  // namespace fovea
