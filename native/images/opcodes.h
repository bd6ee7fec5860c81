// The operations of a program and what follows each in it; src/data/transforms/encode.ts has the same numbers.
#pragma once

namespace fovea::images {

enum class Op : int {
  kResize = 1,       // width, height, interpolation
  kResizeShorter,    // size, interpolation
  kCenterCrop,       // width, height
  kPad,              // left, top, right, bottom, mode, red, green, blue
  kCropAt,           // width, height, across, down
  kResizedCrop,      // width, height, interpolation, least aspect, greatest aspect, n, n boxes
  kFlipHorizontal,   //
  kFlipVertical,     //
  kTurn,             // quarters, counter-clockwise
  kRotate,           // degrees, interpolation, red, green, blue
  kAffine,           // a, b, c, d, e, f, interpolation, red, green, blue
  kTranslate,        // x, y, whether they are shares of the size, interpolation, red, green, blue
  kBrightness,       // factor
  kContrast,         // factor
  kSaturation,       // factor
  kSharpness,        // factor
  kHue,              // shift
  kPosterize,        // bits
  kSolarize,         // threshold
  kSolarizeAdd,      // amount, threshold
  kAutoContrast,     //
  kEqualize,         //
  kInvert,           //
  kGrayscale,        //
  kGaussianBlur,     // kernel width, kernel height, sigma x, sigma y
  kStain,            // three scales, three shifts
  kCutout,           // across, down, size, red, green, blue
  kMixChains,        // weight of the original, n, n times: weight, number of operations, the operations
  kNormalize,        // three means, three deviations
  kErase,            // n, n boxes, 0 and three values, or 1 and seed, 0, 0
};

// A box is: share of the area, aspect (width over height), across, down.

enum class Interpolation : int { kNearest = 0, kBilinear, kBicubic };
enum class PaddingMode : int { kConstant = 0, kEdge, kReflect, kSymmetric };

}  // namespace fovea::images
