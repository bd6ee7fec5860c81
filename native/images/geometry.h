// Where crops lie, by torchvision's rules and Python's rounding. No pixels here.
#pragma once

#include "image.h"
#include "reader.h"

namespace fovea::images {

// To the nearest whole number, halves to the even one, as Python's round.
int roundHalfEven(double value);

// How many of `room` + 1 places lie before `share` in [0, 1].
int placeOf(double share, int room);

// Width and height of an image whose shorter side becomes `size`.
struct Size {
  int width;
  int height;
};
Size sizeByShorter(int width, int height, int size);

// The middle of an image that is at least as large.
Box centerBox(int imageWidth, int imageHeight, int width, int height);

// A part at the place that `across` and `down` name.
Box placedBox(int imageWidth, int imageHeight, int width, int height, double across, double down);

// RandomResizedCrop: reads the boxes that follow in the program, and takes the first that fits, or else the middle within
// the bounds of the aspect.
Box resizedCropBox(Reader& reader, int imageWidth, int imageHeight, double leastAspect, double greatestAspect);

// RandomErasing: reads the boxes that follow in the program, and takes the first that is smaller than the image. Its width
// or height is 0 where none is, or where it was drawn that small.
Box erasedBox(Reader& reader, int imageWidth, int imageHeight);

// The same rectangle in the image that is mirrored along an axis of this length.
int mirrored(int start, int length, int whole);

// Which of `length` pixels stands at a place that may lie before or behind them; not for a constant. Where the margin is
// wider than the image, mirroring goes on and on.
int paddedFrom(int place, int length, PaddingMode mode);

}  // namespace fovea::images
