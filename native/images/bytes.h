// Bytes in memory, and files read into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "image.h"

namespace fovea::images {

// Bytes that someone else keeps.
struct Bytes {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// A file that cannot be read, as what follows its name in a message: "there is no such file".
struct FileError : ImageError {
  using ImageError::ImageError;
};

// Memory for a file's bytes, kept from one file to the next. Unlike a vector it is not cleared first.
class Buffer {
 public:
  // Room for this many bytes; what was in it is lost.
  uint8_t* reserve(size_t size);
  void release();
  size_t capacity() const { return capacity_; }

 private:
  std::unique_ptr<uint8_t[]> bytes_;
  size_t capacity_ = 0;
};

// The bytes of a regular file, which lie in `buffer`: all of them, or the first `most`. Never waits for a pipe or device.
// Throws FileError.
struct FileBytes : Bytes {
  bool whole = true;
};
FileBytes readFile(const std::string& path, Buffer& buffer, size_t most = SIZE_MAX);

// A whole regular file as read-only memory; empty for an empty one. Throws FileError.
Bytes mapFile(const std::string& path);
void unmapFile(Bytes bytes);

}  // namespace fovea::images
