// What the two decoders have in common.
#pragma once

#include <cstdint>

#include "decode.h"

namespace fovea::images {

// Throws DecodeError when an image of this size is not decoded: twice what Pillow warns of, where it refuses too.
void checkSize(uint64_t width, uint64_t height);

// An image of `width` x `height` of which the part is decoded, with room for its pixels.
void prepare(Image& image, int width, int height, const Part& part);

}  // namespace fovea::images
