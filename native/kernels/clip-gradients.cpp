// Gradient clipping by the norm of all gradients together (src/optim/clip.ts).
#include <torch/library.h>

#include <cmath>

#include "simd.h"
#include "squares.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

FOVEA_SIMD double sumOfPiece(const float* x, int64_t count) { return sumOfSquares(x, count); }
FOVEA_SIMD double sumOfPiece(const double* x, int64_t count) { return sumOfSquares(x, count); }

template <typename T>
FOVEA_INLINE void scale(T* x, int64_t count, double factor) {
  T by = factor;
  for (int64_t i = 0; i < count; i++) x[i] *= by;
}
FOVEA_SIMD void scalePiece(float* x, int64_t count, double factor) { scale(x, count, factor); }
FOVEA_SIMD void scalePiece(double* x, int64_t count, double factor) { scale(x, count, factor); }

double clip(at::TensorList gradients, double most) {
  TensorRows rows({{gradients, true}});
  std::vector<double> parts(rows.pieces());
  rows.each([&](const auto& piece) { parts[piece.number] = sumOfPiece(piece.data[0], piece.count); });
  double sum = 0;
  for (double part : parts) sum += part;
  std::vector<at::Tensor> others = picked(gradients, rows.others());
  if (!others.empty()) {
    sum += at::stack(at::_foreach_norm(others, 2)).to(at::kCPU, at::kDouble).square().sum().item<double>();
  }
  double norm = std::sqrt(sum), factor = most / (norm + 1e-6);
  // Also where the norm is not a number.
  if (!(factor >= 1)) {
    rows.each([&](const auto& piece) { scalePiece(piece.data[0], piece.count, factor); });
    if (!others.empty()) at::_foreach_mul_(others, at::Scalar(factor));
  }
  return norm;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) { library.def("clip_gradients_(Tensor(a!)[] gradients, float most) -> float"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("clip_gradients_", clip); }

}  // namespace fovea
