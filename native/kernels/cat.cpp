// Channels put behind each other where they are the innermost dimension: pieces of every pixel, copied by all threads.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/util/SmallVector.h>
#include <torch/library.h>

#include <cstring>
#include <vector>

#include "applies.h"
#include "backward.h"
#include "simd.h"
#include "tasks.h"

namespace fovea {

namespace {

/** One of the tensors, and where its channels stand among all. */
template <typename T>
struct Piece {
  T* data;
  int64_t channels, first;
};

/** Moves of one width, of which the last overlaps the one before. */
template <int64_t Lanes, typename T>
FOVEA_INLINE void copyLanes(const T* from, T* to, int64_t count) {
  for (int64_t i = 0; i < count - Lanes; i += Lanes) std::memcpy(to + i, from + i, Lanes * sizeof(T));
  std::memcpy(to + count - Lanes, from + count - Lanes, Lanes * sizeof(T));
}

template <typename T>
FOVEA_INLINE void copyRun(const T* from, T* to, int64_t count) {
  if (count >= 16) copyLanes<16>(from, to, count);
  else if (count >= 8) copyLanes<8>(from, to, count);
  else if (count >= 4) copyLanes<4>(from, to, count);
  else copyLanes<1>(from, to, count);
}

/** Pixel by pixel, so that the whole is written or read from its beginning to its end. */
template <bool Joins, typename T>
FOVEA_INLINE void copyPixels(const Piece<T>* pieces, int64_t count, T* whole, int64_t channels, int64_t begin, int64_t end) {
  for (int64_t pixel = begin; pixel < end; pixel++) {
    for (const Piece<T>* piece = pieces; piece != pieces + count; piece++) {
      T* among = whole + pixel * channels + piece->first;
      T* alone = piece->data + pixel * piece->channels;
      if (Joins) copyRun(alone, among, piece->channels);
      else copyRun(among, alone, piece->channels);
    }
  }
}

FOVEA_SIMD void joinPixels(const Piece<float>* pieces, int64_t count, float* whole, int64_t channels, int64_t begin,
                           int64_t end) {
  copyPixels<true>(pieces, count, whole, channels, begin, end);
}
FOVEA_SIMD void joinPixels(const Piece<double>* pieces, int64_t count, double* whole, int64_t channels, int64_t begin,
                           int64_t end) {
  copyPixels<true>(pieces, count, whole, channels, begin, end);
}
FOVEA_SIMD void partPixels(const Piece<float>* pieces, int64_t count, float* whole, int64_t channels, int64_t begin,
                           int64_t end) {
  copyPixels<false>(pieces, count, whole, channels, begin, end);
}
FOVEA_SIMD void partPixels(const Piece<double>* pieces, int64_t count, double* whole, int64_t channels, int64_t begin,
                           int64_t end) {
  copyPixels<false>(pieces, count, whole, channels, begin, end);
}

int64_t pixelsOf(const at::Tensor& x) { return x.size(0) * x.size(2) * x.size(3); }

template <typename T>
void join(at::TensorList tensors, const at::Tensor& out) {
  const int64_t channels = out.size(1);
  T* whole = out.data_ptr<T>();
  std::vector<Piece<T>> pieces;
  int64_t first = 0;
  for (const at::Tensor& x : tensors) {
    pieces.push_back({x.data_ptr<T>(), x.size(1), first});
    first += x.size(1);
  }
  at::parallel_for(0, pixelsOf(out), rowsPerTask(channels), [&](int64_t begin, int64_t end) {
    joinPixels(pieces.data(), pieces.size(), whole, channels, begin, end);
  });
}

template <typename T>
void part(const at::Tensor& dy, const std::vector<at::Tensor>& parts, const std::vector<int64_t>& firsts) {
  const int64_t channels = dy.size(1);
  T* whole = dy.data_ptr<T>();
  std::vector<Piece<T>> pieces;
  for (size_t i = 0; i < parts.size(); i++) pieces.push_back({parts[i].data_ptr<T>(), parts[i].size(1), firsts[i]});
  if (pieces.empty()) return;
  at::parallel_for(0, pixelsOf(dy), rowsPerTask(channels), [&](int64_t begin, int64_t end) {
    partPixels(pieces.data(), pieces.size(), whole, channels, begin, end);
  });
}

bool joins(at::TensorList tensors, int64_t dim) {
  if (tensors.size() < 2 || !(dim == 1 || dim == -3)) return false;
  const at::Tensor& first = tensors[0];
  for (const at::Tensor& x : tensors) {
    if (x.dim() != 4 || !kernelTakes(x) || x.scalar_type() != first.scalar_type()) return false;
    if (x.size(0) != first.size(0) || x.size(2) != first.size(2) || x.size(3) != first.size(3)) return false;
    if (x.is_contiguous() || !x.is_contiguous(at::MemoryFormat::ChannelsLast)) return false;
  }
  return true;
}

at::Tensor joined(at::TensorList tensors) {
  const at::Tensor& x = tensors[0];
  int64_t channels = 0;
  for (const at::Tensor& tensor : tensors) channels += tensor.size(1);
  at::Tensor out = at::empty({x.size(0), channels, x.size(2), x.size(3)},
                             x.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (x.scalar_type() == at::kFloat) join<float>(tensors, out);
  else join<double>(tensors, out);
  return out;
}

struct CatBackward : Backward {
  c10::SmallVector<int64_t, 4> channels;

  variable_list gradientsOfInputs(const at::Tensor& gradient) override {
    variable_list all(channels.size());
    const at::Tensor dy = at::GradMode::is_enabled() ? gradient : gradient.contiguous(at::MemoryFormat::ChannelsLast);
    std::vector<at::Tensor> copies;
    std::vector<int64_t> firsts;
    int64_t first = 0;
    for (size_t i = 0; i < channels.size(); first += channels[i], i++) {
      if (!wants(i)) continue;
      // Who reads most of every pixel does so well in place: no copy of what is only added to another gradient.
      if (at::GradMode::is_enabled() || 2 * channels[i] > dy.size(1)) {
        all[i] = dy.narrow(1, first, channels[i]);
        continue;
      }
      all[i] = at::empty({dy.size(0), channels[i], dy.size(2), dy.size(3)},
                         dy.options().memory_format(at::MemoryFormat::ChannelsLast));
      copies.push_back(all[i]);
      firsts.push_back(first);
    }
    if (dy.scalar_type() == at::kFloat) part<float>(dy, copies, firsts);
    else part<double>(dy, copies, firsts);
    return all;
  }
};

at::Tensor cat(at::TensorList tensors, int64_t dim) { return joins(tensors, dim) ? joined(tensors) : at::cat(tensors, dim); }

at::Tensor differentiableCat(at::TensorList tensors, int64_t dim) {
  if (!joins(tensors, dim)) return at::cat(tensors, dim);
  at::Tensor y = unrecorded([&] { return joined(tensors); });
  if (!differentiated(tensors)) return y;
  auto node = wayBackTo<CatBackward>(tensors);
  for (const at::Tensor& x : tensors) node->channels.push_back(x.size(1));
  return recorded(y, node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) { library.def("cat(Tensor[] tensors, int dim) -> Tensor"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("cat", cat); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("cat", differentiableCat); }

}  // namespace fovea
