// Stochastic gradient descent with momentum (src/optim/sgd.ts): a step of all parameters.
#include <torch/library.h>

#include "simd.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

struct Sgd {
  double rate, momentum;
  bool nesterov;
  double decay;
};

template <typename T>
FOVEA_INLINE void update(T* value, const T* gradient, T* velocity, int64_t count, const Sgd& by) {
  T rate = by.rate, momentum = by.momentum, decay = by.decay;
  bool nesterov = by.nesterov;
  if (!velocity) {
    for (int64_t i = 0; i < count; i++) value[i] -= rate * (gradient[i] + decay * value[i]);
    return;
  }
  for (int64_t i = 0; i < count; i++) {
    T direction = gradient[i] + decay * value[i];
    T next = momentum * velocity[i] + direction;
    velocity[i] = next;
    value[i] -= rate * (nesterov ? direction + momentum * next : next);
  }
}

FOVEA_SIMD void updatePiece(float* value, const float* gradient, float* velocity, int64_t count, const Sgd& by) {
  update(value, gradient, velocity, count, by);
}
FOVEA_SIMD void updatePiece(double* value, const double* gradient, double* velocity, int64_t count, const Sgd& by) {
  update(value, gradient, velocity, count, by);
}

void compose(at::TensorList values, at::TensorList gradients, at::TensorList velocities, const Sgd& by) {
  std::vector<at::Tensor> direction = gradients.vec();
  if (by.decay != 0) direction = at::_foreach_add(direction, values, by.decay);
  if (by.momentum != 0) {
    at::_foreach_mul_(velocities, at::Scalar(by.momentum));
    at::_foreach_add_(velocities, direction);
    direction = by.nesterov ? at::_foreach_add(direction, velocities, by.momentum) : velocities.vec();
  }
  at::_foreach_add_(values, direction, -by.rate);
}

void sgd(at::TensorList values, at::TensorList gradients, at::TensorList velocities, double rate, double momentum,
         bool nesterov, double decay) {
  Sgd by{rate, momentum, nesterov, decay};
  bool moving = momentum != 0;
  TensorRows rows = moving ? TensorRows({{values, true}, {gradients, false}, {velocities, true}})
                           : TensorRows({{values, true}, {gradients, false}});
  rows.each([&](const auto& piece) {
    updatePiece(piece.data[0], piece.data[1], piece.data[2], piece.count, by);
  });
  if (rows.others().empty()) return;
  auto pick = [&](at::TensorList list) { return picked(list, rows.others()); };
  compose(pick(values), pick(gradients), moving ? pick(velocities) : std::vector<at::Tensor>(), by);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "sgd_(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] velocities, float rate, float momentum, "
      "bool nesterov, float decay) -> ()");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("sgd_", sgd); }

}  // namespace fovea
