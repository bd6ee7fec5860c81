// Maxima over windows where the channels lie next to each other.
#include <algorithm>
#include <vector>

#include "max-pool-largest.h"

namespace fovea::maxpool {

namespace {

template <typename T>
FOVEA_INLINE bool anyNan(const T* x, int64_t count) {
  Word<T> found = 0;
  for (int64_t i = 0; i < count; i++) found |= x[i] != x[i];
  return found != 0;
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

}  // namespace

FOVEA_SIMD void poolRows(const Rows<float>& p, int64_t begin, int64_t end) { largestOfRows(p, begin, end); }
FOVEA_SIMD void poolRows(const Rows<double>& p, int64_t begin, int64_t end) { largestOfRows(p, begin, end); }

FOVEA_SIMD void gatherRows(const RowGradients<float>& g, int64_t begin, int64_t end) { gatheredRows(g, begin, end); }
FOVEA_SIMD void gatherRows(const RowGradients<double>& g, int64_t begin, int64_t end) { gatheredRows(g, begin, end); }

}  // namespace fovea::maxpool
