// Maxima over windows. libtorch notes the place of every maximum in 64 bits, fills the gradient with zeros and scatters into
// it. Here a place is its number within the window, a byte, and with channels last every input gathers the gradients of the
// windows that it is the maximum of: the gradient is written once.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "applies.h"
#include "lanes.h"
#include "simd.h"

namespace fovea {

namespace {

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

/** The inputs of every output. */
Taps inputsOf(const Axis& axis) {
  Taps taps(axis.output);
  for (int64_t out = 0; out < axis.output; out++) {
    for (int64_t k = 0; k < axis.kernel; k++) {
      int64_t in = axis.begin(out) + k * axis.dilation;
      if (in >= 0 && in < axis.input) taps[out].push_back({in, k});
    }
  }
  return taps;
}

/** The outputs of every input. */
Taps outputsOf(const Axis& axis) {
  Taps taps(axis.input);
  for (int64_t in = 0; in < axis.input; in++) {
    for (int64_t k = axis.kernel - 1; k >= 0; k--) {
      int64_t start = in - k * axis.dilation + axis.padding;
      if (start < 0 || start % axis.stride != 0 || start / axis.stride >= axis.output) continue;
      taps[in].push_back({start / axis.stride, k});
    }
  }
  return taps;
}

int64_t mostOf(const Taps& taps) {
  size_t most = 0;
  for (const auto& of : taps) most = std::max(most, of.size());
  return most;
}

/**
 * Numbers as wide as T: the compiler makes good vectors only of what is equally wide. With channels last one word has the
 * places of as many neighbouring columns as it has bytes, so that words lie in memory as [N, H, W / bytes, C].
 */
template <typename T>
using Word = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;

/** The place that no window has: it is smaller. */
constexpr int64_t nowhere = 128;
constexpr int64_t lanes = 16;

/** Words that have the places of one row. */
template <typename T>
FOVEA_INLINE int64_t wordsOf(int64_t columns) {
  return (columns + static_cast<int64_t>(sizeof(T)) - 1) / static_cast<int64_t>(sizeof(T));
}

/** A comparison finds no NaN the larger; this one finds each, as libtorch does, which takes three times as long. */
template <bool Nan, typename T>
FOVEA_INLINE bool better(T value, T best) {
  return Nan ? (value > best) | (value != value) : value > best;
}

template <typename T>
FOVEA_INLINE bool anyNan(const T* x, int64_t count) {
  Word<T> found = 0;
  for (int64_t i = 0; i < count; i++) found |= x[i] != x[i];
  return found != 0;
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

/** As many of each as the largest has, the first in front of itself where there are fewer. */
std::vector<Tap> filledInFront(const Taps& taps, int64_t most) {
  std::vector<Tap> all;
  for (const auto& of : taps) {
    all.insert(all.end(), most - of.size(), of.front());
    all.insert(all.end(), of.begin(), of.end());
  }
  return all;
}

/**
 * The first of the largest, and its place; the last where there are NaNs, as in libtorch. The place goes into byte `column`
 * of the words. From one to the next the inputs are `Stride` apart.
 */
template <int Count, bool Nan, int64_t Lanes, int64_t Stride, typename T>
FOVEA_INLINE void largest(const T* const* from, const Word<T>* places, int64_t count, T* y, Word<T>* words, int64_t column,
                          int64_t channels) {
  const int64_t taps = Count > 0 ? Count : count;
  for (int64_t block = 0; block < channels; block += Lanes) {
    // The last overlaps the one before.
    const int64_t c = std::min(block, channels - Lanes);
    // By turns: where a number may stay in its place, the compiler makes a branch of it.
    T best[2][Lanes];
    Word<T> place[2][Lanes];
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) {
      best[0][i] = from[0][(c + i) * Stride];
      place[0][i] = places[0];
    }
    FOVEA_WRITTEN_OUT
    for (int64_t tap = 1; tap < taps; tap++) {
      const T* x = from[tap] + c * Stride;
      const Word<T> here = places[tap];
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) {
        const T value = x[i * Stride], old = best[(tap + 1) % 2][i];
        const Word<T> before = place[(tap + 1) % 2][i];
        const bool larger = better<Nan>(value, old);
        best[tap % 2][i] = larger ? value : old;
        place[tap % 2][i] = larger ? here : before;
      }
    }
    const int64_t last = (taps + 1) % 2;
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) y[c + i] = best[last][i];
    if (words && column == 0) {
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) words[c + i] = place[last][i];
    } else if (words) {
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) words[c + i] |= place[last][i] << (8 * column);
    }
  }
}

