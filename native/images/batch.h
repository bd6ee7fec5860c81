// Work on many samples: decoding and changing the images of a batch, and mixing those that are done.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "bytes.h"
#include "program.h"

namespace fovea::images {

// Independent pieces, each performed once on any thread.
class Work {
 public:
  virtual ~Work() = default;
  virtual size_t count() const = 0;
  virtual void perform(size_t piece) noexcept = 0;
};

// A sample whose image could not be had; `foreign` where the file is neither PNG nor JPEG.
struct FailedSample {
  size_t sample;
  bool foreign;
  std::string reason;
};

// Images of a batch into its output, each by its own program.
class Batch final : public Work {
 public:
  struct Source {
    // Of a file; empty for pixels.
    std::string path;
    const uint8_t* pixels = nullptr;
    int width = 0;
    int height = 0;
  };

  std::vector<Source> sources;
  std::vector<double> program;
  // [sources + 1]: where in `program` each one's begins.
  std::vector<uint32_t> starts;
  // The first sample's place; the others follow it.
  Output output;

  size_t count() const override { return sources.size(); }
  void perform(size_t sample) noexcept override;
  // Those that failed, in order. For when all are done.
  const std::vector<FailedSample>& failed();

 private:
  // What is wrong is added to `failed_`.
  void make(size_t sample);
  void fail(size_t sample, bool foreign, std::string reason) noexcept;

  std::mutex mutex_;
  std::vector<FailedSample> failed_;
};

// Mixes each sample of a batch with the one before it, in place; the first with the last, or with the extra one that
// follows them.
class Mix final : public Work {
 public:
  float* values;
  size_t samples;
  bool extraPartner;
  Output output;  // the size and layout of a sample
  bool box;       // CutMix; else Mixup
  double lambda = 1;
  Box region;

  size_t count() const override { return 1; }
  void perform(size_t) noexcept override;
  // When it was done: what went wrong, or nothing.
  const std::string& failure() const { return failure_; }

 private:
  void mix(float* own, const float* partner) const;

  std::string failure_;
};

}  // namespace fovea::images
