#include "warp-smooth.h"

#include <algorithm>
#include <cstring>

#include "fill.h"
#include "planes.h"

namespace fovea::images {

namespace {

// Output pixels that are worked on at a time.
constexpr int kSpan = 64;

// For each output pixel of a span: the pixel to the upper left of its source, and how far beyond that the source lies.
struct Sources {
  int32_t column[kSpan];
  int32_t row[kSpan];
  double across[kSpan];
  double down[kSpan];
};

// All in 64-bit floats, every step as in Pillow, since results are cut to whole numbers.
FOVEA_INLINE double sourceX(const Affine& m, int i, int j) { return m.a * (i + 0.5) + m.b * (j + 0.5) + m.c; }
FOVEA_INLINE double sourceY(const Affine& m, int i, int j) { return m.d * (i + 0.5) + m.e * (j + 0.5) + m.f; }

FOVEA_INLINE bool lies(const Image& image, const Affine& m, int i, int j) {
  double x = sourceX(m, i, j);
  double y = sourceY(m, i, j);
  return x >= 0 && x < image.width && y >= 0 && y < image.height;
}

FOVEA_INLINE void locate(const Affine& matrix, int start, int count, int j, Sources& sources) {
  // A copy: the compiler cannot know that what is written below is not the matrix.
  const Affine m = matrix;
  for (int i = 0; i < count; i++) {
    double x = sourceX(m, start + i, j) - 0.5;
    double y = sourceY(m, start + i, j) - 0.5;
    // Down to the whole number below; nothing here is less than -1/2.
    int32_t column = int32_t(x) - int32_t(x < 0);
    int32_t row = int32_t(y) - int32_t(y < 0);
    sources.column[i] = column;
    sources.row[i] = row;
    sources.across[i] = x - column;
    sources.down[i] = y - row;
  }
}

// kSide x kSide pixels around each source, each in four bytes of which the last is another pixel's. The border stands for
// what is outside.
template <int kSide>
FOVEA_INLINE void gather(const Image& image, const Sources& sources, int count,
                         uint32_t (&near)[kSide * kSide][kSpan]) {
  constexpr int kBefore = kSide / 2 - 1;
  const uint8_t* in = image.pixels.data();
  const int width = image.width;
  const int height = image.height;
  int32_t columns[kSide][kSpan];
  int64_t rows[kSide][kSpan];
  for (int k = 0; k < kSide; k++) {
    for (int i = 0; i < count; i++) {
      columns[k][i] = std::clamp(sources.column[i] + k - kBefore, 0, width - 1) * 3;
      rows[k][i] = int64_t(std::clamp(sources.row[i] + k - kBefore, 0, height - 1)) * width * 3;
    }
  }
  for (int i = 0; i < count; i++) {
#pragma GCC unroll 4
    for (int y = 0; y < kSide; y++) {
      const uint8_t* row = in + rows[y][i];
#pragma GCC unroll 4
      for (int x = 0; x < kSide; x++) memcpy(&near[y * kSide + x][i], row + columns[x][i], 4);
    }
  }
}

FOVEA_INLINE double channel(uint32_t pixel, int shift) { return double(int32_t((pixel >> shift) & 0xff)); }

FOVEA_INLINE void mixBilinear(const uint32_t (&near)[4][kSpan], const Sources& sources, int count, int shift,
                              uint8_t* out) {
  for (int i = 0; i < count; i++) {
    double a = channel(near[0][i], shift);
    double b = channel(near[1][i], shift);
    double c = channel(near[2][i], shift);
    double d = channel(near[3][i], shift);
    double upper = a + (b - a) * sources.across[i];
    double lower = c + (d - c) * sources.across[i];
    out[i] = uint8_t(int32_t(upper + (lower - upper) * sources.down[i]));
  }
}

// Keys 1981 with a = -1.
FOVEA_INLINE double cubic(double v1, double v2, double v3, double v4, double t) {
  double p2 = -v1 + v3;
  double p3 = 2 * (v1 - v2) + v3 - v4;
  double p4 = -v1 + v2 - v3 + v4;
  return v2 + t * (p2 + t * (p3 + t * p4));
}

FOVEA_INLINE void mixBicubic(const uint32_t (&near)[16][kSpan], const Sources& sources, int count, int shift,
                             uint8_t* out) {
  for (int i = 0; i < count; i++) {
    double lines[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++) {
      lines[k] = cubic(channel(near[4 * k][i], shift), channel(near[4 * k + 1][i], shift),
                       channel(near[4 * k + 2][i], shift), channel(near[4 * k + 3][i], shift), sources.across[i]);
    }
    double value = cubic(lines[0], lines[1], lines[2], lines[3], sources.down[i]);
    out[i] = uint8_t(std::clamp(int32_t(value), 0, 255));
  }
}

}  // namespace

// Pixels [start, start + count) of row j, whose sources all lie in the image.
FOVEA_CLONES void spanBilinear(const Image& image, const Affine& affine, int start, int count, int j, uint8_t* out) {
  Sources sources;
  uint32_t near[4][kSpan];
  Planes planes;
  locate(affine, start, count, j, sources);
  gather<2>(image, sources, count, near);
  mixBilinear(near, sources, count, 0, planes.red);
  mixBilinear(near, sources, count, 8, planes.green);
  mixBilinear(near, sources, count, 16, planes.blue);
  join(planes, count, out);
}

FOVEA_CLONES void spanBicubic(const Image& image, const Affine& affine, int start, int count, int j, uint8_t* out) {
  Sources sources;
  uint32_t near[16][kSpan];
  Planes planes;
  locate(affine, start, count, j, sources);
  gather<4>(image, sources, count, near);
  mixBicubic(near, sources, count, 0, planes.red);
  mixBicubic(near, sources, count, 8, planes.green);
  mixBicubic(near, sources, count, 16, planes.blue);
  join(planes, count, out);
}

void warpSmoothly(const Image& image, const Affine& affine, Interpolation interpolation, Colour fill, uint8_t* out) {
  auto span = interpolation == Interpolation::kBicubic ? spanBicubic : spanBilinear;
  for (int j = 0; j < image.height; j++, out += size_t(image.width) * 3) {
    // Sources move on in one direction, also after rounding, so that those in the image are neighbours.
    int begin = 0;
    while (begin < image.width && !lies(image, affine, begin, j)) begin++;
    int end = image.width;
    while (end > begin && !lies(image, affine, end - 1, j)) end--;
    fillPixels(out, begin, fill);
    for (int start = begin; start < end; start += kSpan) {
      span(image, affine, start, std::min(kSpan, end - start), j, out + size_t(start) * 3);
    }
    fillPixels(out + size_t(end) * 3, image.width - end, fill);
  }
}

}  // namespace fovea::images
