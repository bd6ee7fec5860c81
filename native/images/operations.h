// One operation after the other.
#pragma once

#include "image.h"
#include "reader.h"
#include "resize.h"

namespace fovea::images {

// Applies operations of a program to an image.
//
// Flips are put off: a crop or a resize that follows reads the pixels in the other direction, to the same bits. So nothing
// is spent on them, and they cost no precision where the image has a reduced scale.
class Operations {
 public:
  explicit Operations(Image& image) : image_(image) {}

  // The next operation of the program.
  void apply(Reader& reader);

  // Makes the flips that were put off. Throws ImageError when only a part of the image is there.
  void finish();

 private:
  void resizeTo(int width, int height, Interpolation interpolation);
  void cropTo(Box box);
  void centerCrop(int width, int height);
  void applyToPixels(Op op, Reader& reader);
  void translateBy(Reader& reader);
  void cutOut(Reader& reader);
  void mixChains(Reader& reader);

  Image& image_;
  Flips flips_;
};

}  // namespace fovea::images