/** One row of windows. `Size` 0: only `down` and `across` know how large they are. */
template <int Size, bool Nan, typename T>
FOVEA_INLINE void largestOfRow(const Rows<T>& p, int64_t index) {
  const int64_t height = Size > 0 ? Size : p.down.kernel, width = Size > 0 ? Size : p.across.kernel;
  const int64_t together = sizeof(T), words = wordsOf<T>(p.across.output);
  const Tap* rows = p.rows + index % p.down.output * height;
  const T* image = p.x + index / p.down.output * p.down.input * p.across.input * p.channels;
  const T* from[Size > 0 ? Size * Size : nowhere];
  Word<T> places[Size > 0 ? Size * Size : nowhere];
  for (int64_t column = 0; column < p.across.output; column++) {
    const Tap* columns = p.columns + column * width;
    FOVEA_WRITTEN_OUT
    for (int64_t r = 0; r < height; r++) {
      FOVEA_WRITTEN_OUT
      for (int64_t c = 0; c < width; c++) {
        from[r * width + c] = image + (rows[r].position * p.across.input + columns[c].position) * p.channels;
        places[r * width + c] = static_cast<Word<T>>(rows[r].offset * width + columns[c].offset);
      }
    }
    T* y = p.y + (index * p.across.output + column) * p.channels;
    Word<T>* at = p.places ? p.places + (index * words + column / together) * p.channels : nullptr;
    constexpr int count = Size * Size;
    if (p.channels >= lanes) largest<count, Nan, lanes, 1>(from, places, height * width, y, at, column % together, p.channels);
    else largest<count, Nan, 1, 1>(from, places, height * width, y, at, column % together, p.channels);
  }
}

template <bool Nan, typename T>
FOVEA_INLINE void largestOfAnyRow(const Rows<T>& p, int64_t index) {
  if (p.down.kernel == 3 && p.across.kernel == 3) largestOfRow<3, Nan>(p, index);
  else if (p.down.kernel == 2 && p.across.kernel == 2) largestOfRow<2, Nan>(p, index);
  else largestOfRow<0, Nan>(p, index);
}

template <typename T>
FOVEA_INLINE void largestOfRows(const Rows<T>& p, int64_t begin, int64_t end) {
  const int64_t line = p.across.input * p.channels;
  // Rows of inputs that were looked through for NaNs, and the last that had some.
  int64_t known = 0, bad = -1;
  for (int64_t i = begin; i < end; i++) {
    const int64_t image = i / p.down.output * p.down.input;
    const Tap* rows = p.rows + i % p.down.output * p.down.kernel;
    const int64_t first = image + rows[0].position, last = image + rows[p.down.kernel - 1].position;
    for (known = std::max(known, first); known <= last; known++) {
      if (anyNan(p.x + known * line, line)) bad = known;
    }
    if (bad >= first) largestOfAnyRow<true>(p, i);
    else largestOfAnyRow<false>(p, i);
  }
}

FOVEA_SIMD void poolRows(const Rows<float>& p, int64_t begin, int64_t end) { largestOfRows(p, begin, end); }
FOVEA_SIMD void poolRows(const Rows<double>& p, int64_t begin, int64_t end) { largestOfRows(p, begin, end); }

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

