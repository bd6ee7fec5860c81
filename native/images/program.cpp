#include "program.h"

#include "erase.h"
#include "geometry.h"
#include "normalize.h"
#include "operations.h"
#include "reader.h"

namespace fovea::images {

namespace {

bool endsPixels(const Reader& reader) {
  if (reader.done()) return true;
  Op next = reader.peek();
  return next == Op::kNormalize || next == Op::kErase;
}

Normalization readNormalization(Reader& reader) {
  Normalization read{{0, 0, 0}, {1, 1, 1}};
  if (reader.done() || reader.peek() != Op::kNormalize) return read;
  reader.op();
  for (float& mean : read.mean) mean = float(reader.number("mean", -1e6, 1e6));
  for (float& deviation : read.deviation) deviation = float(reader.number("deviation", 1e-12, 1e12));
  return read;
}

void erase(Reader& reader, const Output& output) {
  Box box = erasedBox(reader, output.width, output.height);
  if (reader.whole("kind of fill", 0, 1) == 1) {
    uint32_t seed = uint32_t(reader.number("seed", 0, 4294967295.0));
    reader.number("nothing");
    reader.number("nothing");
    eraseWithNoise(output, box, seed);
    return;
  }
  float values[3];
  for (float& value : values) value = float(reader.number("value", -1e30, 1e30));
  eraseWithValues(output, box, values);
}

}  // namespace

std::optional<Window> windowOf(Program program, int width, int height) {
  Reader reader(program);
  Flips flips;
  Window window;
  for (;;) {
    if (reader.done()) return std::nullopt;
    Op op = reader.op();
    if (op == Op::kFlipHorizontal) {
      flips.horizontal = !flips.horizontal;
    } else if (op == Op::kFlipVertical) {
      flips.vertical = !flips.vertical;
    } else if (op == Op::kCenterCrop) {
      int wide = reader.side("width");
      int high = reader.side("height");
      if (wide > width || high > height) return std::nullopt;
      window.box = centerBox(width, height, wide, high);
      break;
    } else if (op == Op::kCropAt) {
      int wide = reader.side("width");
      int high = reader.side("height");
      if (wide > width || high > height) return std::nullopt;
      double across = reader.number("across", 0, 1);
      window.box = placedBox(width, height, wide, high, across, reader.number("down", 0, 1));
      break;
    } else if (op == Op::kResizedCrop) {
      // Plain resizing, of which evaluation consists, is left to the whole image: it is exact.
      int wide = reader.side("width");
      int high = reader.side("height");
      // Nearest picks single pixels, which a reduced scale does not have.
      if (reader.interpolation() != Interpolation::kNearest) {
        window.outWidth = wide;
        window.outHeight = high;
      }
      double least = reader.number("least aspect", 1e-9, 1e9);
      window.box = resizedCropBox(reader, width, height, least, reader.number("greatest aspect", least, 1e9));
      break;
    } else {
      return std::nullopt;
    }
  }
  if (flips.horizontal) window.box.x = mirrored(window.box.x, window.box.width, width);
  if (flips.vertical) window.box.y = mirrored(window.box.y, window.box.height, height);
  return window;
}

Program transform(Program program, Image& image) {
  if (image.width < 1 || image.height < 1) throw ImageError("the image has no pixels");
  Reader reader(program);
  Operations operations(image);
  while (!endsPixels(reader)) operations.apply(reader);
  operations.finish();
  return reader.rest();
}

void execute(Program program, Image& image, const Output& output) {
  Reader reader(transform(program, image));
  if (image.width != output.width || image.height != output.height) {
    throw ImageError("after all operations the image has " + std::to_string(image.width) + "x" +
                     std::to_string(image.height) + " pixels, but " + std::to_string(output.width) + "x" +
                     std::to_string(output.height) + " are expected; resize or crop it to that size");
  }
  normalize(image, readNormalization(reader), output);
  while (!reader.done()) {
    if (reader.op() != Op::kErase) reader.fail("only erase may follow normalize");
    erase(reader, output);
  }
}

}  // namespace fovea::images
