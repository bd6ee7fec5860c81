#include "decode.h"

#include <algorithm>
#include <cstring>

#include "codec.h"
#include "jpeg-decoder.h"
#include "orientation.h"
#include "png-decoder.h"

namespace fovea::images {

namespace {

constexpr uint64_t kMostPixels = 178956970;

Part wholeOf(const Header& header) { return {1, {0, 0, header.width, header.height}}; }

int dividedUp(int value, int divisor) { return (value + divisor - 1) / divisor; }

// Of the scales that libjpeg decodes at, the smallest that still leaves the window twice as large as it will be.
int reductionFor(const Window& window) {
  if (window.outWidth <= 0 || window.outHeight <= 0) return 1;
  for (int reduction : {8, 4, 2}) {
    if (window.box.width >= 2 * reduction * window.outWidth && window.box.height >= 2 * reduction * window.outHeight) {
      return reduction;
    }
  }
  return 1;
}

// The window, divided by the reduction and widened to whole pixels.
Part partFor(const Window& window, int reduction) {
  const Box& box = window.box;
  const int left = box.x / reduction;
  const int top = box.y / reduction;
  return {reduction,
          {left, top, dividedUp(box.x + box.width, reduction) - left, dividedUp(box.y + box.height, reduction) - top}};
}

// What the program needs of an image that is stored upright, where that is less than the whole.
std::optional<Window> windowIn(const Header& header, Program program) {
  if (header.orientation != 1) return std::nullopt;
  std::optional<Window> window = windowOf(program, header.width, header.height);
  if (!window) return std::nullopt;
  const Box& box = window->box;
  const bool inside = box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 &&
                      box.width <= header.width - box.x && box.height <= header.height - box.y;
  return inside ? window : std::nullopt;
}

template <typename Decoder>
void decodeWhole(Decoder& decoder, Image& image) {
  decoder.decode(wholeOf(decoder.header()), image);
  turnUpright(decoder.header().orientation, image);
}

}  // namespace

void checkSize(uint64_t width, uint64_t height) {
  if (width * height <= kMostPixels) return;
  throw DecodeError("it has " + std::to_string(width) + "x" + std::to_string(height) + " pixels, more than the " +
                   std::to_string(kMostPixels) + " that are decoded");
}

void prepare(Image& image, int width, int height, const Part& part) {
  image.width = width;
  image.height = height;
  image.reduction = part.reduction;
  image.region = part.region;
  image.pixels.resize(image.bytes() + Image::kPadding);
}

std::optional<Format> formatOf(Bytes bytes) {
  static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  static const uint8_t jpeg[3] = {0xFF, 0xD8, 0xFF};
  if (bytes.size >= sizeof png && std::memcmp(bytes.data, png, sizeof png) == 0) return Format::kPng;
  if (bytes.size >= sizeof jpeg && std::memcmp(bytes.data, jpeg, sizeof jpeg) == 0) return Format::kJpeg;
  return std::nullopt;
}

std::optional<Header> readHeader(Bytes bytes) {
  std::optional<Format> format = formatOf(bytes);
  if (!format) return std::nullopt;
  return *format == Format::kPng ? PngDecoder(bytes).header() : JpegDecoder(bytes).header();
}

bool decode(Bytes bytes, Image& image) {
  std::optional<Format> format = formatOf(bytes);
  if (!format) return false;
  if (*format == Format::kPng) {
    PngDecoder decoder(bytes);
    decodeWhole(decoder, image);
  } else {
    JpegDecoder decoder(bytes);
    decodeWhole(decoder, image);
  }
  return true;
}

bool decodeFor(Bytes bytes, Program program, Image& image) {
  std::optional<Format> format = formatOf(bytes);
  if (!format) return false;
  if (*format == Format::kPng) {
    PngDecoder decoder(bytes);
    std::optional<Window> window = windowIn(decoder.header(), program);
    if (window) decoder.decode(partFor(*window, 1), image);
    else decodeWhole(decoder, image);
  } else {
    JpegDecoder decoder(bytes);
    std::optional<Window> window = windowIn(decoder.header(), program);
    if (window && decoder.hasExactParts()) decoder.decode(partFor(*window, reductionFor(*window)), image);
    else decodeWhole(decoder, image);
  }
  return true;
}

}  // namespace fovea::images