template <typename T>
std::vector<Over<T>> columnsOver(const Taps& taps, int64_t most, int64_t channels) {
  constexpr int64_t together = sizeof(T);
  std::vector<Over<T>> all;
  for (const auto& of : taps) {
    for (const Tap& tap : of) {
      const Word<T> unit = Word<T>(1) << (8 * (tap.position % together));
      all.push_back({tap.position * channels, tap.position / together * channels, 255 * unit, unit,
                     static_cast<Word<T>>(tap.offset) * unit});
    }
    // Nothing is never one.
    all.insert(all.end(), most - of.size(), {0, 0, 0, 0, 1});
  }
  return all;
}

/** A window over an input: its gradients, its words, which byte of them, and what that is where this input is the maximum. */
template <typename T>
struct Source {
  const T* dy;
  const Word<T>* words;
  Word<T> mask, place;
};

template <int Count, int64_t Lanes, typename T>
FOVEA_INLINE void gathered(const Source<T>* sources, int64_t count, T* dx, int64_t channels) {
  const int64_t taps = Count > 0 ? Count : count;
  for (int64_t block = 0; block < channels; block += Lanes) {
    const int64_t c = std::min(block, channels - Lanes);
    T sum[Lanes];
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) sum[i] = 0;
    FOVEA_WRITTEN_OUT
    for (int64_t tap = 0; tap < taps; tap++) {
      const T* __restrict dy = sources[tap].dy + c;
      const Word<T>* __restrict words = sources[tap].words + c;
      const Word<T> mask = sources[tap].mask, place = sources[tap].place;
      FOVEA_LANES
      for (int64_t i = 0; i < Lanes; i++) {
        const T share = dy[i];
        sum[i] += (words[i] & mask) == place ? share : 0;
      }
    }
    FOVEA_LANES
    for (int64_t i = 0; i < Lanes; i++) dx[c + i] = sum[i];
  }
}

/** A gradient is read only where a place matches, so that the processor does not see in time what comes next. */
template <typename T>
FOVEA_INLINE void fetch(const T* next, int64_t count) {
#ifdef __GNUC__
  for (int64_t i = 0; i < count; i += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(next + i);
#endif
}

/** One row of inputs under `Height` rows of windows, those beyond the true ones without a place for them; 0: as many as are. */
template <int Height, int Width, typename T>
FOVEA_INLINE void gatheredRow(const RowGradients<T>& g, int64_t index) {
  const std::vector<Tap>& taps = g.rows[index % g.down.input];
  const int64_t image = index / g.down.input * g.down.output, words = wordsOf<T>(g.across.output);
  const int64_t height = Height > 0 ? Height : taps.size(), width = Width > 0 ? Width : g.width;
  // Below these windows there are others.
  const bool ahead = image + taps.back().position + 1 < g.lines;
  Source<T> sources[Height > 0 ? Height * Width : nowhere];
  for (int64_t column = 0; column < g.across.input; column++) {
    const Over<T>* over = g.columns + column * width;
    FOVEA_WRITTEN_OUT
    for (int64_t r = 0; r < height; r++) {
      const bool real = r < static_cast<int64_t>(taps.size());
      const int64_t line = image + (real ? taps[r].position : taps[0].position);
      const Word<T> row = real ? static_cast<Word<T>>(taps[r].offset * g.across.kernel) : nowhere;
      FOVEA_WRITTEN_OUT
      for (int64_t c = 0; c < width; c++) {
        sources[r * width + c] = {g.dy + line * g.across.output * g.channels + over[c].pixel,
                                  g.places + line * words * g.channels + over[c].word, over[c].mask,
                                  row * over[c].unit + over[c].place};
      }
    }
    const Source<T>& last = sources[height * width - 1];
    if (ahead) fetch(last.dy + g.across.output * g.channels, g.channels);
    if (ahead && column % sizeof(T) == 0) fetch(last.words + words * g.channels, g.channels);
    T* dx = g.dx + (index * g.across.input + column) * g.channels;
    constexpr int count = Height * Width;
    if (g.channels >= lanes) gathered<count, lanes>(sources, height * width, dx, g.channels);
    else gathered<count, 1>(sources, height * width, dx, g.channels);
  }
}

template <typename T>
FOVEA_INLINE void gatheredRows(const RowGradients<T>& g, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i++) {
    const int64_t height = g.rows[i % g.down.input].size();
    T* dx = g.dx + i * g.across.input * g.channels;
    if (height == 0) std::fill(dx, dx + g.across.input * g.channels, T(0));
    else if (g.width == 1 && height == 1) gatheredRow<1, 1>(g, i);
    else if (g.width == 2 && height == 1) gatheredRow<1, 2>(g, i);
    else if (g.width == 2 && height == 2) gatheredRow<2, 2>(g, i);
    else if (g.width == 3 && height <= 3) gatheredRow<3, 3>(g, i);
    else gatheredRow<0, 0>(g, i);
  }
}

