#include "jpeg-decoder.h"

#include <jerror.h>

#include <algorithm>
#include <cstring>

#include "orientation.h"

namespace fovea::images {

namespace {

constexpr int kExif = JPEG_APP0 + 1;
// No encoder makes so many; a small file with thousands of scans would keep a thread busy for hours.
constexpr int kMostScans = 500;
// Interpolating chroma looks at one neighbour to either side, and takes the first and last columns that are decoded for
// the image's border.
constexpr int kColumnMargin = 2;
// Rows are handed out a few at a time.
constexpr int kRowsAtOnce = 16;

// Whether pixels are wrong after this warning. After the others the image is what it should be.
bool isDamage(int code) {
  switch (code) {
    case JWRN_ARITH_BAD_CODE:
    case JWRN_BOGUS_PROGRESSION:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_JPEG_EOF:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
      return true;
    default:
      return false;
  }
}

// Pillow takes every CMYK image for Adobe's, whose values are inverted: 0 is full ink. This is its rounding.
void fromCmyk(const uint8_t* cmyk, int width, uint8_t* rgb) {
  for (int x = 0; x < width; x++, cmyk += 4, rgb += 3) {
    const int black = cmyk[3];
    for (int c = 0; c < 3; c++) {
      int product = (255 - cmyk[c]) * black + 128;
      rgb[c] = static_cast<uint8_t>(std::max(0, black - (((product >> 8) + product) >> 8)));
    }
  }
}

}  // namespace

template <typename Call>
void JpegDecoder::guard(Call call) {
  if (setjmp(jump_) != 0) {
    jpeg_destroy_decompress(&info_);
    throw DecodeError(cutShort_ ? "the file is cut short" : message_);
  }
  call();
}

void JpegDecoder::fail(j_common_ptr info) {
  auto* decoder = static_cast<JpegDecoder*>(info->client_data);
  info->err->format_message(info, decoder->message_);
  std::longjmp(decoder->jump_, 1);
}

void JpegDecoder::warn(j_common_ptr info, int level) {
  if (level < 0 && isDamage(info->err->msg_code)) fail(info);
}

void JpegDecoder::watch(j_common_ptr info) {
  auto* decoder = static_cast<JpegDecoder*>(info->client_data);
  if (decoder->info_.input_scan_number <= kMostScans) return;
  std::snprintf(decoder->message_, sizeof decoder->message_, "it has more than %d scans", kMostScans);
  std::longjmp(decoder->jump_, 1);
}

// Where the data ends, the image may be whole all the same: then nothing is missing but the mark of its end, which many
// files lack. Where the decoder wants more than that, it complains.
boolean JpegDecoder::endOfData(j_decompress_ptr info) {
  static const JOCTET end[2] = {0xFF, JPEG_EOI};
  static_cast<JpegDecoder*>(info->client_data)->cutShort_ = true;
  info->src->next_input_byte = end;
  info->src->bytes_in_buffer = sizeof end;
  return TRUE;
}

void JpegDecoder::skip(j_decompress_ptr info, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > info->src->bytes_in_buffer) {
    endOfData(info);
  } else {
    info->src->next_input_byte += count;
    info->src->bytes_in_buffer -= static_cast<size_t>(count);
  }
}

JpegDecoder::JpegDecoder(Bytes bytes) {
  std::memset(&info_, 0, sizeof info_);
  std::memset(&progress_, 0, sizeof progress_);
  info_.err = jpeg_std_error(&errors_);
  errors_.error_exit = fail;
  errors_.emit_message = warn;
  info_.client_data = this;
  guard([&] {
    jpeg_create_decompress(&info_);
    source_ = {bytes.data, bytes.size, nothing, endOfData, skip, jpeg_resync_to_restart, nothing};
    info_.src = &source_;
    progress_.progress_monitor = watch;
    info_.progress = &progress_;
    jpeg_save_markers(&info_, kExif, 0xFFFF);
    jpeg_read_header(&info_, TRUE);
  });
  header_ = {Format::kJpeg, static_cast<int>(info_.image_width), static_cast<int>(info_.image_height), 1};
  for (jpeg_saved_marker_ptr marker = info_.marker_list; marker; marker = marker->next) {
    if (marker->marker != kExif || marker->data_length < 6 || std::memcmp(marker->data, "Exif\0", 5) != 0) continue;
    header_.orientation = orientationOf({marker->data, marker->data_length});
    break;
  }
  try {
    checkSize(info_.image_width, info_.image_height);
  } catch (...) {
    jpeg_destroy_decompress(&info_);
    throw;
  }
}

JpegDecoder::~JpegDecoder() { jpeg_destroy_decompress(&info_); }

bool JpegDecoder::hasExactParts() const { return info_.max_h_samp_factor <= 2 && info_.max_v_samp_factor <= 2; }

void JpegDecoder::decode(const Part& part, Image& image) {
  prepare(image, header_.width, header_.height, part);
  uint8_t* pixels = image.pixels.data();
  guard([&] {
    start(part.reduction);
    readRegion(part.region, pixels);
  });
}

void JpegDecoder::start(int reduction) {
  info_.scale_num = 1;
  info_.scale_denom = static_cast<unsigned>(reduction);
  info_.dct_method = JDCT_ISLOW;
  info_.do_fancy_upsampling = TRUE;
  info_.out_color_space = info_.num_components == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&info_);
  // All scans were read now. One that is missing would only make the image coarser, and nothing else tells.
  if (cutShort_ && jpeg_has_multiple_scans(&info_)) ERREXIT(&info_, JERR_INPUT_EOF);
}

void JpegDecoder::readRegion(const Box& region, uint8_t* pixels) {
  const int width = static_cast<int>(info_.output_width);
  const int height = static_cast<int>(info_.output_height);
  const int bottom = region.y + region.height;
  JDIMENSION left = static_cast<JDIMENSION>(std::max(0, region.x - kColumnMargin));
  JDIMENSION columns = static_cast<JDIMENSION>(std::min(width, region.x + region.width + kColumnMargin)) - left;
  jpeg_crop_scanline(&info_, &left, &columns);
  if (region.y > 0) jpeg_skip_scanlines(&info_, static_cast<JDIMENSION>(region.y));

  const bool direct = region.width == static_cast<int>(columns) && info_.output_components == 3;
  const size_t stride = size_t(region.width) * 3;
  const size_t inset = (size_t(region.x) - left) * static_cast<size_t>(info_.output_components);
  JSAMPARRAY scratch = (*info_.mem->alloc_sarray)(reinterpret_cast<j_common_ptr>(&info_), JPOOL_IMAGE,
                                                  columns * static_cast<JDIMENSION>(info_.output_components), kRowsAtOnce);
  for (int y = region.y; y < bottom;) {
    JSAMPROW rows[kRowsAtOnce];
    const int most = std::min(kRowsAtOnce, bottom - y);
    for (int i = 0; i < most; i++) rows[i] = direct ? pixels + i * stride : scratch[i];
    const int count = static_cast<int>(jpeg_read_scanlines(&info_, rows, static_cast<JDIMENSION>(most)));
    for (int i = 0; i < count; i++, pixels += stride) {
      if (direct) continue;
      if (info_.output_components == 4) fromCmyk(rows[i] + inset, region.width, pixels);
      else std::memcpy(pixels, rows[i] + inset, stride);
    }
    y += count;
  }
  if (bottom == height) jpeg_finish_decompress(&info_);
}

}  // namespace fovea::images
