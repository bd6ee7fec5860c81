// Loops over as many numbers as one vector or a few hold.
#pragma once

// Before such a loop: it stays a loop until the compiler looks for vectors, which is after it has written out short ones.
#if defined(__GNUC__) && !defined(__clang__)
#define FOVEA_LANES _Pragma("GCC unroll 1")
// Before a short loop around them: it is written out, so that what its rounds hand on stays in vectors.
#define FOVEA_WRITTEN_OUT _Pragma("GCC unroll 16")
#else
#define FOVEA_LANES
#define FOVEA_WRITTEN_OUT
#endif
