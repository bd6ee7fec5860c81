// PNG and JPEG as RGB, pixel for pixel what Pillow's `ImageOps.exif_transpose(image).convert("RGB")` gives: grey is
// repeated, palettes are looked up, alpha and transparency are dropped and not blended, gamma and colour profiles are
// ignored. Unlike there 16-bit grey keeps its high byte, where Pillow clips. Damaged data is an error.
#pragma once

#include <optional>

#include "bytes.h"
#include "image.h"
#include "program.h"

namespace fovea::images {

// What is wrong with the data of an image, in the decoder's words.
struct DecodeError : ImageError {
  using ImageError::ImageError;
};

enum class Format { kPng, kJpeg };

struct Header {
  Format format;
  // As stored, before it is turned upright.
  int width;
  int height;
  int orientation;
};

// What is decoded: the rows and columns of `region`, each side of the image divided by `reduction` (see Image).
struct Part {
  int reduction = 1;
  Box region;
};

// What the bytes begin like; absent where they are another format, and nothing here can read them.
std::optional<Format> formatOf(Bytes bytes);

// All of these throw DecodeError where the data is damaged, and `decodeFor` ImageError where the program is.

// Absent when the bytes are another format.
std::optional<Header> readHeader(Bytes bytes);
// The whole image, upright. False when the bytes are another format.
bool decode(Bytes bytes, Image& image);
// At least what the program needs of the image: only a region of it, or at a reduced scale, where that is quicker. Damage
// behind the region may go unseen.
bool decodeFor(Bytes bytes, Program program, Image& image);

}  // namespace fovea::images
