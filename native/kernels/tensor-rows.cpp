#include "tensor-rows.h"

#include "fused.h"

namespace fovea {

namespace {

bool isPlain(const at::Tensor& tensor) {
  at::ScalarType type = tensor.scalar_type();
  return (type == at::kFloat || type == at::kDouble) && tensor.layout() == at::kStrided && tensor.device().is_cpu() &&
         !tensor.is_neg();
}

/** Whether the elements of two tensors of one shape follow each other in the same order in memory. */
bool inOrderOf(const at::Tensor& first, const at::Tensor& tensor) {
  if (!tensor.is_non_overlapping_and_dense()) return false;
  for (int64_t i = 0; i < first.dim(); i++) {
    // The stride of a dimension with one element says nothing.
    if (first.size(i) != 1 && first.stride(i) != tensor.stride(i)) return false;
  }
  return true;
}

}  // namespace

TensorRows::TensorRows(std::initializer_list<TensorRow> lists) {
  size_t length = lists.begin()->tensors.size();
  for (const TensorRow& list : lists) {
    TORCH_CHECK(list.tensors.size() == length, "the lists have different lengths: ", length, " and ", list.tensors.size());
    for (size_t i = 0; i < length; i++) {
      TORCH_CHECK(list.tensors[i].sizes() == lists.begin()->tensors[i].sizes(), "a tensor of the shape ",
                  lists.begin()->tensors[i].sizes(), " stands beside one of the shape ", list.tensors[i].sizes());
    }
  }
  bool on = fusedKernels();
  piecesOf_.reserve(length);
  for (size_t i = 0; i < length; i++) {
    piecesOf_.emplace_back(pieces_, pieces_);
    if (!on || !add(lists, i)) others_.push_back(i);
  }
}

bool TensorRows::add(std::initializer_list<TensorRow> lists, size_t i) {
  const at::Tensor& first = lists.begin()->tensors[i];
  if (!isPlain(first) || !first.is_non_overlapping_and_dense()) return false;
  for (const TensorRow& list : lists) {
    const at::Tensor& tensor = list.tensors[i];
    if (!isPlain(tensor) || tensor.scalar_type() != first.scalar_type()) return false;
    if (list.written && !inOrderOf(first, tensor)) return false;
  }
  bool single = first.scalar_type() == at::kFloat;
  std::vector<Place>& places = single ? singles_ : doubles_;
  Place place{{}, places.empty() ? 0 : places.back().before + places.back().count, first.numel(), i};
  // Nothing is done about it, and the tensors need no memory.
  if (place.count == 0) return true;
  size_t at = 0;
  for (const TensorRow& list : lists) {
    at::Tensor tensor = list.tensors[i];
    if (!inOrderOf(first, tensor)) {
      tensor = at::empty_like(first).copy_(tensor);
      copies_.push_back(tensor);
    }
    if (list.written) tensor.unsafeGetTensorImpl()->bump_version();
    place.data[at++] = tensor.data_ptr();
  }
  places.push_back(place);
  pieces_ += static_cast<size_t>((place.count + kPiece - 1) / kPiece);
  piecesOf_.back().second = pieces_;
  return true;
}

std::vector<at::Tensor> picked(at::TensorList list, const std::vector<size_t>& places) {
  std::vector<at::Tensor> found;
  found.reserve(places.size());
  for (size_t place : places) found.push_back(list[place]);
  return found;
}

}  // namespace fovea
