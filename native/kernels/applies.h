// Which tensors this folder's kernels take.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include "fused.h"

namespace fovea {

/** Numbers of 32 or 64 bits in the processor's memory, at least one, and nothing that would change their type on the way. */
inline bool kernelTakes(const at::Tensor& x) {
  return fusedKernels() && x.device().is_cpu() && x.layout() == at::kStrided &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble) && x.numel() > 0 &&
         // excluded means off
         c10::impl::tls_is_dispatch_key_excluded(c10::DispatchKey::AutocastCPU);
}

}  // namespace fovea
