// Programs: the operations on one image, encoded as numbers by src/data/transforms/encode.ts.
#pragma once

#include <cstddef>
#include <optional>

#include "image.h"

namespace fovea::images {

struct Program {
  const double* begin;
  const double* end;
};

enum class Layout { kNchw, kNhwc };

// Where a finished sample goes: [3, height, width] or [height, width, 3] floats.
struct Output {
  float* values;
  int width;
  int height;
  Layout layout;
};

// What of an image of this size the program uses first, where it begins with a crop (flips may come before): the decoder
// need not bring more. Absent where it needs the whole.
std::optional<Window> windowOf(Program program, int width, int height);

// Runs the operations of a program on pixels; `image` becomes the result. It may be partial if `windowOf` said so. Stops
// before `normalize`, and returns what is left of the program from there.
// Throws ImageError when an operation does not fit the image, or the program is damaged.
Program transform(Program program, Image& image);

// Runs a whole program: `transform`, then normalisation (values / 255 where the program has none) and what follows, into
// `output`. Throws ImageError also when the result has another size than `output`.
void execute(Program program, Image& image, const Output& output);

}  // namespace fovea::images
