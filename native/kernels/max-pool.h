// The loops of max pooling, and what they are told.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include "simd.h"

namespace fovea::maxpool {

/** One direction of the windows: rows or columns. */
struct Axis {
  int64_t input, kernel, stride, padding, dilation, output;
  int64_t begin(int64_t out) const { return out * stride - padding; }
};

/** Where an input and an output meet: the other's position, and the position within the window. */
struct Tap {
  int64_t position, offset;
};
/** Of every position its taps, in the order in which libtorch walks over the windows. */
using Taps = std::vector<std::vector<Tap>>;

/**
 * Numbers as wide as T: the compiler makes good vectors only of what is equally wide. With channels last one word has the
 * places of as many neighbouring columns as it has bytes, so that words lie in memory as [N, H, W / bytes, C].
 */
template <typename T>
using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

/** The place that no window has: it is smaller. */
constexpr int64_t nowhere = 128;

/** Words that have the places of one row. */
template <typename T>
FOVEA_INLINE int64_t wordsOf(int64_t columns) {
  return (columns + static_cast<int64_t>(sizeof(T)) - 1) / static_cast<int64_t>(sizeof(T));
}

/** [N, H, W, C] in memory. Every output has as many taps as a window is wide or high, of which the first may be there again. */
template <typename T>
struct Rows {
  const T* x;
  T* y;
  Word<T>* places;  // null: not wanted
  int64_t channels;
  const Axis &down, &across;
  const Tap *rows, *columns;
};

void poolRows(const Rows<float>& p, int64_t begin, int64_t end);
void poolRows(const Rows<double>& p, int64_t begin, int64_t end);

/** A column of windows over an input: where its pixel and its words stand in a row, which byte of them, and what it holds. */
template <typename T>
struct Over {
  int64_t pixel, word;
  Word<T> mask, unit, place;
};

/**
 * The gradients of windows and where they go. Every input has `width` columns of windows, of which some may hold nothing.
 * `lines`: rows of windows in all images.
 */
template <typename T>
struct RowGradients {
  const T* dy;
  const Word<T>* places;
  T* dx;
  int64_t channels, width, lines;
  const Axis &down, &across;
  const Taps& rows;
  const Over<T>* columns;
};

void gatherRows(const RowGradients<float>& g, int64_t begin, int64_t end);
void gatherRows(const RowGradients<double>& g, int64_t begin, int64_t end);

/** [N, C, H, W] in memory, places in bytes. The columns of windows from `first` to before `last` reach over no border. */
template <typename T>
struct Planes {
  const T* x;
  T* y;
  uint8_t* places;  // null: not wanted
  int64_t first, last;
  const Axis &down, &across;
  const Tap *rows, *columns;
};

/** `words` has room for a row of windows. */
void poolPlanes(const Planes<float>& p, int64_t begin, int64_t end, uint32_t* words);
void poolPlanes(const Planes<double>& p, int64_t begin, int64_t end, uint64_t* words);

}  // namespace fovea::maxpool
