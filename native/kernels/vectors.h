// Vectors for kernels whose sums must stay in registers, which plain loops do not promise. Such a kernel is a template over
// their width, with one outer function for each kind of processor: 64 bytes under FOVEA_V4, 32 under FOVEA_V3, else 16.
#pragma once

#include <cstring>

#include "simd.h"

#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOVEA_V4 __attribute__((target("arch=x86-64-v4")))
#define FOVEA_V3 __attribute__((target("arch=x86-64-v3")))
#else
#define FOVEA_V4
#define FOVEA_V3
#endif

namespace fovea {

/** How wide this processor's vectors are, in bytes: 64, 32 or 16. */
inline int vectorBytes() {
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
  static const int bytes = [] {
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2")) return 16;
    bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
              __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
              __builtin_cpu_supports("avx512vl");
    return v4 ? 64 : 32;
  }();
  return bytes;
#else
  return 16;
#endif
}

/** Of a kernel for vectors of 64 bytes, of 32 and of 16, the one for this processor. */
template <typename Kernel>
Kernel* forVectors(Kernel* widest, Kernel* middle, Kernel* narrowest) {
  const int bytes = vectorBytes();
  return bytes == 64 ? widest : bytes == 32 ? middle : narrowest;
}

template <typename T, int Bytes>
struct Lanes {
  static constexpr int count = Bytes / sizeof(T);
  typedef T type __attribute__((vector_size(Bytes)));
};

// By reference, not by value: how such a vector is passed depends on the processor.
template <typename V, typename T>
FOVEA_INLINE void load(V& to, const T* from) {
  std::memcpy(&to, from, sizeof to);
}

template <typename V, typename T>
FOVEA_INLINE void store(T* to, const V& from) {
  std::memcpy(to, &from, sizeof from);
}

}  // namespace fovea
