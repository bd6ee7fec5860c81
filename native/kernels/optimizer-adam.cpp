// Adam and AdamW (src/optim/adam.ts, src/optim/adamw.ts): a step of all parameters.
#include "optimizer-adam.h"

#include <torch/library.h>

#include "tensor-rows.h"

namespace fovea {

std::vector<AdamStep> adamSteps(double beta1, double beta2, double eps, at::IntArrayRef updates) {
  std::vector<AdamStep> steps;
  steps.reserve(updates.size());
  for (int64_t count : updates) {
    // Most often all parameters have had as many.
    bool again = !steps.empty() && count == updates[steps.size() - 1];
    steps.push_back(again ? steps.back() : AdamStep(beta1, beta2, eps, count));
  }
  return steps;
}

std::vector<AdamStep> picked(const std::vector<AdamStep>& list, const std::vector<size_t>& places) {
  std::vector<AdamStep> found;
  for (size_t place : places) found.push_back(list[place]);
  return found;
}

std::vector<at::Scalar> corrections(const std::vector<AdamStep>& steps, double factor) {
  std::vector<at::Scalar> all;
  for (const AdamStep& step : steps) all.emplace_back(factor * step.corrected1);
  return all;
}

std::vector<at::Tensor> composeMeans(at::TensorList gradients, at::TensorList means, at::TensorList squares,
                                     const std::vector<AdamStep>& steps) {
  const AdamStep& by = steps.front();
  at::_foreach_mul_(means, at::Scalar(by.beta1));
  at::_foreach_add_(means, gradients, 1 - by.beta1);
  at::_foreach_mul_(squares, at::Scalar(by.beta2));
  at::_foreach_addcmul_(squares, gradients, gradients, at::Scalar(1 - by.beta2));
  std::vector<at::Tensor> roots = at::_foreach_sqrt(squares);
  std::vector<at::Scalar> factors;
  for (const AdamStep& step : steps) factors.emplace_back(step.corrected2);
  at::_foreach_mul_(roots, factors);
  at::_foreach_add_(roots, at::Scalar(by.eps));
  return roots;
}

namespace {

struct Adam {
  double rate, decay;
  bool decoupled;
};

template <typename T>
FOVEA_INLINE void update(T* value, const T* gradient, T* mean, T* square, int64_t count, const Adam& by,
                         const AdamStep& step) {
  AdamFactors<T> factors(step);
  T rate = by.rate, decay = by.decoupled ? 0 : by.decay, keep = by.decoupled ? 1 - by.rate * by.decay : 1;
  for (int64_t i = 0; i < count; i++) {
    T weight = keep * value[i], m = mean[i], s = square[i];
    intoMeans(gradient[i] + decay * weight, m, s, factors);
    mean[i] = m;
    square[i] = s;
    value[i] = weight - rate * stepAlong(m, s, factors);
  }
}

FOVEA_SIMD void updatePiece(float* value, const float* gradient, float* mean, float* square, int64_t count, const Adam& by,
                            const AdamStep& step) {
  update(value, gradient, mean, square, count, by, step);
}
FOVEA_SIMD void updatePiece(double* value, const double* gradient, double* mean, double* square, int64_t count,
                            const Adam& by, const AdamStep& step) {
  update(value, gradient, mean, square, count, by, step);
}

void compose(at::TensorList values, at::TensorList gradients, at::TensorList means, at::TensorList squares, const Adam& by,
             const std::vector<AdamStep>& steps) {
  std::vector<at::Tensor> decayed = gradients.vec();
  if (by.decay != 0 && by.decoupled) at::_foreach_mul_(values, at::Scalar(1 - by.rate * by.decay));
  if (by.decay != 0 && !by.decoupled) decayed = at::_foreach_add(gradients, values, by.decay);
  std::vector<at::Tensor> roots = composeMeans(decayed, means, squares, steps);
  at::_foreach_addcdiv_(values, means, roots, corrections(steps, -by.rate));
}

void adam(at::TensorList values, at::TensorList gradients, at::TensorList means, at::TensorList squares,
          at::IntArrayRef updates, double rate, double beta1, double beta2, double eps, double decay, bool decoupled) {
  TORCH_CHECK(updates.size() == values.size(), "there are ", updates.size(), " numbers of updates for ", values.size(),
              " tensors");
  Adam by{rate, decay, decoupled};
  std::vector<AdamStep> steps = adamSteps(beta1, beta2, eps, updates);
  TensorRows rows({{values, true}, {gradients, false}, {means, true}, {squares, true}});
  rows.each([&](const auto& piece) {
    updatePiece(piece.data[0], piece.data[1], piece.data[2], piece.data[3], piece.count, by, steps[piece.place]);
  });
  if (rows.others().empty()) return;
  auto pick = [&](at::TensorList list) { return picked(list, rows.others()); };
  compose(pick(values), pick(gradients), pick(means), pick(squares), by, picked(steps, rows.others()));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "adam_(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] means, Tensor(c!)[] squares, int[] updates, "
      "float rate, float beta1, float beta2, float eps, float decay, bool decoupled) -> ()");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("adam_", adam); }

}  // namespace fovea
