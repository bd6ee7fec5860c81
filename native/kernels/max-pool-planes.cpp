// Maxima over windows where each channel is a plane of its own.
#include "max-pool-largest.h"

namespace fovea::maxpool {

namespace {

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

}  // namespace

FOVEA_SIMD void poolPlanes(const Planes<float>& p, int64_t begin, int64_t end, uint32_t* words) {
  largestOfPlanes(p, begin, end, words);
}
FOVEA_SIMD void poolPlanes(const Planes<double>& p, int64_t begin, int64_t end, uint64_t* words) {
  largestOfPlanes(p, begin, end, words);
}

}  // namespace fovea::maxpool
