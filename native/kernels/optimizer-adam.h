// What Adam, AdamW and LAMB share: the running means of gradients and of their squares, and the step that follows from them.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <vector>

#include "simd.h"

namespace fovea {

/** Of one parameter, after its number of updates. */
struct AdamStep {
  double beta1, beta2, eps;
  double corrected1, corrected2;  // what a mean is multiplied by because it began at 0; of squares, its root

  AdamStep(double beta1, double beta2, double eps, int64_t updates)
      : beta1(beta1),
        beta2(beta2),
        eps(eps),
        corrected1(1 / (1 - std::pow(beta1, static_cast<double>(updates)))),
        corrected2(1 / std::sqrt(1 - std::pow(beta2, static_cast<double>(updates)))) {}
};

/** The same in the type of the tensors. */
template <typename T>
struct AdamFactors {
  T beta1, rest1, beta2, rest2, eps, corrected1, corrected2;

  FOVEA_INLINE explicit AdamFactors(const AdamStep& by)
      : beta1(by.beta1),
        rest1(1 - by.beta1),
        beta2(by.beta2),
        rest2(1 - by.beta2),
        eps(by.eps),
        corrected1(by.corrected1),
        corrected2(by.corrected2) {}
};

/** Takes a gradient into the means. */
template <typename T>
FOVEA_INLINE void intoMeans(T gradient, T& mean, T& square, const AdamFactors<T>& by) {
  mean = by.beta1 * mean + by.rest1 * gradient;
  square = by.beta2 * square + by.rest2 * gradient * gradient;
}

/** The step along the means, for a learning rate of 1. */
template <typename T>
FOVEA_INLINE T stepAlong(T mean, T square, const AdamFactors<T>& by) {
  return by.corrected1 * mean / (std::sqrt(square) * by.corrected2 + by.eps);
}

/** By libtorch's operators: brings the means up to date; the roots of the mean squares, corrected and with eps added. */
std::vector<at::Tensor> composeMeans(at::TensorList gradients, at::TensorList means, at::TensorList squares,
                                     const std::vector<AdamStep>& steps);

/** For every number of updates. */
std::vector<AdamStep> adamSteps(double beta1, double beta2, double eps, at::IntArrayRef updates);

/** `corrected1` of every step times a factor. */
std::vector<at::Scalar> corrections(const std::vector<AdamStep>& steps, double factor);

/** What stands at some places of a list. */
std::vector<AdamStep> picked(const std::vector<AdamStep>& list, const std::vector<size_t>& places);

}  // namespace fovea
