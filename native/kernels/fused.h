// The switch between this folder's kernels and the compositions of libtorch's own operators that give the same numbers.
#pragma once

namespace fovea {

// On at the start, unless the environment variable FOVEA_FUSED is 0. Of the whole process.
bool fusedKernels();
void setFusedKernels(bool on);

}  // namespace fovea
