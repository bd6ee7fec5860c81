#include "capability.h"

#include <cstdlib>

namespace fovea {

namespace {
std::string choice = "libtorch";
}

void chooseCapability() {
  if (std::getenv("ATEN_CPU_CAPABILITY")) {
    choice = "environment";
    return;
  }
  // libtorch chooses when the first kernel runs, and takes AVX-512 only where this variable asks for it.
#if defined(__x86_64__) && defined(__linux__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    setenv("ATEN_CPU_CAPABILITY", "avx512", /*overwrite=*/0);
    choice = "fovea";
  }
#endif
}

const std::string& capabilityChoice() { return choice; }

}  // namespace fovea
