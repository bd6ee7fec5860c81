// Lion (src/optim/lion.ts): a step of all parameters.
#include <torch/library.h>

#include "simd.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

struct Lion {
  double rate, beta1, beta2, decay;
};

template <typename T>
FOVEA_INLINE void update(T* value, const T* gradient, T* mean, int64_t count, const Lion& by) {
  T rate = by.rate, keep = 1 - by.rate * by.decay;
  T beta1 = by.beta1, rest1 = 1 - by.beta1, beta2 = by.beta2, rest2 = 1 - by.beta2;
  for (int64_t i = 0; i < count; i++) {
    T direction = beta1 * mean[i] + rest1 * gradient[i];
    T sign = direction > 0 ? T(1) : direction < 0 ? T(-1) : T(0);
    value[i] = keep * value[i] - rate * sign;
    mean[i] = beta2 * mean[i] + rest2 * gradient[i];
  }
}

FOVEA_SIMD void updatePiece(float* value, const float* gradient, float* mean, int64_t count, const Lion& by) {
  update(value, gradient, mean, count, by);
}
FOVEA_SIMD void updatePiece(double* value, const double* gradient, double* mean, int64_t count, const Lion& by) {
  update(value, gradient, mean, count, by);
}

void compose(at::TensorList values, at::TensorList gradients, at::TensorList means, const Lion& by) {
  std::vector<at::Tensor> direction = at::_foreach_mul(means, at::Scalar(by.beta1));
  at::_foreach_add_(direction, gradients, 1 - by.beta1);
  // libtorch 1.13 has no sign of lists.
  for (at::Tensor& tensor : direction) tensor.sign_();
  if (by.decay != 0) at::_foreach_mul_(values, at::Scalar(1 - by.rate * by.decay));
  at::_foreach_add_(values, direction, -by.rate);
  at::_foreach_mul_(means, at::Scalar(by.beta2));
  at::_foreach_add_(means, gradients, 1 - by.beta2);
}

void lion(at::TensorList values, at::TensorList gradients, at::TensorList means, double rate, double beta1, double beta2,
          double decay) {
  Lion by{rate, beta1, beta2, decay};
  TensorRows rows({{values, true}, {gradients, false}, {means, true}});
  rows.each([&](const auto& piece) {
    updatePiece(piece.data[0], piece.data[1], piece.data[2], piece.count, by);
  });
  if (rows.others().empty()) return;
  auto pick = [&](at::TensorList list) { return picked(list, rows.others()); };
  compose(pick(values), pick(gradients), pick(means), by);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "lion_(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] means, float rate, float beta1, float beta2, "
      "float decay) -> ()");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("lion_", lion); }

}  // namespace fovea
