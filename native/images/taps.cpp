#include "taps.h"

#include <algorithm>
#include <cmath>

namespace fovea::images {

namespace {

double bilinear(double x) {
  x = std::fabs(x);
  return x < 1 ? 1 - x : 0;
}

// Keys 1981 with a = -1/2, in Pillow's order of operations.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

// Every operation as in Pillow's Resample.c, so that the last bits of the weights agree.
template <typename Kernel>
void compute(const Axis& axis, double kernelSupport, Kernel kernel, Taps& taps) {
  double scale = (axis.to - axis.from) / axis.out;
  double widening = std::max(1.0, scale);
  double support = kernelSupport * widening;
  double narrowing = 1 / widening;
  taps.stride = int(std::ceil(support)) * 2 + 1;
  taps.first.resize(axis.out);
  taps.count.resize(axis.out);
  taps.weights.resize(size_t(axis.out) * taps.stride);
  thread_local std::vector<double> exact;
  exact.resize(taps.stride);
  for (int i = 0; i < axis.out; i++) {
    double center = axis.from + (i + 0.5) * scale;
    int start = std::max(0, int(center - support + 0.5));
    int end = std::min(axis.length, int(center + support + 0.5));
    int count = end - start;
    double sum = 0;
    for (int k = 0; k < count; k++) {
      exact[k] = kernel((k + start - center + 0.5) * narrowing);
      sum += exact[k];
    }
    int32_t* weights = taps.weights.data() + size_t(i) * taps.stride;
    for (int k = 0; k < count; k++) {
      double share = sum != 0 ? exact[k] / sum : exact[k];
      double fixed = share * (1 << kWeightBits);
      weights[k] = int32_t(fixed < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    // Sums of whole numbers do not depend on their order.
    if (axis.mirrored) std::reverse(weights, weights + count);
    taps.first[i] = axis.mirrored ? axis.length - end : start;
    taps.count[i] = count;
  }
}

}  // namespace

void computeTaps(const Axis& axis, Interpolation interpolation, Taps& taps) {
  if (taps.axis == axis && taps.interpolation == interpolation) return;
  // Not yet: an allocation may fail before all is there.
  taps.axis = {};
  if (interpolation == Interpolation::kBicubic) compute(axis, 2, bicubic, taps);
  else compute(axis, 1, bilinear, taps);
  taps.axis = axis;
  taps.interpolation = interpolation;
}

void computeIndices(const Axis& axis, std::vector<int32_t>& indices) {
  indices.resize(axis.out);
  double step = (axis.to - axis.from) / axis.out;
  // Added up step by step, as Pillow does: a product would differ in the last bit, and so now and then by a pixel.
  double position = axis.from + step * 0.5;
  for (int i = 0; i < axis.out; i++, position += step) {
    int index = std::min(axis.length - 1, int(position));
    indices[i] = axis.mirrored ? axis.length - 1 - index : index;
  }
}

}  // namespace fovea::images