FOVEA_SIMD void gatherRows(const RowGradients<float>& g, int64_t begin, int64_t end) { gatheredRows(g, begin, end); }
FOVEA_SIMD void gatherRows(const RowGradients<double>& g, int64_t begin, int64_t end) { gatheredRows(g, begin, end); }

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

/** Neighbouring windows, as channels are elsewhere. */
template <int Count, int64_t Stride, typename T>
FOVEA_INLINE void largestOfRun(const T* const* from, const Word<T>* places, int64_t taps, T* y, Word<T>* words, int64_t count) {
  if (count >= lanes) largest<Count, true, lanes, Stride>(from, places, taps, y, words, 0, count);
  else if (count >= 4) largest<Count, true, 4, Stride>(from, places, taps, y, words, 0, count);
  else largest<Count, true, 1, Stride>(from, places, taps, y, words, 0, count);
}

/** One image's channel. `words` has room for a row of windows. */
template <int Size, typename T>
FOVEA_INLINE void largestOfPlane(const Planes<T>& p, int64_t plane, Word<T>* words) {
  const int64_t height = Size > 0 ? Size : p.down.kernel, width = Size > 0 ? Size : p.across.kernel, taps = height * width;
  const T* x = p.x + plane * p.down.input * p.across.input;
  const T* from[Size > 0 ? Size * Size : nowhere];
  Word<T> places[Size > 0 ? Size * Size : nowhere];
  constexpr int count = Size * Size;
  for (int64_t row = 0; row < p.down.output; row++) {
    const Tap* rows = p.rows + row * height;
    const int64_t at = (plane * p.down.output + row) * p.across.output;
    T* y = p.y + at;
    for (int64_t column = 0; column < p.across.output; column++) {
      const bool run = column == p.first && p.last > p.first;
      const Tap* columns = p.columns + column * width;
      for (int64_t r = 0; r < height; r++) {
        for (int64_t c = 0; c < width; c++) {
          from[r * width + c] = x + rows[r].position * p.across.input + columns[c].position;
          places[r * width + c] = static_cast<Word<T>>(rows[r].offset * width + columns[c].offset);
        }
      }
      if (!run) {
        largest<count, true, 1, 1>(from, places, taps, y + column, words + column, 0, 1);
        continue;
      }
      const int64_t many = p.last - p.first;
      if (p.across.stride == 1) largestOfRun<count, 1>(from, places, taps, y + column, words + column, many);
      else largestOfRun<count, 2>(from, places, taps, y + column, words + column, many);
      column = p.last - 1;
    }
    if (p.places) {
      for (int64_t i = 0; i < p.across.output; i++) p.places[at + i] = static_cast<uint8_t>(words[i]);
    }
  }
}

template <typename T>
FOVEA_INLINE void largestOfPlanes(const Planes<T>& p, int64_t begin, int64_t end, Word<T>* words) {
  for (int64_t i = begin; i < end; i++) {
    if (p.down.kernel == 3 && p.across.kernel == 3) largestOfPlane<3>(p, i, words);
    else if (p.down.kernel == 2 && p.across.kernel == 2) largestOfPlane<2>(p, i, words);
    else largestOfPlane<0>(p, i, words);
  }
}

