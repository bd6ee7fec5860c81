// Gradients: leaves, backward, grad, and the modes that switch recording off.
#include "autograd.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include "entry.h"
#include "environment.h"
#include "javascript.h"
#include "values.h"

namespace fovea {

namespace {

std::vector<at::Tensor> toTensors(napi_env env, napi_value value) {
  uint32_t length = arrayLength(env, value);
  std::vector<at::Tensor> tensors;
  tensors.reserve(reserveFor(length));
  for (uint32_t i = 0; i < length; i++) tensors.push_back(toTensor(env, element(env, value, i)));
  return tensors;
}

napi_value requiresGrad(napi_env env, Arguments& arguments) {
  return fromBool(env, toTensor(env, arguments[0]).requires_grad());
}

napi_value setRequiresGrad(napi_env env, Arguments& arguments) {
  toTensor(env, arguments[0]).requires_grad_(toBool(env, arguments[1]));
  return undefined(env);
}

napi_value isLeaf(napi_env env, Arguments& arguments) {
  return fromBool(env, toTensor(env, arguments[0]).is_leaf());
}

napi_value grad(napi_env env, Arguments& arguments) {
  return Environment::of(env).wrap(toTensor(env, arguments[0]).grad());
}

napi_value setGrad(napi_env env, Arguments& arguments) {
  at::Tensor tensor = toTensor(env, arguments[0]);
  napi_valuetype type;
  check(env, napi_typeof(env, arguments[1], &type));
  if (type == napi_null) {
    tensor.mutable_grad().reset();
    return undefined(env);
  }
  at::Tensor gradient = toTensor(env, arguments[1]);
  if (gradient.sizes() != tensor.sizes()) throw ArgumentError("a gradient has the shape of its tensor");
  if (gradient.scalar_type() != tensor.scalar_type()) throw ArgumentError("a gradient has the dtype of its tensor");
  if (gradient.device() != tensor.device()) throw ArgumentError("a gradient lies on the device of its tensor");
  if (gradient.is_same(tensor)) throw ArgumentError("a tensor is not its own gradient");
  tensor.mutable_grad() = gradient;
  return undefined(env);
}

// Forgets the gradients of many tensors in one call: the next backward then writes them instead of adding to them.
napi_value clearGrads(napi_env env, Arguments& arguments) {
  for (at::Tensor& tensor : toTensors(env, arguments[0])) tensor.mutable_grad().reset();
  return undefined(env);
}

napi_value backward(napi_env env, Arguments& arguments) {
  std::vector<at::Tensor> outputs = toTensors(env, arguments[0]);
  std::vector<at::Tensor> gradients = toTensors(env, arguments[1]);
  bool retain = toBool(env, arguments[2]);
  torch::autograd::backward(outputs, gradients, retain, toBool(env, arguments[3]));
  return undefined(env);
}

napi_value gradientsOf(napi_env env, Arguments& arguments) {
  std::vector<at::Tensor> outputs = toTensors(env, arguments[0]);
  std::vector<at::Tensor> inputs = toTensors(env, arguments[1]);
  std::vector<at::Tensor> gradients = toTensors(env, arguments[2]);
  bool retain = toBool(env, arguments[3]);
  bool create = toBool(env, arguments[4]);
  auto results = torch::autograd::grad(outputs, inputs, gradients, retain, create, /*allow_unused=*/true);
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, results.size(), &array));
  for (size_t i = 0; i < results.size(); i++) {
    check(env, napi_set_element(env, array, static_cast<uint32_t>(i), Environment::of(env).wrap(results[i])));
  }
  return array;
}

// A weight that autocast cast while nothing was recorded has lost its way back to the weight. libtorch 1.13 would take the
// cast again where gradients are wanted, and the weight would silently have none.
void forgetCasts() { at::autocast::clear_cache(); }

napi_value gradEnabled(napi_env env, Arguments&) { return fromBool(env, c10::GradMode::is_enabled()); }

napi_value setGradEnabled(napi_env env, Arguments& arguments) {
  bool before = c10::GradMode::is_enabled();
  bool on = toBool(env, arguments[0]);
  if (on && !before) forgetCasts();
  c10::GradMode::set_enabled(on);
  return fromBool(env, before);
}

napi_value enterInferenceMode(napi_env env, Arguments&) {
  Environment::of(env).inferenceModes.push_back(std::make_unique<c10::InferenceMode>(true));
  return undefined(env);
}

napi_value exitInferenceMode(napi_env env, Arguments&) {
  auto& modes = Environment::of(env).inferenceModes;
  if (modes.empty()) throw ArgumentError("inference mode is not on");
  forgetCasts();
  modes.pop_back();
  return undefined(env);
}

}  // namespace

void exportAutograd(napi_env env, napi_value exports) {
  method<requiresGrad>(env, exports, "requiresGrad");
  method<setRequiresGrad>(env, exports, "setRequiresGrad");
  method<isLeaf>(env, exports, "isLeaf");
  method<grad>(env, exports, "grad");
  method<setGrad>(env, exports, "setGrad");
  method<clearGrads>(env, exports, "clearGrads");
  method<backward>(env, exports, "backward");
  method<gradientsOf>(env, exports, "gradientsOf");
  method<gradEnabled>(env, exports, "gradEnabled");
  method<setGradEnabled>(env, exports, "setGradEnabled");
  method<enterInferenceMode>(env, exports, "enterInferenceMode");
  method<exitInferenceMode>(env, exports, "exitInferenceMode");
}

}  // namespace fovea
