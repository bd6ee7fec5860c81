#include "geometry.h"

#include <algorithm>
#include <cmath>

namespace fovea::images {

namespace {

// The sides of a drawn box, not yet whole; as numbers that no int might hold.
struct Sides {
  double width;
  double height;
};

Sides sidesOf(const DrawnBox& box, int imageWidth, int imageHeight) {
  double area = double(imageWidth) * double(imageHeight) * box.area;
  return {std::nearbyint(std::sqrt(area * box.aspect)), std::nearbyint(std::sqrt(area / box.aspect))};
}

}  // namespace

int roundHalfEven(double value) { return int(std::nearbyint(value)); }

int placeOf(double share, int room) { return std::min(room, int(std::floor(share * (double(room) + 1)))); }

Size sizeByShorter(int width, int height, int size) {
  int64_t shorter = std::min(width, height);
  int64_t longer = std::max(width, height);
  double scaled = double(size * longer) / double(shorter);
  if (scaled * size > double(kMostPixels)) {
    throw ImageError("an image of " + std::to_string(width) + "x" + std::to_string(height) +
                     " has too many pixels when its shorter side becomes " + std::to_string(size));
  }
  return width <= height ? Size{size, int(scaled)} : Size{int(scaled), size};
}

Box centerBox(int imageWidth, int imageHeight, int width, int height) {
  return {roundHalfEven((imageWidth - width) / 2.0), roundHalfEven((imageHeight - height) / 2.0), width, height};
}

Box placedBox(int imageWidth, int imageHeight, int width, int height, double across, double down) {
  return {placeOf(across, imageWidth - width), placeOf(down, imageHeight - height), width, height};
}

Box resizedCropBox(Reader& reader, int imageWidth, int imageHeight, double leastAspect, double greatestAspect) {
  Box found;
  // All are read, so that what follows in the program is read next.
  for (int left = reader.boxes(); left > 0; left--) {
    DrawnBox box = reader.box();
    Sides sides = sidesOf(box, imageWidth, imageHeight);
    bool fits = sides.width > 0 && sides.width <= imageWidth && sides.height > 0 && sides.height <= imageHeight;
    if (fits && found.width == 0) {
      found = placedBox(imageWidth, imageHeight, int(sides.width), int(sides.height), box.across, box.down);
    }
  }
  if (found.width > 0) return found;

  double aspect = double(imageWidth) / double(imageHeight);
  int width = imageWidth;
  int height = imageHeight;
  if (aspect < leastAspect) height = std::max(1, roundHalfEven(width / leastAspect));
  else if (aspect > greatestAspect) width = std::max(1, roundHalfEven(height * greatestAspect));
  return {(imageWidth - width) / 2, (imageHeight - height) / 2, width, height};
}

Box erasedBox(Reader& reader, int imageWidth, int imageHeight) {
  Box found;
  bool any = false;
  for (int left = reader.boxes(); left > 0; left--) {
    DrawnBox box = reader.box();
    Sides sides = sidesOf(box, imageWidth, imageHeight);
    if (any || sides.width >= imageWidth || sides.height >= imageHeight) continue;
    found = placedBox(imageWidth, imageHeight, int(sides.width), int(sides.height), box.across, box.down);
    any = true;
  }
  return found;
}

int paddedFrom(int place, int length, PaddingMode mode) {
  if (mode == PaddingMode::kEdge || length == 1) return std::clamp(place, 0, length - 1);
  // The mirrored image repeats itself: reflect without the border's pixels twice, symmetric with them.
  int period = mode == PaddingMode::kReflect ? 2 * (length - 1) : 2 * length;
  int inside = ((place % period) + period) % period;
  if (inside < length) return inside;
  return mode == PaddingMode::kReflect ? period - inside : period - 1 - inside;
}

int mirrored(int start, int length, int whole) { return whole - start - length; }

}  // namespace fovea::images
