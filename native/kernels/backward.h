// How this folder's operators are written into autograd's graph: by nodes of the kind that libtorch's own operators have.
// torch::autograd::Function would be less to write, but keeps what is saved in a dictionary of IValues and notes of every
// input what only others need: a microsecond and more for each call.
#pragma once

#include <ATen/core/LegacyTypeDispatch.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <initializer_list>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>
#include <vector>

namespace fovea {

using torch::autograd::variable_list;

/** Autograd counts the owners of a node by shared_ptr, in newer versions of libtorch by intrusive_ptr. */
constexpr bool sharedNodes = std::is_same_v<decltype(torch::autograd::Edge::function), std::shared_ptr<torch::autograd::Node>>;

template <typename Kind>
auto makeNode() {
  if constexpr (sharedNodes) {
    // Found by its argument, because only these versions have it: takes long graphs apart without recursion.
    return std::shared_ptr<Kind>(new Kind(), [](auto* node) { deleteNode(node); });
  } else {
    return c10::make_intrusive<Kind>();
  }
}

template <typename Kind>
auto ownerOf(Kind* node) {
  if constexpr (sharedNodes) return node->shared_from_this();
  else return node->getptr();
}

/**
 * The way back through one operator with one result. An operator's own kind has as members what it needs beside tensors; those
 * are saved here, where autograd gives them back as soon as they were used and refuses what was overwritten since.
 */
class Backward : public torch::autograd::Node {
 public:
  variable_list apply(variable_list&& gradients) final {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!gradients[0].defined()) return variable_list(num_outputs());
    return gradientsOfInputs(gradients[0]);
  }

  void release_variables() final {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& each : tensors) each.reset_data();
  }

  /** Inputs of the operator, or what it computed for the way back. */
  void save(std::initializer_list<at::Tensor> inner) {
    tensors.reserve(inner.size());
    for (const at::Tensor& each : inner) tensors.emplace_back(each, each.defined() && each.grad_fn().get() == this);
  }

 protected:
  /** One for each of the inputs, undefined where nobody asks. With gradients of their own where GradMode is on. */
  virtual variable_list gradientsOfInputs(const at::Tensor& dy) = 0;

  at::Tensor saved(size_t place) { return tensors[place].unpack(ownerOf<torch::autograd::Node>(this)); }

  bool wants(size_t input) const { return task_should_compute_output(input); }

 private:
  std::vector<torch::autograd::SavedVariable> tensors;
};

/** Whether autograd writes down what comes of these inputs: tensors, optional ones, lists. */
template <typename... Inputs>
bool differentiated(const Inputs&... inputs) {
  return torch::autograd::compute_requires_grad(inputs...);
}

/** The node that leads to these inputs, in this order. */
template <typename Kind, typename... Inputs>
auto wayBackTo(const Inputs&... inputs) {
  auto node = makeNode<Kind>();
  node->set_next_edges(torch::autograd::collect_next_edges(inputs...));
  return node;
}

/** What an operator computes itself is not written into the graph. */
template <typename Compute>
auto unrecorded(const Compute& compute) {
  at::AutoDispatchBelowADInplaceOrView below;
  at::NoGradGuard none;
  return compute();
}

/** `result`, whose gradients go through `node`. */
template <typename Pointer>
at::Tensor recorded(at::Tensor result, const Pointer& node) {
  torch::autograd::set_history(result, node);
  return result;
}

}  // namespace fovea
