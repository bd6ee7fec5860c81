// Loops that the compiler vectorises for the processor they run on.
#pragma once

// Before a function of plain loops over pointers: it is compiled for AVX-512, AVX2 and the oldest processor, and the dynamic
// linker chooses. What it calls must be inlined (FOVEA_INLINE), or it runs as for the oldest; lambdas are not compiled anew.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define FOVEA_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOVEA_SIMD
#endif

#define FOVEA_INLINE inline __attribute__((always_inline))
