// PNG by libpng.
#pragma once

#include "codec.h"

namespace fovea::images {

class PngDecoder {
 public:
  // Reads the header. The bytes must stay. Throws DecodeError.
  explicit PngDecoder(Bytes bytes);

  const Header& header() const { return header_; }
  // Of a part the rows, each of them whole; `reduction` is passed over.
  void decode(Part part, Image& image) const;

 private:
  Bytes bytes_;
  Header header_;
};

}  // namespace fovea::images
