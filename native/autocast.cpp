#include "autocast.h"

#include <ATen/autocast_mode.h>
#include <torch/library.h>
#include <torch/version.h>

#include "entry.h"
#include "environment.h"
#include "javascript.h"
#include "values.h"

namespace fovea {

namespace {

#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
constexpr bool kHalfOnCpu = true;
bool enabled(at::DeviceType device) { return at::autocast::is_autocast_enabled(device); }
void enable(at::DeviceType device, bool on) { at::autocast::set_autocast_enabled(device, on); }
at::ScalarType dtypeFor(at::DeviceType device) { return at::autocast::get_autocast_dtype(device); }
void setDtype(at::DeviceType device, at::ScalarType dtype) { at::autocast::set_autocast_dtype(device, dtype); }
#else
constexpr bool kHalfOnCpu = false;
bool enabled(at::DeviceType device) {
  return device == at::kCPU ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
}
void enable(at::DeviceType device, bool on) {
  if (device == at::kCPU) at::autocast::set_cpu_enabled(on);
  else at::autocast::set_enabled(on);
}
at::ScalarType dtypeFor(at::DeviceType device) {
  return device == at::kCPU ? at::autocast::get_autocast_cpu_dtype() : at::autocast::get_autocast_gpu_dtype();
}
void setDtype(at::DeviceType device, at::ScalarType dtype) {
  if (device == at::kCPU) at::autocast::set_autocast_cpu_dtype(dtype);
  else at::autocast::set_autocast_gpu_dtype(dtype);
}
#endif

napi_value enterAutocast(napi_env env, Arguments& arguments) {
  at::DeviceType device = deviceOf(toString(env, arguments[0])).type();
  at::ScalarType dtype = scalarTypeOf(toString(env, arguments[1]));
  if (device != at::kCPU && device != at::kCUDA) throw ArgumentError("autocast knows the CPU and CUDA devices");
  if (dtype != at::kBFloat16 && dtype != at::kHalf) throw ArgumentError("autocast is to bfloat16 or float16");
  if (device == at::kCPU && dtype == at::kHalf && !kHalfOnCpu) {
    throw ArgumentError("on the CPU the autocast of this libtorch is to bfloat16 alone");
  }
  Environment::of(env).autocasts.push_back(std::make_unique<Autocast>(device, dtype));
  return undefined(env);
}

napi_value exitAutocast(napi_env env, Arguments&) {
  auto& autocasts = Environment::of(env).autocasts;
  if (autocasts.empty()) throw ArgumentError("autocast is not on");
  autocasts.pop_back();
  return undefined(env);
}

// What CUDA's autocast computes in float32 and the CPU's leaves in the 16-bit type. Logarithms of probabilities would be
// right to three digits there, and libtorch 1.13 has no group or layer norm of a 16-bit input with float32 weights at all.
at::Tensor inFloat32(const at::Tensor& x) { return at::autocast::cached_cast(at::kFloat, x, at::kCPU); }

using WithoutAutocast = c10::impl::ExcludeDispatchKeyGuard;

at::Tensor softmax(const at::Tensor& x, int64_t dim, c10::optional<at::ScalarType> dtype) {
  WithoutAutocast guard(c10::DispatchKey::AutocastCPU);
  return at::softmax(inFloat32(x), dim, dtype);
}

at::Tensor logSoftmax(const at::Tensor& x, int64_t dim, c10::optional<at::ScalarType> dtype) {
  WithoutAutocast guard(c10::DispatchKey::AutocastCPU);
  return at::log_softmax(inFloat32(x), dim, dtype);
}

at::Tensor groupNorm(const at::Tensor& x, int64_t groups, const c10::optional<at::Tensor>& weight,
                     const c10::optional<at::Tensor>& bias, double eps, bool cudnn) {
  WithoutAutocast guard(c10::DispatchKey::AutocastCPU);
  return at::group_norm(inFloat32(x), groups, weight, bias, eps, cudnn);
}

at::Tensor layerNorm(const at::Tensor& x, at::IntArrayRef shape, const c10::optional<at::Tensor>& weight,
                     const c10::optional<at::Tensor>& bias, double eps, bool cudnn) {
  WithoutAutocast guard(c10::DispatchKey::AutocastCPU);
  return at::layer_norm(inFloat32(x), shape, weight, bias, eps, cudnn);
}

// libtorch 1.13 has no gradient of a 16-bit one on the CPU.
at::Tensor relu6(const at::Tensor& x) {
  WithoutAutocast guard(c10::DispatchKey::AutocastCPU);
  return at::relu6(inFloat32(x)).to(x.scalar_type());
}

}  // namespace

Autocast::Autocast(at::DeviceType device, at::ScalarType dtype)
    : device_(device), enabledBefore_(enabled(device)), dtypeBefore_(dtypeFor(device)) {
  setDtype(device, dtype);
  enable(device, true);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  // The cache holds the weights' casts, which the next step of an optimiser makes wrong.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  enable(device_, enabledBefore_);
  setDtype(device_, dtypeBefore_);
}

void exportAutocast(napi_env env, napi_value exports) {
  method<enterAutocast>(env, exports, "enterAutocast");
  method<exitAutocast>(env, exports, "exitAutocast");
}

}  // namespace fovea

TORCH_LIBRARY_IMPL(aten, AutocastCPU, library) {
  library.impl("softmax.int", fovea::softmax);
  library.impl("log_softmax.int", fovea::logSoftmax);
  library.impl("group_norm", fovea::groupNorm);
  library.impl("layer_norm", fovea::layerNorm);
  library.impl("relu6", fovea::relu6);
}