FOVEA_SIMD void poolPlanes(const Planes<float>& p, int64_t begin, int64_t end, uint32_t* words) {
  largestOfPlanes(p, begin, end, words);
}
FOVEA_SIMD void poolPlanes(const Planes<double>& p, int64_t begin, int64_t end, uint64_t* words) {
  largestOfPlanes(p, begin, end, words);
}

/** The columns of windows that reach over no border, where the kernel takes them together: the first, and one behind the last. */
std::pair<int64_t, int64_t> wholeColumns(const Taps& columns, const Axis& axis) {
  if (axis.stride > 2) return {0, 0};
  auto whole = [&](const std::vector<Tap>& taps) { return static_cast<int64_t>(taps.size()) == axis.kernel; };
  const auto first = std::find_if(columns.begin(), columns.end(), whole);
  return {first - columns.begin(), std::find_if_not(first, columns.end(), whole) - columns.begin()};
}

/** A plane of gradients stays in the cache while it is written to here and there. `offsets`: of the places in a window. */
template <typename T>
void scatterPlane(const T* dy, const uint8_t* places, T* dx, const Axis& down, const Axis& across,
                  const std::vector<int64_t>& offsets) {
  std::fill(dx, dx + down.input * across.input, T(0));
  for (int64_t row = 0; row < down.output; row++) {
    const int64_t corner = down.begin(row) * across.input - across.padding;
    for (int64_t i = 0; i < across.output; i++, dy++, places++) dx[corner + i * across.stride + offsets[*places]] += *dy;
  }
}

/** What the operator was called with, and what follows from it. */
struct Pooling {
  Axis down, across;
  bool channelsLast;

  at::MemoryFormat format() const { return channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous; }
  int64_t window() const { return down.kernel * across.kernel; }
};

int64_t outputOf(const Axis& axis, bool ceil) {
  int64_t span = axis.input + 2 * axis.padding - axis.dilation * (axis.kernel - 1) - 1;
  if (span < 0) return 0;
  int64_t output = (span + (ceil ? axis.stride - 1 : 0)) / axis.stride + 1;
  // The last window begins inside the image or its padding on the left.
  return ceil && (output - 1) * axis.stride >= axis.input + axis.padding ? output - 1 : output;
}

/** False: libtorch computes it, or says what is wrong. */
bool planned(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
             at::IntArrayRef dilation, bool ceil, Pooling* pooling) {
  if (!kernelTakes(x) || x.dim() != 4) return false;
  if (stride.empty()) stride = kernel;
  if (kernel.size() != 2 || stride.size() != 2 || padding.size() != 2 || dilation.size() != 2) return false;
  for (int i : {0, 1}) {
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || padding[i] < 0 || padding[i] > kernel[i] / 2) return false;
    Axis axis{x.size(2 + i), kernel[i], stride[i], padding[i], dilation[i], 0};
    axis.output = outputOf(axis, ceil);
    // A window may have nothing inside the image where dilation is large.
    if (axis.output < 1) return false;
    for (const auto& taps : inputsOf(axis)) {
      if (taps.empty()) return false;
    }
    (i == 0 ? pooling->down : pooling->across) = axis;
  }
  pooling->channelsLast = x.suggest_memory_format() == at::MemoryFormat::ChannelsLast;
  return kernel[0] < nowhere && kernel[1] < nowhere && pooling->window() < nowhere;
}

constexpr int64_t elementsPerTask = 1 << 14;

int64_t grain(int64_t elements) { return std::max<int64_t>(1, elementsPerTask / std::max<int64_t>(1, elements)); }

