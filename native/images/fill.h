// One colour for a run of pixels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "reader.h"

namespace fovea::images {

inline void fillPixels(uint8_t* out, size_t count, Colour colour) {
  for (uint8_t* end = out + count * 3; out < end; out += 3) {
    out[0] = colour.red;
    out[1] = colour.green;
    out[2] = colour.blue;
  }
}

}  // namespace fovea::images
