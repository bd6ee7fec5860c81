#include "operations.h"

#include <algorithm>

#include "chains.h"
#include "colour.h"
#include "filter.h"
#include "geometry.h"
#include "move.h"
#include "stain.h"
#include "warp.h"

namespace fovea::images {

namespace {

// Wide enough for any use, and far from where floats end.
constexpr double kLargestFactor = 1e6;
constexpr double kLargestMove = 1e9;
constexpr int kLargestKernel = 1023;
constexpr int kMostChains = 64;
constexpr int kLongestChain = 64;

std::string sizeOf(int width, int height) { return std::to_string(width) + "x" + std::to_string(height); }

}  // namespace

void Operations::apply(Reader& reader) {
  Op op = reader.op();
  switch (op) {
    case Op::kFlipHorizontal:
      flips_.horizontal = !flips_.horizontal;
      return;
    case Op::kFlipVertical:
      flips_.vertical = !flips_.vertical;
      return;
    case Op::kResize: {
      int width = reader.side("width");
      int height = reader.side("height");
      return resizeTo(width, height, reader.interpolation());
    }
    case Op::kResizeShorter: {
      Size size = sizeByShorter(image_.width, image_.height, reader.side("size"));
      return resizeTo(size.width, size.height, reader.interpolation());
    }
    case Op::kCenterCrop: {
      int width = reader.side("width");
      return centerCrop(width, reader.side("height"));
    }
    case Op::kCropAt: {
      int width = reader.side("width");
      int height = reader.side("height");
      double across = reader.number("across", 0, 1);
      double down = reader.number("down", 0, 1);
      if (width > image_.width || height > image_.height) {
        reader.fail("the image has " + sizeOf(image_.width, image_.height) + " pixels, less than " +
                    sizeOf(width, height) + "; pad or resize it first");
      }
      return cropTo(placedBox(image_.width, image_.height, width, height, across, down));
    }
    case Op::kResizedCrop: {
      int width = reader.side("width");
      int height = reader.side("height");
      Interpolation interpolation = reader.interpolation();
      double least = reader.number("least aspect", 1e-9, 1e9);
      double greatest = reader.number("greatest aspect", least, 1e9);
      Box box = resizedCropBox(reader, image_.width, image_.height, least, greatest);
      if (image_.reduction == 1 && box.width == width && box.height == height) return cropTo(box);
      resizeBox(image_, box, width, height, interpolation, flips_);
      flips_ = {};
      return;
    }
    default:
      finish();
      return applyToPixels(op, reader);
  }
}

void Operations::finish() {
  if (flips_.horizontal) flipHorizontal(image_);
  if (flips_.vertical) flipVertical(image_);
  flips_ = {};
  if (!image_.whole()) throw ImageError("the whole image is needed, but only a part of it was decoded");
}

void Operations::resizeTo(int width, int height, Interpolation interpolation) {
  if (image_.reduction == 1 && width == image_.width && height == image_.height) return;
  resizeBox(image_, {0, 0, image_.width, image_.height}, width, height, interpolation, flips_);
  flips_ = {};
}

void Operations::cropTo(Box box) {
  if (image_.reduction != 1) throw ImageError("the image is needed at full scale, but was decoded at a reduced one");
  if (flips_.horizontal) box.x = mirrored(box.x, box.width, image_.width);
  if (flips_.vertical) box.y = mirrored(box.y, box.height, image_.height);
  crop(image_, box);
}

void Operations::centerCrop(int width, int height) {
  // Black where the image is smaller, the odd row or column more at its end.
  int right = std::max(0, width - image_.width);
  int bottom = std::max(0, height - image_.height);
  if (right > 0 || bottom > 0) {
    finish();
    Margins margins{right / 2, bottom / 2, (right + 1) / 2, (bottom + 1) / 2};
    pad(image_, margins, PaddingMode::kConstant, {0, 0, 0});
  }
  cropTo(centerBox(image_.width, image_.height, width, height));
}

void Operations::applyToPixels(Op op, Reader& reader) {
  switch (op) {
    case Op::kPad: {
      int left = reader.whole("left", 0, kLongestSide);
      int top = reader.whole("top", 0, kLongestSide);
      int right = reader.whole("right", 0, kLongestSide);
      int bottom = reader.whole("bottom", 0, kLongestSide);
      PaddingMode mode = PaddingMode(reader.whole("mode", 0, 3));
      return pad(image_, {left, top, right, bottom}, mode, reader.colour());
    }
    case Op::kTurn:
      return turn(image_, reader.whole("quarters", 1, 3));
    case Op::kRotate: {
      double degrees = reader.number("degrees", -kLargestMove, kLargestMove);
      Interpolation interpolation = reader.interpolation();
      return rotate(image_, degrees, interpolation, reader.colour());
    }
    case Op::kAffine: {
      double matrix[6];
      for (double& value : matrix) value = reader.number("the matrix");
      Interpolation interpolation = reader.interpolation();
      Affine affine{matrix[0], matrix[1], matrix[2], matrix[3], matrix[4], matrix[5]};
      return warp(image_, affine, interpolation, reader.colour());
    }
    case Op::kTranslate:
      return translateBy(reader);
    case Op::kBrightness:
      return brightness(image_, reader.number("factor", -kLargestFactor, kLargestFactor));
    case Op::kContrast:
      return contrast(image_, reader.number("factor", -kLargestFactor, kLargestFactor));
    case Op::kSaturation:
      return saturation(image_, reader.number("factor", -kLargestFactor, kLargestFactor));
    case Op::kSharpness:
      return sharpness(image_, reader.number("factor", -kLargestFactor, kLargestFactor));
    case Op::kHue:
      return hue(image_, reader.number("shift", -0.5, 0.5));
    case Op::kPosterize:
      return posterize(image_, reader.whole("bits", 0, 8));
    case Op::kSolarize:
      return solarize(image_, reader.number("threshold"));
    case Op::kSolarizeAdd: {
      double amount = reader.number("amount", -kLargestFactor, kLargestFactor);
      return solarizeAdd(image_, amount, reader.number("threshold"));
    }
    case Op::kAutoContrast:
      return autoContrast(image_);
    case Op::kEqualize:
      return equalize(image_);
    case Op::kInvert:
      return invert(image_);
    case Op::kGrayscale:
      return grayscale(image_);
    case Op::kGaussianBlur: {
      int across = reader.whole("kernel width", 1, kLargestKernel);
      int down = reader.whole("kernel height", 1, kLargestKernel);
      if (across % 2 == 0 || down % 2 == 0) reader.fail("the kernel's sides must be odd, not " + sizeOf(across, down));
      double sigmaX = reader.number("sigma x", 1e-3, kLargestFactor);
      double sigmaY = reader.number("sigma y", 1e-3, kLargestFactor);
      return gaussianBlur(image_, {across, sigmaX}, {down, sigmaY});
    }
    case Op::kStain: {
      StainChange change;
      for (double& scale : change.scale) scale = reader.number("scale", -kLargestFactor, kLargestFactor);
      for (double& shift : change.shift) shift = reader.number("shift", -kLargestFactor, kLargestFactor);
      return changeStains(image_, change);
    }
    case Op::kCutout:
      return cutOut(reader);
    case Op::kMixChains:
      return mixChains(reader);
    default:
      reader.fail("has no place here: normalize follows all others, erase follows normalize");
  }
}

// As torchvision's affine with a translation only, to which every interpolation gives the same: pixels fall on pixels.
void Operations::translateBy(Reader& reader) {
  double x = reader.number("x", -kLargestMove, kLargestMove);
  double y = reader.number("y", -kLargestMove, kLargestMove);
  bool shares = reader.whole("unit", 0, 1) == 1;
  reader.interpolation();
  Colour fill = reader.colour();
  if (shares) {
    x = std::clamp(x * image_.width, -kLargestMove, kLargestMove);
    y = std::clamp(y * image_.height, -kLargestMove, kLargestMove);
  }
  translate(image_, int(x), int(y), fill);
}

void Operations::cutOut(Reader& reader) {
  double across = reader.number("across", 0, 1);
  double down = reader.number("down", 0, 1);
  int half = reader.whole("size", 0, kLongestSide) / 2;
  int x = placeOf(across, image_.width - 1);
  int y = placeOf(down, image_.height - 1);
  paint(image_, {x - half, y - half, 2 * half, 2 * half}, reader.colour());
}

void Operations::mixChains(Reader& reader) {
  thread_local std::vector<float> sums;
  thread_local Image chained;
  sums.assign(image_.bytes(), 0);
  addWeighted(sums, image_, float(reader.number("original", 0, 1)));
  for (int chains = reader.whole("number of chains", 0, kMostChains); chains > 0; chains--) {
    float weight = float(reader.number("weight", 0, 1));
    chained = image_;
    Operations inner(chained);
    for (int left = reader.whole("number of operations", 0, kLongestChain); left > 0; left--) {
      // Its own memory is in use, and there would be no end to the depth.
      if (reader.peek() == Op::kMixChains) reader.fail("cannot stand within itself");
      inner.apply(reader);
    }
    inner.finish();
    reader.backTo(Op::kMixChains);
    if (chained.width != image_.width || chained.height != image_.height) {
      throw ImageError("mixChains: a chain made " + sizeOf(chained.width, chained.height) + " pixels of " +
                       sizeOf(image_.width, image_.height) + "; chains must keep the size");
    }
    addWeighted(sums, chained, weight);
  }
  cutTo(sums, image_);
}

}  // namespace fovea::images
