#include "reader.h"

#include <cmath>
#include <cstdio>

namespace fovea::images {

namespace {

// As src/data/transforms/image-op.ts calls them, by opcode.
constexpr const char* kNames[] = {
    "",
    "resize", "resizeShorter", "centerCrop", "pad", "cropAt", "resizedCrop",
    "flipHorizontal", "flipVertical", "turn", "rotate", "affine", "translate",
    "brightness", "contrast", "saturation", "sharpness", "hue",
    "posterize", "solarize", "solarizeAdd", "autoContrast", "equalize", "invert", "grayscale",
    "gaussianBlur", "stain", "cutout", "mixChains", "normalize", "erase",
};
constexpr int kOperations = sizeof(kNames) / sizeof(kNames[0]) - 1;
static_assert(kOperations == int(Op::kErase), "every operation has a name");

std::string toText(double value) {
  char text[32];
  snprintf(text, sizeof text, "%.15g", value);
  return text;
}

}  // namespace

Op Reader::peek() const {
  if (done()) throw ImageError("the program ends where an operation should follow");
  // Written so that NaN fails as well.
  if (!(*at_ >= 1 && *at_ <= kOperations) || *at_ != std::floor(*at_)) {
    throw ImageError("there is no operation " + toText(*at_) + "; the program is damaged, or of another version");
  }
  return Op(int(*at_));
}

Op Reader::op() {
  Op found = peek();
  backTo(found);
  ++at_;
  return found;
}

void Reader::backTo(Op op) { name_ = kNames[int(op)]; }

double Reader::number(const char* name) {
  if (done()) fail(std::string("the program ends before ") + name);
  double value = *at_++;
  if (!std::isfinite(value)) fail(std::string(name) + " must be a finite number, not " + toText(value));
  return value;
}

double Reader::number(const char* name, double least, double greatest) {
  double value = number(name);
  if (value < least || value > greatest) {
    fail(std::string(name) + " must lie in [" + toText(least) + ", " + toText(greatest) + "], not be " + toText(value));
  }
  return value;
}

int Reader::whole(const char* name, int least, int greatest) {
  double value = number(name, least, greatest);
  if (value != std::floor(value)) fail(std::string(name) + " must be a whole number, not " + toText(value));
  return int(value);
}

Interpolation Reader::interpolation() { return Interpolation(whole("interpolation", 0, 2)); }

Colour Reader::colour() {
  uint8_t red = uint8_t(number("red", 0, 255));
  uint8_t green = uint8_t(number("green", 0, 255));
  uint8_t blue = uint8_t(number("blue", 0, 255));
  return {red, green, blue};
}

int Reader::boxes() { return whole("number of boxes", 0, 1000); }

DrawnBox Reader::box() {
  DrawnBox box;
  box.area = number("area", 0, 1e9);
  box.aspect = number("aspect", 1e-9, 1e9);
  box.across = number("across", 0, 1);
  box.down = number("down", 0, 1);
  return box;
}

void Reader::fail(const std::string& what) const { throw ImageError(std::string(name_) + ": " + what); }

}  // namespace fovea::images
