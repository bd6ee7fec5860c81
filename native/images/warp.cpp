#include "warp.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "fill.h"
#include "move.h"
#include "scratch.h"
#include "warp-smooth.h"

namespace fovea::images {

namespace {

// Stretches [begin, end) of an output row whose sources lie in the image; all else is `fill`.
struct Stretch {
  int begin;
  int end;
};

struct Surface {
  const uint8_t* in;
  int width;
  int height;
  uint8_t* out;

  const uint8_t* row(int y) const { return in + size_t(y) * width * 3; }
  uint8_t* outRow(int y) const { return out + size_t(y) * width * 3; }
};

// The whole number that a coordinate lies on, or -1 where that is outside: Pillow's cast, without its overflow.
inline int inside(double value, int length) { return value >= 0 && value < length ? int(value) : -1; }

// Nearest where nothing is turned or sheared: positions are added up pixel by pixel.
void scale(const Surface& surface, const Affine& m, Colour fill) {
  thread_local std::vector<int> columns;
  columns.resize(surface.width);
  double x = m.c + m.a * 0.5;
  for (int& column : columns) {
    column = inside(x, surface.width);
    x += m.a;
  }
  double y = m.f + m.e * 0.5;
  for (int j = 0; j < surface.height; j++, y += m.e) {
    int row = inside(y, surface.height);
    const uint8_t* from = row < 0 ? nullptr : surface.row(row);
    uint8_t* to = surface.outRow(j);
    for (int column : columns) {
      if (from != nullptr && column >= 0) memcpy(to, from + size_t(column) * 3, 3);
      else fillPixels(to, 1, fill);
      to += 3;
    }
  }
}

int64_t floorDivide(int64_t a, int64_t b) {
  int64_t quotient = a / b;
  return quotient * b > a ? quotient - 1 : quotient;
}

// Narrows a stretch to the x where 0 <= start + x * step < length.
void narrow(Stretch& stretch, int64_t start, int64_t step, int64_t length) {
  int64_t begin = stretch.begin;
  int64_t end = stretch.end;
  if (step == 0) {
    if (start < 0 || start >= length) end = begin;
  } else if (step > 0) {
    begin = std::max(begin, -floorDivide(start, step));
    end = std::min(end, floorDivide(length - 1 - start, step) + 1);
  } else {
    begin = std::max(begin, -floorDivide(length - 1 - start, -step));
    end = std::min(end, floorDivide(start, -step) + 1);
  }
  stretch.begin = int(std::min<int64_t>(begin, stretch.end));
  stretch.end = int(std::max<int64_t>(end, stretch.begin));
}

int64_t toFixed(double value) { return int64_t(std::floor(value * 65536 + 0.5)); }

// Nearest in 16.16 fixed point. With 64 bits rather than Pillow's 32: what would not fit lies outside of any image.
void fixedPoint(const Surface& surface, const Affine& m, Colour fill) {
  int64_t a = toFixed(m.a);
  int64_t b = toFixed(m.b);
  int64_t d = toFixed(m.d);
  int64_t e = toFixed(m.e);
  int64_t startX = toFixed(m.c + m.a * 0.5 + m.b * 0.5);
  int64_t startY = toFixed(m.f + m.d * 0.5 + m.e * 0.5);
  for (int j = 0; j < surface.height; j++, startX += b, startY += e) {
    Stretch stretch{0, surface.width};
    narrow(stretch, startX, a, int64_t(surface.width) << 16);
    narrow(stretch, startY, d, int64_t(surface.height) << 16);
    uint8_t* to = surface.outRow(j);
    fillPixels(to, stretch.begin, fill);
    fillPixels(to + size_t(stretch.end) * 3, surface.width - stretch.end, fill);
    to += size_t(stretch.begin) * 3;
    int64_t x = startX + a * stretch.begin;
    int64_t y = startY + d * stretch.begin;
    for (int i = stretch.begin; i < stretch.end; i++, to += 3, x += a, y += d) {
      const uint8_t* from = surface.in + (size_t(y >> 16) * surface.width + size_t(x >> 16)) * 3;
      to[0] = from[0];
      to[1] = from[1];
      to[2] = from[2];
    }
  }
}

// Nearest where the numbers are too large for fixed point.
void floatingPoint(const Surface& surface, const Affine& m, Colour fill) {
  double startX = m.c + m.b * 0.5 + m.a * 0.5;
  double startY = m.f + m.e * 0.5 + m.d * 0.5;
  for (int j = 0; j < surface.height; j++, startX += m.b, startY += m.e) {
    double x = startX;
    double y = startY;
    uint8_t* to = surface.outRow(j);
    for (int i = 0; i < surface.width; i++, to += 3, x += m.a, y += m.d) {
      int column = inside(x, surface.width);
      int row = inside(y, surface.height);
      if (column >= 0 && row >= 0) memcpy(to, surface.row(row) + size_t(column) * 3, 3);
      else fillPixels(to, 1, fill);
    }
  }
}

bool fitsFixed(const Affine& m, int x, int y) {
  return std::fabs(x * m.a + y * m.b + m.c) < 32768 && std::fabs(x * m.d + y * m.e + m.f) < 32768;
}

// Python's round(value, 15): to the nearest decimal number of 15 places.
double roundTo15(double value) {
  char text[64];
  snprintf(text, sizeof text, "%.15f", value);
  return strtod(text, nullptr);
}

}  // namespace

void warp(Image& image, const Affine& affine, Interpolation interpolation, Colour fill) {
  std::vector<uint8_t>& result = scratchPixels(image.width, image.height);
  int width = image.width;
  int height = image.height;
  Surface surface{image.pixels.data(), width, height, result.data()};
  if (interpolation != Interpolation::kNearest) {
    warpSmoothly(image, affine, interpolation, fill, result.data());
  } else if (affine.b == 0 && affine.d == 0) {
    scale(surface, affine, fill);
  } else if (fitsFixed(affine, 0, 0) && fitsFixed(affine, width, height) && fitsFixed(affine, 0, height) &&
             fitsFixed(affine, width, 0)) {
    fixedPoint(surface, affine, fill);
  } else {
    floatingPoint(surface, affine, fill);
  }
  take(image, result, width, height);
}

void rotate(Image& image, double degrees, Interpolation interpolation, Colour fill) {
  double angle = std::fmod(degrees, 360.0);
  if (angle < 0) angle += 360;
  if (angle == 0) return;
  if (angle == 180) return turn(image, 2);
  if ((angle == 90 || angle == 270) && image.width == image.height) return turn(image, angle == 90 ? 1 : 3);
  constexpr double kPi = 3.14159265358979323846;
  double radians = -(angle * (kPi / 180));
  double cosine = roundTo15(std::cos(radians));
  double sine = roundTo15(std::sin(radians));
  double minusSine = roundTo15(-std::sin(radians));
  double x = image.width / 2.0;
  double y = image.height / 2.0;
  Affine affine{cosine, sine, 0, minusSine, cosine, 0};
  affine.c = cosine * -x + sine * -y + 0.0;
  affine.f = minusSine * -x + cosine * -y + 0.0;
  affine.c += x;
  affine.f += y;
  warp(image, affine, interpolation, fill);
}

}  // namespace fovea::images
