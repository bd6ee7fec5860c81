#include <algorithm>
#include <cmath>

#include "colour.h"
#include "planes.h"

namespace fovea::images {

namespace {

// To the nearest whole number, halves up; for values that are not negative.
FOVEA_INLINE int32_t rounded(double value) {
  int32_t whole = int32_t(value);
  return whole + int32_t(value - whole >= 0.5);
}

// One of six values, without a branch.
FOVEA_INLINE int pick(int which, int a, int b, int c, int d, int e, int f) {
  return (a & -int(which == 0)) | (b & -int(which == 1)) | (c & -int(which == 2)) | (d & -int(which == 3)) |
         (e & -int(which == 4)) | (f & -int(which == 5));
}

}  // namespace

// RGB -> HSV of 8 bits each, `shift` added to the hue modulo 256, and back. Floats of 32 and 64 bits where Pillow has them:
// the results are cut to whole numbers, so that the last bit shows.
FOVEA_CLONES void shiftHue(uint8_t* pixels, size_t count, int shift) {
  Planes planes;
  for (size_t start = 0; start < count; start += kRun) {
    int run = int(std::min<size_t>(kRun, count - start));
    split(pixels + start * 3, run, planes);
    for (int i = 0; i < run; i++) {
      int red = planes.red[i];
      int green = planes.green[i];
      int blue = planes.blue[i];
      int most = std::max(red, std::max(green, blue));
      int least = std::min(red, std::min(green, blue));
      int range = most - least;
      // Which channel is the greatest says where on the wheel the other two are compared. In whole numbers and without
      // branches, so that the loop becomes vectors; what Pillow computes in 32-bit floats for red is exact in 64 bits.
      int byRed = -int(red == most);
      int byGreen = -int(green == most) & ~byRed;
      int byBlue = ~(byRed | byGreen);
      int above = (byRed & blue) | (byGreen & red) | (byBlue & green);
      int below = (byRed & green) | (byGreen & blue) | (byBlue & red);
      int base = (byGreen & 2) | (byBlue & 4);
      // Grey has no range; any other divisor keeps what is computed for it finite.
      float divisor = float(range + int(range == 0));
      float saturation = float(range) / float(most + int(most == 0));
      float plus = float(most - above) / divisor;
      float minus = float(most - below) / divisor;
      float sector = float(double(base) + double(plus) - double(minus));
      double turns = sector / 6.0 + 1.0;
      float hue = float(turns - double(int32_t(turns)));
      int hue8 = (int32_t(hue * 255.0) + shift) & 255;
      int saturation8 = int32_t(saturation * 255.0);

      double place = float(hue8) * 6.0 / 255.0;
      int32_t sixth = int32_t(place);
      float part = float(place - float(sixth));
      float strength = float(float(saturation8) / 255.0);
      int low = rounded(float(most) * (1.0 - strength));
      int falling = rounded(float(most) * (1.0 - strength * part));
      int rising = rounded(float(most) * (1.0 - strength * (1.0 - part)));
      // Hue 255 lies a whole turn from 0: its sixth is 6, the first one again.
      sixth -= 6 * int(sixth == 6);
      planes.red[i] = uint8_t(pick(sixth, most, falling, low, low, rising, most));
      planes.green[i] = uint8_t(pick(sixth, rising, most, most, falling, low, low));
      planes.blue[i] = uint8_t(pick(sixth, low, low, rising, most, most, falling));
    }
    join(planes, run, pixels + start * 3);
  }
}

void hue(Image& image, double shift) {
  // As numpy.uint8 of Python's product: cut to a whole number, modulo 256.
  shiftHue(image.pixels.data(), size_t(image.width) * size_t(image.height), int(shift * 255));
}

}  // namespace fovea::images
