// The EXIF orientation: how the camera was held.
#pragma once

#include "bytes.h"
#include "image.h"

namespace fovea::images {

// The orientation in an EXIF block, 1 to 8; 1, which is upright, where it has none or is damaged.
int orientationOf(Bytes exif);

// Whether turning upright exchanges width and height.
inline bool exchangesSides(int orientation) { return orientation >= 5; }

// Turns a whole image upright.
void turnUpright(int orientation, Image& image);

}  // namespace fovea::images
