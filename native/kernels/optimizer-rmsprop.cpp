// RMSprop by PyTorch's and by TensorFlow's formulae (src/optim/rmsprop.ts): a step of all parameters.
#include <torch/library.h>

#include <cmath>

#include "simd.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

struct RmsProp {
  double rate, alpha, eps, momentum, decay;
  bool inTensorFlow;
};

template <typename T>
FOVEA_INLINE void update(T* value, const T* gradient, T* square, T* velocity, int64_t count, const RmsProp& by) {
  T alpha = by.alpha, rest = 1 - by.alpha, momentum = by.momentum, decay = by.decay;
  T inside = by.inTensorFlow ? by.eps : 0, outside = by.inTensorFlow ? 0 : by.eps;
  // TensorFlow's velocity holds steps that have been multiplied by the rate of their time.
  T early = by.inTensorFlow ? by.rate : 1, late = by.inTensorFlow ? 1 : by.rate;
  for (int64_t i = 0; i < count; i++) {
    T decayed = gradient[i] + decay * value[i];
    T mean = alpha * square[i] + rest * decayed * decayed;
    square[i] = mean;
    T step = early * decayed / (std::sqrt(mean + inside) + outside);
    if (velocity) {
      step += momentum * velocity[i];
      velocity[i] = step;
    }
    value[i] -= late * step;
  }
}

FOVEA_SIMD void updatePiece(float* value, const float* gradient, float* square, float* velocity, int64_t count,
                            const RmsProp& by) {
  update(value, gradient, square, velocity, count, by);
}
FOVEA_SIMD void updatePiece(double* value, const double* gradient, double* square, double* velocity, int64_t count,
                            const RmsProp& by) {
  update(value, gradient, square, velocity, count, by);
}

void compose(at::TensorList values, at::TensorList gradients, at::TensorList squares, at::TensorList velocities,
             const RmsProp& by) {
  std::vector<at::Tensor> decayed = gradients.vec();
  if (by.decay != 0) decayed = at::_foreach_add(gradients, values, by.decay);
  at::_foreach_mul_(squares, at::Scalar(by.alpha));
  at::_foreach_addcmul_(squares, decayed, decayed, at::Scalar(1 - by.alpha));
  std::vector<at::Tensor> roots;
  if (by.inTensorFlow) {
    roots = at::_foreach_add(squares, at::Scalar(by.eps));
    at::_foreach_sqrt_(roots);
  } else {
    roots = at::_foreach_sqrt(squares);
    at::_foreach_add_(roots, at::Scalar(by.eps));
  }
  if (by.momentum == 0) {
    at::_foreach_addcdiv_(values, decayed, roots, at::Scalar(-by.rate));
    return;
  }
  at::_foreach_mul_(velocities, at::Scalar(by.momentum));
  at::_foreach_addcdiv_(velocities, decayed, roots, at::Scalar(by.inTensorFlow ? by.rate : 1));
  at::_foreach_add_(values, velocities, by.inTensorFlow ? -1 : -by.rate);
}

void rmsprop(at::TensorList values, at::TensorList gradients, at::TensorList squares, at::TensorList velocities,
             double rate, double alpha, double eps, double momentum, double decay, bool inTensorFlow) {
  RmsProp by{rate, alpha, eps, momentum, decay, inTensorFlow};
  bool moving = momentum != 0;
  TensorRows rows = moving ? TensorRows({{values, true}, {gradients, false}, {squares, true}, {velocities, true}})
                           : TensorRows({{values, true}, {gradients, false}, {squares, true}});
  rows.each([&](const auto& piece) {
    updatePiece(piece.data[0], piece.data[1], piece.data[2], piece.data[3], piece.count, by);
  });
  if (rows.others().empty()) return;
  auto pick = [&](at::TensorList list) { return picked(list, rows.others()); };
  compose(pick(values), pick(gradients), pick(squares), moving ? pick(velocities) : std::vector<at::Tensor>(), by);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "rmsprop_(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] squares, Tensor(c!)[] velocities, float rate, "
      "float alpha, float eps, float momentum, float decay, bool in_tensorflow) -> ()");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("rmsprop_", rmsprop); }

}  // namespace fovea
