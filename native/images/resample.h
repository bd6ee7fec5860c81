// The two passes of a resize.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "taps.h"

namespace fovea::images {

// RGB pixels [rows, taps.axis.length], rows `inStride` bytes apart -> [rows, taps.axis.out] without gaps. Reads up to 15
// bytes after the last pixel. `scratch` is memory to use again.
void resampleRows(const uint8_t* in, size_t inStride, int rows, const Taps& taps, std::vector<uint8_t>& scratch,
                  uint8_t* out);

// [taps.axis.length, rowBytes], rows `inStride` bytes apart -> [taps.axis.out, rowBytes] without gaps.
void resampleColumns(const uint8_t* in, size_t inStride, size_t rowBytes, const Taps& taps,
                     std::vector<int32_t>& scratch, uint8_t* out);

}  // namespace fovea::images
