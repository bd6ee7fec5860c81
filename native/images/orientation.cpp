#include "orientation.h"

#include <cstring>
#include <utility>

namespace fovea::images {

namespace {

// TIFF's numbers, in the byte order that it names.
class Tiff {
 public:
  explicit Tiff(Bytes bytes) : bytes_(bytes), little_(bytes.size > 0 && bytes.data[0] == 'I') {}

  bool holds(size_t at, size_t count) const { return at <= bytes_.size && count <= bytes_.size - at; }
  uint32_t number(size_t at, size_t count) const {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) {
      size_t place = little_ ? count - 1 - i : i;
      value = value << 8 | bytes_.data[at + place];
    }
    return value;
  }

 private:
  Bytes bytes_;
  bool little_;
};

constexpr uint32_t kOrientation = 0x0112;
constexpr size_t kEntry = 12;

// The size of one value of a TIFF type that may hold the orientation.
size_t sizeOf(uint32_t type) {
  switch (type) {
    case 1:  // byte
      return 1;
    case 3:  // short, what the standard wants
      return 2;
    case 4:  // long
      return 4;
    default:
      return 0;
  }
}

}  // namespace

int orientationOf(Bytes exif) {
  static const uint8_t prefix[6] = {'E', 'x', 'i', 'f', 0, 0};
  while (exif.size >= 6 && std::memcmp(exif.data, prefix, 6) == 0) exif = {exif.data + 6, exif.size - 6};
  if (exif.size < 8) return 1;
  if (std::memcmp(exif.data, "II*\0", 4) != 0 && std::memcmp(exif.data, "MM\0*", 4) != 0) return 1;
  Tiff tiff(exif);
  size_t directory = tiff.number(4, 4);
  if (!tiff.holds(directory, 2)) return 1;
  uint32_t count = tiff.number(directory, 2);
  for (uint32_t i = 0; i < count; i++) {
    size_t at = directory + 2 + i * kEntry;
    if (!tiff.holds(at, kEntry)) return 1;
    if (tiff.number(at, 2) != kOrientation) continue;
    size_t size = sizeOf(tiff.number(at + 2, 2));
    if (size == 0 || tiff.number(at + 4, 4) != 1) return 1;
    uint32_t value = tiff.number(at + 8, size);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

void turnUpright(int orientation, Image& image) {
  if (orientation == 1) return;
  const ptrdiff_t width = image.width;
  const ptrdiff_t height = image.height;
  // Where the upright image's first pixel is found, and how far it is from there to the right and down, in pixels.
  const bool exchanged = exchangesSides(orientation);
  const bool fromRight = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool fromBottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const ptrdiff_t column = fromRight ? -1 : 1;
  const ptrdiff_t row = fromBottom ? -width : width;
  const ptrdiff_t first = (fromBottom ? (height - 1) * width : 0) + (fromRight ? width - 1 : 0);
  const ptrdiff_t right = exchanged ? row : column;
  const ptrdiff_t down = exchanged ? column : row;

  Image upright;
  upright.resize(static_cast<int>(exchanged ? height : width), static_cast<int>(exchanged ? width : height));
  const uint8_t* source = image.pixels.data();
  uint8_t* to = upright.pixels.data();
  for (ptrdiff_t y = 0; y < upright.height; y++) {
    ptrdiff_t from = first + y * down;
    for (ptrdiff_t x = 0; x < upright.width; x++, from += right, to += 3) std::memcpy(to, source + 3 * from, 3);
  }
  std::swap(image, upright);
}

}  // namespace fovea::images
