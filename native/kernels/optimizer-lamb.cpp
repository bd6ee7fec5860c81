// LAMB (src/optim/lamb.ts): a step of all parameters.
#include <torch/library.h>

#include "optimizer-adam.h"
#include "squares.h"
#include "tensor-rows.h"

namespace fovea {

namespace {

/** Sums of squares: of weights, and of the steps that they are to take. */
struct Lengths {
  double weight = 0, step = 0;
};

template <typename T>
FOVEA_INLINE T directionOf(T value, T mean, T square, T decay, const AdamFactors<T>& by) {
  return stepAlong(mean, square, by) + decay * value;
}

/** Brings the means up to date. */
template <typename T>
FOVEA_INLINE Lengths prepare(const T* value, const T* gradient, T* mean, T* square, int64_t count, double decay,
                             const AdamStep& step) {
  AdamFactors<T> by(step);
  T share = decay;
  constexpr int64_t kFew = 512;
  T direction[kFew];
  Lengths lengths;
  for (int64_t first = 0; first < count; first += kFew) {
    int64_t few = count - first < kFew ? count - first : kFew;
    for (int64_t i = 0; i < few; i++) {
      T m = mean[first + i], s = square[first + i];
      intoMeans(gradient[first + i], m, s, by);
      mean[first + i] = m;
      square[first + i] = s;
      direction[i] = directionOf(value[first + i], m, s, share, by);
    }
    lengths.weight += sumOfSquares(value + first, few);
    lengths.step += sumOfSquares(direction, few);
  }
  return lengths;
}

template <typename T>
FOVEA_INLINE void move(T* value, const T* mean, const T* square, int64_t count, double decay, double rate,
                       const AdamStep& step) {
  AdamFactors<T> by(step);
  T share = decay, along = rate;
  for (int64_t i = 0; i < count; i++) value[i] -= along * directionOf(value[i], mean[i], square[i], share, by);
}

FOVEA_SIMD Lengths preparePiece(const float* value, const float* gradient, float* mean, float* square, int64_t count,
                                double decay, const AdamStep& step) {
  return prepare(value, gradient, mean, square, count, decay, step);
}
FOVEA_SIMD Lengths preparePiece(const double* value, const double* gradient, double* mean, double* square, int64_t count,
                                double decay, const AdamStep& step) {
  return prepare(value, gradient, mean, square, count, decay, step);
}
FOVEA_SIMD void movePiece(float* value, const float* mean, const float* square, int64_t count, double decay, double rate,
                          const AdamStep& step) {
  move(value, mean, square, count, decay, rate, step);
}
FOVEA_SIMD void movePiece(double* value, const double* mean, const double* square, int64_t count, double decay,
                          double rate, const AdamStep& step) {
  move(value, mean, square, count, decay, rate, step);
}

double trust(double weight, double step) { return weight > 0 && step > 0 ? weight / step : 1; }

void compose(at::TensorList values, at::TensorList gradients, at::TensorList means, at::TensorList squares, double rate,
             double decay, const std::vector<AdamStep>& steps) {
  std::vector<at::Tensor> roots = composeMeans(gradients, means, squares, steps);
  std::vector<at::Tensor> direction = at::_foreach_mul(values, at::Scalar(decay));
  at::_foreach_addcdiv_(direction, means, roots, corrections(steps, 1));
  auto lengths = [](at::TensorList tensors) {
    return at::stack(at::_foreach_norm(tensors, 2)).to(at::kCPU, at::kDouble).contiguous();
  };
  at::Tensor weights = lengths(values), ways = lengths(direction);
  std::vector<at::Scalar> rates;
  for (size_t i = 0; i < values.size(); i++) {
    rates.emplace_back(-rate * trust(weights.data_ptr<double>()[i], ways.data_ptr<double>()[i]));
  }
  at::_foreach_mul_(direction, rates);
  at::_foreach_add_(values, direction);
}

void lamb(at::TensorList values, at::TensorList gradients, at::TensorList means, at::TensorList squares,
          at::IntArrayRef updates, double rate, double beta1, double beta2, double eps, double decay) {
  TORCH_CHECK(updates.size() == values.size(), "there are ", updates.size(), " numbers of updates for ", values.size(),
              " tensors");
  std::vector<AdamStep> steps = adamSteps(beta1, beta2, eps, updates);
  TensorRows rows({{values, true}, {gradients, false}, {means, true}, {squares, true}});
  std::vector<Lengths> parts(rows.pieces());
  rows.each([&](const auto& piece) {
    const auto& [value, gradient, mean, square] = piece.data;
    parts[piece.number] = preparePiece(value, gradient, mean, square, piece.count, decay, steps[piece.place]);
  });
  std::vector<double> rates;
  for (size_t place = 0; place < values.size(); place++) {
    Lengths whole;
    auto [first, last] = rows.piecesOf(place);
    for (size_t i = first; i < last; i++) {
      whole.weight += parts[i].weight;
      whole.step += parts[i].step;
    }
    rates.push_back(rate * trust(std::sqrt(whole.weight), std::sqrt(whole.step)));
  }
  rows.each([&](const auto& piece) {
    const auto& [value, gradient, mean, square] = piece.data;
    movePiece(value, mean, square, piece.count, decay, rates[piece.place], steps[piece.place]);
  });
  if (rows.others().empty()) return;
  auto pick = [&](at::TensorList list) { return picked(list, rows.others()); };
  compose(pick(values), pick(gradients), pick(means), pick(squares), rate, decay, picked(steps, rows.others()));
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def(
      "lamb_(Tensor(a!)[] values, Tensor[] gradients, Tensor(b!)[] means, Tensor(c!)[] squares, int[] updates, "
      "float rate, float beta1, float beta2, float eps, float decay) -> ()");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("lamb_", lamb); }

}  // namespace fovea
