// Taking a run of RGB pixels apart into channels, and putting it together again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "simd.h"

namespace fovea::images {

// Pixels that are worked on at a time: few enough that their channels stay in the nearest cache.
constexpr int kRun = 512;

struct Planes {
  uint8_t red[kRun];
  uint8_t green[kRun];
  uint8_t blue[kRun];
};

// Both are inlined into functions that are built for several processors.
FOVEA_INLINE void split(const uint8_t* in, int count, Planes& planes) {
  int i = 0;
  for (; i + 16 <= count; i += 16, in += 48) {
    Bytes16 a;
    Bytes16 b;
    Bytes16 c;
    memcpy(&a, in, 16);
    memcpy(&b, in + 16, 16);
    memcpy(&c, in + 32, 16);
    // Each channel from the first two thirds, then its last five or six from the third.
    Bytes16 red = __builtin_shufflevector(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
    Bytes16 green = __builtin_shufflevector(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
    Bytes16 blue = __builtin_shufflevector(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
    red = __builtin_shufflevector(red, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29);
    green = __builtin_shufflevector(green, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30);
    blue = __builtin_shufflevector(blue, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31);
    memcpy(planes.red + i, &red, 16);
    memcpy(planes.green + i, &green, 16);
    memcpy(planes.blue + i, &blue, 16);
  }
  for (; i < count; i++, in += 3) {
    planes.red[i] = in[0];
    planes.green[i] = in[1];
    planes.blue[i] = in[2];
  }
}

FOVEA_INLINE void join(const Planes& planes, int count, uint8_t* out) {
  int i = 0;
  for (; i + 16 <= count; i += 16, out += 48) {
    Bytes16 red;
    Bytes16 green;
    Bytes16 blue;
    memcpy(&red, planes.red + i, 16);
    memcpy(&green, planes.green + i, 16);
    memcpy(&blue, planes.blue + i, 16);
    Bytes16 a = __builtin_shufflevector(red, green, 0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5);
    Bytes16 b = __builtin_shufflevector(red, green, 21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26);
    Bytes16 c = __builtin_shufflevector(red, green, 0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0);
    a = __builtin_shufflevector(a, blue, 0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15);
    b = __builtin_shufflevector(b, blue, 0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15);
    c = __builtin_shufflevector(c, blue, 26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31);
    memcpy(out, &a, 16);
    memcpy(out + 16, &b, 16);
    memcpy(out + 32, &c, 16);
  }
  for (; i < count; i++, out += 3) {
    out[0] = planes.red[i];
    out[1] = planes.green[i];
    out[2] = planes.blue[i];
  }
}

// ITU-R 601-2 luma in 16 bits after the point, rounded, as Pillow's conversion to L.
inline int lumaOf(int red, int green, int blue) { return (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16; }

}  // namespace fovea::images
