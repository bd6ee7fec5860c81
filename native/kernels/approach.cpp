// Moving tensors a share of the way to others, for averages of weights (src/train/weight-average.ts).
#include <torch/library.h>

#include <cmath>

#include "simd.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

template <typename T>
FOVEA_INLINE void move(T* from, const T* to, int64_t count, double share) {
  T by = share;
  // Equal elements keep their bits.
  for (int64_t i = 0; i < count; i++) from[i] += by * (to[i] - from[i]);
}
FOVEA_SIMD void movePiece(float* from, const float* to, int64_t count, double share) { move(from, to, count, share); }
FOVEA_SIMD void movePiece(double* from, const double* to, int64_t count, double share) { move(from, to, count, share); }

void approach(at::TensorList from, at::TensorList to, double share) {
  TensorRows rows({{from, true}, {to, false}});
  rows.each([&](const auto& piece) { movePiece(piece.data[0], piece.data[1], piece.count, share); });
  if (rows.others().empty()) return;
  std::vector<at::Tensor> others = picked(from, rows.others());
  std::vector<at::Tensor> ways = at::_foreach_add(picked(to, rows.others()), others, -1);
  // Whole numbers only take whole ones.
  bool whole = share == std::trunc(share);
  at::_foreach_add_(others, ways, whole ? at::Scalar(static_cast<int64_t>(share)) : at::Scalar(share));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) { library.def("approach_(Tensor(a!)[] values, Tensor[] to, float share) -> ()"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("approach_", approach); }

}  // namespace fovea
