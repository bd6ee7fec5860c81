// Operations that move pixels and compute none. All images are whole unless said otherwise.
#pragma once

#include "image.h"
#include "reader.h"

namespace fovea::images {

// In place. The image may be partial as long as it holds the box, at full scale.
void crop(Image& image, const Box& box);

// Flips may be made of partial images too, at full scale.
void flipHorizontal(Image& image);
void flipVertical(Image& image);

// Quarter turns counter-clockwise: 1, 2 or 3.
void turn(Image& image, int quarters);

struct Margins {
  int left;
  int top;
  int right;
  int bottom;
};
// The image becomes larger by these.
void pad(Image& image, const Margins& margins, PaddingMode mode, Colour fill);

// Moves the content to the right and down, the size kept.
void translate(Image& image, int right, int down, Colour fill);

// Paints a rectangle, or what of it lies on the image.
void paint(Image& image, const Box& box, Colour fill);

}  // namespace fovea::images