template <typename T>
void pool(const at::Tensor& x, const at::Tensor& y, const at::Tensor& places, const Pooling& pooling) {
  const Axis &down = pooling.down, &across = pooling.across;
  const Taps rows = inputsOf(down), columns = inputsOf(across);
  const int64_t images = x.size(0), channels = x.size(1), width = across.output, height = down.output;
  const T* from = x.data_ptr<T>();
  T* to = y.data_ptr<T>();
  uint8_t* at = places.defined() ? places.data_ptr<uint8_t>() : nullptr;
  const std::vector<Tap> allRows = filledInFront(rows, down.kernel), allColumns = filledInFront(columns, across.kernel);
  if (pooling.channelsLast) {
    const Rows<T> p{from, to,     reinterpret_cast<Word<T>*>(at), channels,
                    down, across, allRows.data(),                 allColumns.data()};
    at::parallel_for(0, images * height, grain(width * channels),
                     [&](int64_t begin, int64_t end) { poolRows(p, begin, end); });
    return;
  }
  const auto [first, last] = wholeColumns(columns, across);
  const Planes<T> p{from, to, at, first, last, down, across, allRows.data(), allColumns.data()};
  at::parallel_for(0, images * channels, grain(width * height), [&](int64_t begin, int64_t end) {
    std::vector<Word<T>> words(width);
    poolPlanes(p, begin, end, words.data());
  });
}

/** Room for the places of all windows, in bytes: of words [N, H, W / bytes, C, bytes], otherwise [N, C, H, W]. */
at::Tensor placesOf(const at::Tensor& x, const Pooling& pooling) {
  const int64_t images = x.size(0), channels = x.size(1), height = pooling.down.output, width = pooling.across.output;
  const auto options = x.options().dtype(at::kByte);
  if (!pooling.channelsLast) return at::empty({images, channels, height, width}, options);
  const int64_t together = x.element_size();
  return at::empty({images, height, (width + together - 1) / together, channels, together}, options);
}

/** As they are in a plain tensor [N, C, H, W]. */
at::Tensor plainPlaces(const at::Tensor& places, const Pooling& pooling) {
  if (!pooling.channelsLast) return places;
  return places.permute({0, 3, 1, 2, 4}).flatten(3).narrow(3, 0, pooling.across.output);
}

/** `places` may be undefined: only a gradient needs them. */
at::Tensor pooled(const at::Tensor& x, at::Tensor* places, const Pooling& pooling) {
  std::vector<int64_t> shape{x.size(0), x.size(1), pooling.down.output, pooling.across.output};
  at::Tensor input = x.contiguous(pooling.format());
  at::Tensor y = at::empty(shape, x.options().memory_format(pooling.format()));
  if (places) *places = placesOf(x, pooling);
  const at::Tensor& wanted = places ? *places : at::Tensor();
  if (x.scalar_type() == at::kFloat) pool<float>(input, y, wanted, pooling);
  else pool<double>(input, y, wanted, pooling);
  return y;
}

template <typename T>
void spread(const at::Tensor& dyTensor, const at::Tensor& placesTensor, const at::Tensor& dxTensor, const Pooling& pooling) {
  const Axis &down = pooling.down, &across = pooling.across;
  const int64_t images = dxTensor.size(0), channels = dxTensor.size(1), width = across.input, height = down.input;
  const T* dy = dyTensor.data_ptr<T>();
  T* dx = dxTensor.data_ptr<T>();
  const uint8_t* places = placesTensor.data_ptr<uint8_t>();
  if (pooling.channelsLast) {
    const Taps rows = outputsOf(down), columns = outputsOf(across);
    const int64_t most = mostOf(columns);
    const std::vector<Over<T>> over = columnsOver<T>(columns, most, channels);
    const RowGradients<T> g{dy,     reinterpret_cast<const Word<T>*>(places),
                            dx,     channels,
                            most,   images * down.output,
                            down,   across,
                            rows,   over.data()};
    at::parallel_for(0, images * height, grain(width * channels),
                     [&](int64_t begin, int64_t end) { gatherRows(g, begin, end); });
    return;
  }
  std::vector<int64_t> offsets;
  for (int64_t row = 0; row < down.kernel; row++) {
    for (int64_t column = 0; column < across.kernel; column++) {
      offsets.push_back(row * down.dilation * width + column * across.dilation);
    }
  }
  const int64_t windows = down.output * across.output;
  at::parallel_for(0, images * channels, grain(width * height), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      scatterPlane(dy + i * windows, places + i * windows, dx + i * width * height, down, across, offsets);
    }
  });
}

