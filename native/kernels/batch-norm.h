// Batch norm with what follows it: what goes in and comes out of its passes over the tensor.
#pragma once

#include <ATen/ATen.h>

#include <utility>

namespace fovea::batchnorm {

enum class Activation : int64_t { none, relu, relu6, silu, hardswish };

/** Undefined tensors stand for absent ones. */
struct Inputs {
  at::Tensor x, weight, bias, runningMean, runningVar, residual;
  bool training;
  double momentum, eps;
  Activation activation;
};

/** Mean and inverse deviation of every channel, as double whatever the tensor's type. */
struct Statistics {
  at::Tensor table;

  explicit Statistics(int64_t channels) : table(at::empty({2, channels}, at::kDouble)) {}
  explicit Statistics(at::Tensor saved) : table(std::move(saved)) {}

  double* means() const { return table.data_ptr<double>(); }
  double* inverses() const { return means() + table.size(1); }
};

struct Result {
  at::Tensor y;
  Statistics statistics;
  /** In the memory format of x. */
  at::Tensor residual;
};

/** Of inputs that the kernels take, see `applies`. The running statistics move. */
Result compute(const Inputs& in);

/** What the backward pass is asked for. */
struct Wanted {
  bool x, weight, bias, residual;
};

struct Gradients {
  at::Tensor x, weight, bias, residual;
};

/** `other` is what was added, or where that says enough the result. */
Gradients gradientsOf(const Inputs& in, const Statistics& statistics, const at::Tensor& other, const at::Tensor& gradient,
                      const Wanted& wanted);

}  // namespace fovea::batchnorm
