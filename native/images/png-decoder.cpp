#include "png-decoder.h"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <new>

#include "orientation.h"

namespace fovea::images {

namespace {

constexpr size_t kSignature = 8;
// Length and name before the data of a chunk, its checksum after.
constexpr size_t kBefore = 8;
constexpr size_t kAfter = 4;
constexpr size_t kIhdr = 13;

uint32_t number(const uint8_t* at) {
  return uint32_t(at[0]) << 24 | uint32_t(at[1]) << 16 | uint32_t(at[2]) << 8 | uint32_t(at[3]);
}

bool isIntact(const uint8_t* name, size_t length) {
  return crc32(0, name, static_cast<uInt>(4 + length)) == number(name + 4 + length);
}

// The orientation may stand behind the pixels, so all chunks are looked through before any is decoded.
int findOrientation(Bytes bytes) {
  size_t at = kSignature;
  while (bytes.size - at >= kBefore + kAfter) {
    size_t length = number(bytes.data + at);
    if (length > bytes.size - at - kBefore - kAfter) break;
    const uint8_t* name = bytes.data + at + 4;
    if (std::memcmp(name, "eXIf", 4) == 0 && isIntact(name, length)) return orientationOf({name + 4, length});
    at += kBefore + length + kAfter;
  }
  return 1;
}

// One reading by libpng. It reports errors by a jump, which passes over destructors: nothing between the jump's ends
// has one.
struct Reading {
  Bytes bytes;
  size_t at = 0;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf jump;
  char message[160] = "";

  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }

  static void fail(png_structp png, png_const_charp message) {
    auto* reading = static_cast<Reading*>(png_get_error_ptr(png));
    std::snprintf(reading->message, sizeof reading->message, "%s", message);
    std::longjmp(reading->jump, 1);
  }
  static void ignore(png_structp, png_const_charp) {}
  static void read(png_structp png, png_bytep to, size_t count) {
    auto* reading = static_cast<Reading*>(png_get_io_ptr(png));
    if (count > reading->bytes.size - reading->at) png_error(png, "the file is cut short");
    std::memcpy(to, reading->bytes.data + reading->at, count);
    reading->at += count;
  }
};

// Chunks that change nothing here. libpng would read, check and unpack them.
void passOver(png_structp png) {
  static const png_byte names[] =
      "cHRM\0gAMA\0iCCP\0sRGB\0sBIT\0bKGD\0hIST\0tRNS\0pHYs\0sPLT\0tIME\0tEXt\0zTXt\0iTXt\0eXIf\0oFFs\0pCAL\0sCAL";
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, names, sizeof names / 5);
}

using Palette = uint8_t[256][3];

// Entries that the file leaves out are grey, as in Pillow.
void readPalette(png_structp png, png_infop info, Palette& palette) {
  for (int i = 0; i < 256; i++) std::memset(palette[i], i, 3);
  png_colorp entries = nullptr;
  int count = 0;
  if (!png_get_PLTE(png, info, &entries, &count)) png_error(png, "the palette is missing");
  for (int i = 0; i < count; i++) {
    palette[i][0] = entries[i].red;
    palette[i][1] = entries[i].green;
    palette[i][2] = entries[i].blue;
  }
}

// Indices are read into the last third of a row, so that their colours can be written from the row's beginning.
void lookUp(const Palette& palette, uint8_t* row, size_t width) {
  const uint8_t* indices = row + 2 * width;
  for (size_t x = 0; x < width; x++) std::memcpy(row + 3 * x, palette[indices[x]], 3);
}

// Reads the rows from `first` on into `pixels`, until `end`. An interlaced image only as a whole.
void readRows(png_structp png, bool indexed, const Palette& palette, size_t width, int first, int end, uint8_t* pixels) {
  const size_t stride = width * 3;
  const size_t inset = indexed ? 2 * width : 0;
  const int passes = png_set_interlace_handling(png);
  png_start_read_image(png);
  for (int pass = 0; pass < passes; pass++) {
    // What precedes the region goes where its first row will be.
    for (int y = 0; y < end; y++) png_read_row(png, pixels + std::max(0, y - first) * stride + inset, nullptr);
  }
  if (!indexed) return;
  for (int y = first; y < end; y++) lookUp(palette, pixels + (y - first) * stride, width);
}

}  // namespace

PngDecoder::PngDecoder(Bytes bytes) : bytes_(bytes) {
  if (bytes.size < kSignature + kBefore + kIhdr + kAfter) throw DecodeError("the file is cut short");
  const uint8_t* chunk = bytes.data + kSignature;
  if (number(chunk) != kIhdr || std::memcmp(chunk + 4, "IHDR", 4) != 0 || !isIntact(chunk + 4, kIhdr)) {
    throw DecodeError("the header is damaged");
  }
  uint32_t width = number(chunk + kBefore);
  uint32_t height = number(chunk + kBefore + 4);
  checkSize(width, height);
  header_ = {Format::kPng, static_cast<int>(width), static_cast<int>(height), findOrientation(bytes)};
}

void PngDecoder::decode(Part part, Image& image) const {
  const bool interlaced = bytes_.data[kSignature + kBefore + kIhdr - 1] != 0;
  part.reduction = 1;
  if (interlaced) part.region = {0, 0, header_.width, header_.height};
  part.region.x = 0;
  part.region.width = header_.width;
  prepare(image, header_.width, header_.height, part);

  Reading reading;
  reading.bytes = bytes_;
  Palette palette;
  uint8_t* pixels = image.pixels.data();
  if (setjmp(reading.jump) != 0) throw DecodeError(reading.message);
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, Reading::fail, Reading::ignore);
  if (!reading.png) throw std::bad_alloc();
  reading.info = png_create_info_struct(reading.png);
  if (!reading.info) throw std::bad_alloc();
  png_structp png = reading.png;
  png_set_read_fn(png, &reading, Reading::read);
  png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  passOver(png);
  png_read_info(png, reading.info);

  const png_byte colour = png_get_color_type(png, reading.info);
  const bool indexed = colour == PNG_COLOR_TYPE_PALETTE;
  if (indexed) {
    readPalette(png, reading.info, palette);
    png_set_packing(png);
  } else {
    if (png_get_bit_depth(png, reading.info) == 16) png_set_strip_16(png);
    if (colour & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) {
      png_set_expand_gray_1_2_4_to_8(png);
      png_set_gray_to_rgb(png);
    }
  }
  readRows(png, indexed, palette, size_t(header_.width), part.region.y, part.region.y + part.region.height, pixels);
}

}  // namespace fovea::images
