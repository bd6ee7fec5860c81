// Mixed precision: libtorch's autocast, which gives convolutions and matrix products their inputs in a 16-bit type.
#pragma once

#include <ATen/ATen.h>
#include <node_api.h>

namespace fovea {

// Autocast of the calling thread for one kind of device, as long as this lives. They nest, and end in reverse order.
class Autocast {
 public:
  Autocast(at::DeviceType device, at::ScalarType dtype);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool enabledBefore_;
  at::ScalarType dtypeBefore_;
};

void exportAutocast(napi_env env, napi_value exports);

}  // namespace fovea
