// How a tensor's channels lie in memory, and the pieces that batch norm's passes over it are cut into. Shape alone decides
// about the pieces, so that sums do not depend on the number of threads.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace fovea::batchnorm {

/** Elements worth a task. */
constexpr int64_t elementsOfPiece = 1 << 14;
/** Tasks enough for many threads; more would only make the partial sums many. */
constexpr int64_t mostPieces = 256;

/** `count` rows of `width` elements from an offset. */
struct Piece {
  int64_t index, offset, count, width;
};

struct ChannelLayout {
  /** Whether the channels of a position lie side by side, as in channels last; else every channel's positions do. */
  bool inRows = false;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;
  int64_t samples = 0, channels = 0, positions = 0;
  /** In rows: several positions are taken for one row, so that few channels fill the vector registers too. */
  int64_t width = 0;

  /** Of a contiguous or channels-last tensor with elements. */
  static ChannelLayout of(const at::Tensor& x) {
    ChannelLayout layout;
    layout.samples = x.size(0);
    layout.channels = x.size(1);
    layout.positions = x.numel() / (layout.samples * layout.channels);
    if (!x.is_contiguous()) layout.format = at::MemoryFormat::ChannelsLast;
    layout.inRows = layout.positions == 1 || layout.format == at::MemoryFormat::ChannelsLast;
    layout.width = layout.channels * std::min(layout.elements() / layout.channels, positionsOfRow(layout.channels));
    return layout;
  }

  static bool fits(const at::Tensor& x) {
    return x.is_contiguous() || (x.dim() == 4 && x.is_contiguous(at::MemoryFormat::ChannelsLast));
  }

  int64_t elements() const { return samples * channels * positions; }
  /** How many elements every channel has. */
  int64_t perChannel() const { return samples * positions; }
  int64_t pieces() const { return wholePieces() + (elements() % width != 0 ? 1 : 0); }

  Piece piece(int64_t index) const {
    int64_t rows = elements() / width, first = index * rowsOfPiece();
    // What is left over for less than a row comes last.
    if (index == wholePieces()) return {index, rows * width, 1, elements() % width};
    return {index, first * width, std::min(rows - first, rowsOfPiece()), width};
  }

  /** Calls f(piece), the pieces on several threads. */
  template <class F>
  void forPieces(const F& f) const {
    at::parallel_for(0, pieces(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) f(piece(i));
    });
  }

  /** Calls f(begin, end) for ranges of samples * channels planes, on several threads. */
  template <class F>
  void forPlanes(const F& f) const {
    int64_t grain = std::max<int64_t>(1, elementsOfPiece / positions);
    at::parallel_for(0, samples * channels, grain, f);
  }

  /** How many sums of every kind a pass over the tensor gives. */
  int64_t partialSums() const { return inRows ? pieces() * width : samples * channels; }

  /**
   * Calls f(count, first, step, place) for each group of `channels` partial sums from `place` on: channel c's is of `count`
   * elements, whose first has the offset first + c * step.
   */
  template <class F>
  void forPartialSums(const F& f) const {
    if (inRows) {
      for (int64_t i = 0; i < pieces(); i++) {
        Piece part = piece(i);
        for (int64_t j = 0; j < part.width; j += channels) f(part.count, part.offset + j, 1, i * width + j);
      }
    } else {
      for (int64_t n = 0; n < samples; n++) f(positions, n * channels * positions, positions, n * channels);
    }
  }

 private:
  int64_t rowsOfPiece() const {
    int64_t rows = std::max({int64_t(16), elementsOfPiece / width, elements() / width / mostPieces});
    return (rows + 3) / 4 * 4;
  }

  int64_t wholePieces() const { return (elements() / width + rowsOfPiece() - 1) / rowsOfPiece(); }

  static int64_t positionsOfRow(int64_t channels) {
    constexpr int64_t vector = 16, enough = 128, most = 2048;
    int64_t unit = vector / std::gcd(channels, vector);
    int64_t positions = unit * std::max<int64_t>(1, (enough + channels * unit - 1) / (channels * unit));
    return channels * positions <= most ? positions : 1;
  }
};

}  // namespace fovea::batchnorm
