#include "batch.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "decode.h"

namespace fovea::images {

namespace {

// What a thread keeps of one sample for the next, so that memory is not asked for each time; larger is given back.
constexpr size_t kMostKept = size_t(64) << 20;

struct Scratch {
  Buffer file;
  Image image;

  void trim() {
    if (file.capacity() > kMostKept) file.release();
    if (image.pixels.capacity() > kMostKept) std::vector<uint8_t>().swap(image.pixels);
  }
};

thread_local Scratch scratch;

// As much of the pixels as the program looks at.
void copyFor(Program program, const Batch::Source& source, Image& image) {
  image.resize(0, 0);
  image.width = source.width;
  image.height = source.height;
  image.region = {0, 0, source.width, source.height};
  if (std::optional<Window> window = windowOf(program, source.width, source.height)) {
    image.region.y = window->box.y;
    image.region.height = window->box.height;
  }
  image.pixels.resize(image.bytes() + Image::kPadding);
  const size_t before = size_t(image.region.y) * size_t(source.width) * 3;
  std::memcpy(image.pixels.data(), source.pixels + before, image.bytes());
}

}  // namespace

void Batch::make(size_t sample) {
  const Source& source = sources[sample];
  const Program own = {program.data() + starts[sample], program.data() + starts[sample + 1]};
  Image& image = scratch.image;
  if (source.pixels) {
    copyFor(own, source, image);
  } else {
    Bytes bytes = readFile(source.path, scratch.file);
    try {
      if (!decodeFor(bytes, own, image)) return fail(sample, true, "is neither PNG nor JPEG");
    } catch (const DecodeError& error) {
      return fail(sample, false, std::string("is not a readable image (") + error.what() + ")");
    }
  }
  Output place = output;
  place.values += sample * 3 * size_t(output.width) * size_t(output.height);
  execute(own, image, place);
}

void Batch::perform(size_t sample) noexcept {
  try {
    make(sample);
  } catch (const std::bad_alloc&) {
    fail(sample, false, "needs more memory than there is");
  } catch (const std::exception& error) {
    fail(sample, false, error.what());
  }
  scratch.trim();
}

void Batch::fail(size_t sample, bool foreign, std::string reason) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  failed_.push_back({sample, foreign, std::move(reason)});
}

const std::vector<FailedSample>& Batch::failed() {
  std::sort(failed_.begin(), failed_.end(), [](const auto& a, const auto& b) { return a.sample < b.sample; });
  return failed_;
}

void Mix::mix(float* own, const float* partner) const {
  const size_t width = static_cast<size_t>(output.width);
  const size_t height = static_cast<size_t>(output.height);
  if (!box) {
    const float share = static_cast<float>(lambda);
    const float rest = static_cast<float>(1 - lambda);
    for (size_t i = 0; i < 3 * width * height; i++) own[i] = share * own[i] + rest * partner[i];
    return;
  }
  const bool planes = output.layout == Layout::kNchw;
  const size_t pixel = planes ? 1 : 3;
  for (size_t plane = 0; plane < (planes ? 3 : 1); plane++) {
    for (int y = region.y; y < region.y + region.height; y++) {
      const size_t from = ((plane * height + static_cast<size_t>(y)) * width + static_cast<size_t>(region.x)) * pixel;
      std::memcpy(own + from, partner + from, static_cast<size_t>(region.width) * pixel * sizeof(float));
    }
  }
}

void Mix::perform(size_t) noexcept {
  if (samples == 0) return;
  try {
    const size_t size = 3 * static_cast<size_t>(output.width) * static_cast<size_t>(output.height);
    std::vector<float> last;
    const float* partner = values + samples * size;
    if (!extraPartner) {
      // Going backwards, each sample's partner is still as it was, but for the first one's.
      last.assign(partner - size, partner);
      partner = last.data();
    }
    for (size_t i = samples - 1; i > 0; i--) mix(values + i * size, values + (i - 1) * size);
    mix(values, partner);
  } catch (const std::bad_alloc&) {
    failure_ = "out of memory";
  }
}

}  // namespace fovea::images
