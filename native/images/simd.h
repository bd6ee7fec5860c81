// Vectors, and compiling a function for several processors at once.
#pragma once

#include <cstdint>
#include <cstring>

// Built three times, and the best one that the processor knows is taken when the library is loaded. All give the same
// bits: whole numbers, or floating point that must be compiled with -ffp-contract=off.
#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    __GNUC__ >= 12 && !defined(__SANITIZE_ADDRESS__)
#define FOVEA_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOVEA_CLONES
#endif

// For the parts of such a function, which are built with it.
#define FOVEA_INLINE inline __attribute__((always_inline))

namespace fovea::images {

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

}  // namespace fovea::images
