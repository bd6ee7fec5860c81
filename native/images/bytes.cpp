#include "bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fovea::images {

namespace {

// No image file is larger; a wrong path may well be.
constexpr size_t kLargestFile = size_t(1) << 30;
// The longest typed array of Node 20.
constexpr size_t kLargestMap = size_t(1) << 32;

[[noreturn]] void fail(int code, const std::string& path) {
  switch (code) {
    case ENOENT: {
      struct stat status;
      const bool isLink = lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode);
      throw FileError(isLink ? "is a link to nowhere" : "there is no such file");
    }
    case ENOTDIR:
      throw FileError("there is no such file");
    case ELOOP:
      throw FileError("is a link that leads back to itself");
    case EACCES:
    case EPERM:
      throw FileError("may not be read (permission denied)");
    case EMFILE:
    case ENFILE:
      throw FileError("cannot be opened (too many files are open)");
    case ENXIO:  // what a socket answers
      throw FileError("is a socket, not a file");
    default:
      throw FileError("cannot be read (" + std::generic_category().message(code) + ")");
  }
}

// What it is instead of a regular file.
const char* kindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "is a folder";
  if (S_ISFIFO(mode)) return "is a pipe, not a file";
  return "is a device, not a file";
}

class File {
 public:
  explicit File(const std::string& path) {
    // A path of JavaScript may hold a zero, where the system's ends.
    if (path.find('\0') != std::string::npos) throw FileError("there is no such file");
    // Opening a pipe would otherwise wait for whoever writes to it.
    do file_ = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    while (file_ < 0 && errno == EINTR);
    if (file_ < 0) fail(errno, path);
    struct stat status;
    if (fstat(file_, &status) != 0) {
      int code = errno;
      close(file_);
      fail(code, path);
    }
    if (!S_ISREG(status.st_mode)) {
      close(file_);
      throw FileError(kindOf(status.st_mode));
    }
    size_ = static_cast<size_t>(status.st_size);
  }
  ~File() { close(file_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  size_t size() const { return size_; }
  int descriptor() const { return file_; }

 private:
  int file_ = -1;
  size_t size_ = 0;
};

}  // namespace

uint8_t* Buffer::reserve(size_t size) {
  if (size > capacity_) {
    bytes_.reset();
    capacity_ = 0;
    bytes_.reset(new uint8_t[size]);
    capacity_ = size;
  }
  return bytes_.get();
}

void Buffer::release() {
  bytes_.reset();
  capacity_ = 0;
}

FileBytes readFile(const std::string& path, Buffer& buffer, size_t most) {
  File file(path);
  if (file.size() == 0) throw FileError("is empty");
  if (file.size() > kLargestFile) throw FileError("is larger than 1 GiB, too large for an image");
  size_t wanted = std::min(file.size(), most);
  uint8_t* bytes = buffer.reserve(wanted);
  size_t done = 0;
  while (done < wanted) {
    ssize_t count = read(file.descriptor(), bytes + done, wanted - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(errno, path);
    // It was cut short in the meantime; the decoder will say what is missing.
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  FileBytes result;
  result.data = bytes;
  result.size = done;
  result.whole = wanted == file.size();
  return result;
}

Bytes mapFile(const std::string& path) {
  File file(path);
  if (file.size() == 0) return {};
  if (file.size() > kLargestMap) throw FileError("is larger than 4 GiB, more than one array can hold");
  void* memory = mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.descriptor(), 0);
  if (memory == MAP_FAILED) fail(errno, path);
  return {static_cast<const uint8_t*>(memory), file.size()};
}

void unmapFile(Bytes bytes) { munmap(const_cast<uint8_t*>(bytes.data), bytes.size); }

}  // namespace fovea::images
