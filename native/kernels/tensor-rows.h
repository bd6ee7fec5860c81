// The tensors of several lists, walked side by side by all threads in one go: what an optimiser does with parameters, gradients
// and the state that it keeps of them.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

namespace fovea {

/** One of the lists. What is not written may be read from a copy. */
struct TensorRow {
  at::TensorList tensors;
  bool written;
};

/** Consecutive elements of the tensors at one place of the lists, one pointer for each list. */
template <typename T>
struct Piece {
  std::array<T*, 4> data;
  int64_t count;
  size_t place;
  size_t number;  // among all pieces
};

class TensorRows {
 public:
  /**
   * Sorts the places of the lists, at most 4, into those that kernels take (on the CPU, all float32 or all float64, in memory
   * without gaps and in the order of the first list's tensor) and others: every place, when kernels are switched off.
   * Autograd learns that the written tensors of those taken change.
   */
  explicit TensorRows(std::initializer_list<TensorRow> lists);

  /** Places to be left to libtorch's operators. */
  const std::vector<size_t>& others() const { return others_; }
  size_t pieces() const { return pieces_; }
  /** The numbers of the first piece of a place and of the one behind its last. */
  std::pair<size_t, size_t> piecesOf(size_t place) const { return piecesOf_[place]; }

  /** Calls `kernel(Piece<float>)` or `kernel(Piece<double>)` for every piece; the threads share them out. */
  template <typename Kernel>
  void each(const Kernel& kernel) const {
    eachOf<float>(singles_, kernel);
    eachOf<double>(doubles_, kernel);
  }

 private:
  struct Place {
    std::array<void*, 4> data;
    int64_t before, count;  // elements of the places before, and of this one
    size_t place;
  };

  // Of one size, so that sums over pieces do not depend on the number of threads.
  static constexpr int64_t kPiece = 1 << 13;
  // Elements from which on a second thread is worth being woken.
  static constexpr int64_t kGrain = 1 << 15;

  bool add(std::initializer_list<TensorRow> lists, size_t place);

  template <typename T, typename Kernel>
  void eachOf(const std::vector<Place>& places, const Kernel& kernel) const {
    if (places.empty()) return;
    at::parallel_for(0, places.back().before + places.back().count, kGrain, [&](int64_t begin, int64_t end) {
      // A piece belongs to the thread in whose share it begins.
      auto at = std::upper_bound(places.begin(), places.end(), begin,
                                 [](int64_t element, const Place& p) { return element < p.before + p.count; });
      for (; at != places.end() && at->before < end; ++at) {
        int64_t from = (std::max<int64_t>(begin - at->before, 0) + kPiece - 1) / kPiece * kPiece;
        int64_t to = std::min(end - at->before, at->count);
        for (int64_t offset = from; offset < to; offset += kPiece) {
          size_t number = piecesOf_[at->place].first + static_cast<size_t>(offset / kPiece);
          Piece<T> piece{{}, std::min(kPiece, at->count - offset), at->place, number};
          for (size_t i = 0; i < piece.data.size(); i++) {
            if (at->data[i]) piece.data[i] = static_cast<T*>(at->data[i]) + offset;
          }
          kernel(piece);
        }
      }
    });
  }

  std::vector<Place> singles_, doubles_;
  std::vector<size_t> others_;
  std::vector<std::pair<size_t, size_t>> piecesOf_;
  size_t pieces_ = 0;
  std::vector<at::Tensor> copies_;
};

/** What stands at some places of a list. */
std::vector<at::Tensor> picked(at::TensorList list, const std::vector<size_t>& places);

}  // namespace fovea
