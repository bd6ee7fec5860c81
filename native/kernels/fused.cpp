#include "fused.h"

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace fovea {

namespace {

std::atomic<bool>& enabled() {
  static std::atomic<bool> on = [] {
    const char* value = std::getenv("FOVEA_FUSED");
    return value == nullptr || std::strcmp(value, "0") != 0;
  }();
  return on;
}

}  // namespace

bool fusedKernels() { return enabled().load(std::memory_order_relaxed); }
void setFusedKernels(bool on) { enabled().store(on, std::memory_order_relaxed); }

}  // namespace fovea
