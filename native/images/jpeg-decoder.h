// JPEG by libjpeg-turbo, with the settings of Pillow: the slow exact DCT, chroma interpolated.
#pragma once

#include <csetjmp>
#include <cstdio>

#include <jpeglib.h>

#include "codec.h"

namespace fovea::images {

class JpegDecoder {
 public:
  // Reads the header. The bytes must stay. Throws DecodeError.
  explicit JpegDecoder(Bytes bytes);
  ~JpegDecoder();
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  const Header& header() const { return header_; }
  // Whether any part comes out as it is in the whole: libjpeg's cropping fails where chroma is coarser than half.
  bool hasExactParts() const;
  // Decodes exactly the part. Once for each decoder. Throws DecodeError.
  void decode(const Part& part, Image& image);

 private:
  // libjpeg reports errors by a jump, which passes over destructors: what is called here must not need any.
  template <typename Call>
  void guard(Call call);
  static void fail(j_common_ptr info);
  static void warn(j_common_ptr info, int level);
  static void watch(j_common_ptr info);
  static void nothing(j_decompress_ptr) {}
  static boolean endOfData(j_decompress_ptr info);
  static void skip(j_decompress_ptr info, long count);

  void start(int reduction);
  void readRegion(const Box& region, uint8_t* pixels);

  jpeg_decompress_struct info_;
  jpeg_error_mgr errors_;
  jpeg_source_mgr source_;
  jpeg_progress_mgr progress_;
  std::jmp_buf jump_;
  bool cutShort_ = false;
  char message_[JMSG_LENGTH_MAX] = "";
  Header header_;
};

}  // namespace fovea::images