/** With operators that have gradients themselves. */
at::Tensor spreadByOperators(const at::Tensor& dy, const at::Tensor& stored, const Pooling& pooling) {
  const at::Tensor places = plainPlaces(stored, pooling);
  auto options = places.options().dtype(at::kLong);
  auto position = [&](const Axis& axis, const at::Tensor& offset, at::IntArrayRef shape) {
    return at::arange(axis.output, options).mul(axis.stride).sub(axis.padding).view(shape) + offset * axis.dilation;
  };
  at::Tensor place = places.to(at::kLong), kernel = at::full({}, pooling.across.kernel, options);
  at::Tensor row = position(pooling.down, at::floor_divide(place, kernel), {-1, 1});
  at::Tensor column = position(pooling.across, at::remainder(place, kernel), {1, -1});
  at::Tensor index = (row * pooling.across.input + column).flatten(2);
  int64_t images = places.size(0), channels = places.size(1);
  at::Tensor zeros = at::zeros({images, channels, pooling.down.input * pooling.across.input}, dy.options());
  return zeros.scatter_add(2, index, dy.flatten(2)).view({images, channels, pooling.down.input, pooling.across.input});
}

std::vector<int64_t> numbers(const Pooling& pooling) {
  std::vector<int64_t> all{pooling.channelsLast};
  for (const Axis& a : {pooling.down, pooling.across}) {
    all.insert(all.end(), {a.input, a.kernel, a.stride, a.padding, a.dilation, a.output});
  }
  return all;
}

Pooling poolingOf(const std::vector<int64_t>& n) {
  return {{n[1], n[2], n[3], n[4], n[5], n[6]}, {n[7], n[8], n[9], n[10], n[11], n[12]}, n[0] != 0};
}

struct MaxPool : torch::autograd::Function<MaxPool> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const Pooling& pooling) {
    at::AutoDispatchBelowADInplaceOrView below;
    at::Tensor places;
    at::Tensor y = pooled(x, &places, pooling);
    context->save_for_backward({places});
    context->saved_data["pooling"] = numbers(pooling);
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor places = context->get_saved_variables()[0];
    const Pooling pooling = poolingOf(context->saved_data["pooling"].toIntVector());
    if (!gradients[0].defined()) return {at::Tensor(), at::Tensor()};
    if (at::GradMode::is_enabled()) return {spreadByOperators(gradients[0], places, pooling), at::Tensor()};
    at::Tensor dy = gradients[0].contiguous(pooling.format());
    at::Tensor dx = at::empty({dy.size(0), dy.size(1), pooling.down.input, pooling.across.input},
                              dy.options().memory_format(pooling.format()));
    if (dy.scalar_type() == at::kFloat) spread<float>(dy, places, dx, pooling);
    else spread<double>(dy, places, dx, pooling);
    return {dx, at::Tensor()};
  }
};

at::Tensor maxPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
                     at::IntArrayRef dilation, bool ceil) {
  Pooling pooling;
  if (!planned(x, kernel, stride, padding, dilation, ceil, &pooling)) {
    return at::max_pool2d(x, kernel, stride, padding, dilation, ceil);
  }
  return pooled(x, nullptr, pooling);
}

at::Tensor differentiableMaxPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride,
                                   at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil) {
  Pooling pooling;
  if (!planned(x, kernel, stride, padding, dilation, ceil, &pooling)) {
    return at::max_pool2d(x, kernel, stride, padding, dilation, ceil);
  }
  if (differentiated(x)) return MaxPool::apply(x, pooling);
  at::AutoDispatchBelowADInplaceOrView below;
  return pooled(x, nullptr, pooling);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def("max_pool2d(Tensor x, int[2] kernel, int[2] stride, int[2] padding, int[2] dilation, bool ceil) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("max_pool2d", maxPool2d); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("max_pool2d", differentiableMaxPool2d); }

}  // namespace fovea
