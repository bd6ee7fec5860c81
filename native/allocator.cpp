// A caching CPU allocator.
//
// libtorch returns every large block to the kernel as soon as its tensor dies, and the page faults of the next one cost
// more than many kernels do. Here they come from an arena that keeps its memory, on huge pages where the system has them.
// Small ones come from malloc, and the smallest from lists of each thread.
//
// What is held in reserve is bounded: used + cached stays under 1.25 times the most that was used at once, or 64 MB more
// where that is little. Less where the system runs short of memory.
#include "allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "arena.h"
#include "system-memory.h"
#include "tiny-blocks.h"

namespace fovea {

namespace {

// Below, malloc's own bins serve well and waste less.
constexpr size_t kSmall = 32 << 10;
constexpr size_t kSlack = 64 << 20;

class Pool {
 public:
  static Pool& instance() {
    // Never destroyed: tensors of static lifetime are freed after everything else.
    static auto* pool = new Pool();
    return *pool;
  }

  void* allocate(size_t bytes) {
    if (bytes <= kSmall - Arena::kHeader) return small(bytes + Arena::kHeader);
    TORCH_CHECK_WITH(OutOfMemoryError, bytes <= limit_, "out of memory: ", bytes, " bytes were asked for, the machine has ",
                     limit_);
    size_t size = Arena::blockSize(bytes);
    std::lock_guard<std::mutex> lock(mutex_);
    if (Clock::now() - looked_ > std::chrono::seconds(1)) look();
    void* data = arena_.take(size);
    if (!data) {
      makeRoom(size, bytes);
      data = arena_.take(size);
    }
    used_ += Arena::headerOf(data).size;
    peak_ = std::max(peak_, used_);
    most_ = std::max(most_, used_);
    return data;
  }

  void free(void* data) {
    auto [block, size] = Arena::headerOf(data);
    if (!block) {
      void* start = static_cast<char*>(data) - Arena::kHeader;
      if (size > TinyBlocks::kLargest || !TinyBlocks::put(start, size)) std::free(start);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    used_ -= size;
    arena_.give(data);
  }

  void release() {
    std::lock_guard<std::mutex> lock(mutex_);
    arena_.release(arena_.reserved());
  }

  AllocatorStatistics statistics() {
    std::lock_guard<std::mutex> lock(mutex_);
    AllocatorStatistics result;
    result.used = static_cast<int64_t>(used_);
    result.cached = static_cast<int64_t>(arena_.reserved() - used_);
    result.peak = static_cast<int64_t>(peak_);
    result.peakReserved = static_cast<int64_t>(peakReserved_);
    result.limit = static_cast<int64_t>(limit_);
    result.systemAllocations = static_cast<int64_t>(arena_.systemAllocations());
    return result;
  }

  void resetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    peak_ = used_;
    peakReserved_ = arena_.reserved();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void* small(size_t size) {
    void* start = nullptr;
    if (size <= TinyBlocks::kLargest) {
      size = TinyBlocks::classOf(size);
      start = TinyBlocks::take(size);
    }
    if (!start && posix_memalign(&start, Arena::kHeader, size) != 0) {
      release();
      TORCH_CHECK_WITH(OutOfMemoryError, posix_memalign(&start, Arena::kHeader, size) == 0, "out of memory: ", size,
                       " bytes were refused");
    }
    void* data = static_cast<char*>(start) + Arena::kHeader;
    Arena::headerOf(data) = {nullptr, size};
    return data;
  }

  // Lets the arena grow for a block. Whatever stands against that, what is cached goes first.
  void makeRoom(size_t size, size_t bytes) {
    size_t most = std::max(most_, used_ + size);
    keepBelow(most + most / 4 + kSlack, size);
    keepBelow(limit_, size);
    TORCH_CHECK_WITH(OutOfMemoryError, used_ + size <= limit_, "out of memory: tensors hold ", used_, " bytes, ", bytes,
                     " more were asked for, the machine has ", limit_);
    if (arena_.growth(size) + spare_ > available_) look(arena_.growth(size));
    // The system would end the process for it.
    TORCH_CHECK_WITH(OutOfMemoryError, arena_.growth(size) <= available_, "out of memory: tensors hold ", used_, " bytes, ",
                     bytes, " more were asked for, the machine has ", available_, " left");
    size_t grown = arena_.growth(size);
    if (!arena_.grow(size)) {
      grown = wholePages(size);
      arena_.release(arena_.reserved());
      TORCH_CHECK_WITH(OutOfMemoryError, arena_.grow(size), "out of memory: tensors hold ", used_, " bytes, ", bytes,
                       " more were asked for and refused by the system");
    }
    available_ -= std::min(available_, grown);
    peakReserved_ = std::max(peakReserved_, arena_.reserved());
  }

  // Gives back so much that a block of `size` takes what is held no further than to `most`.
  void keepBelow(size_t most, size_t size) {
    size_t held = arena_.reserved() + arena_.growth(size);
    if (held > most) arena_.release(held - most);
  }

  // Looks at the system's memory. Where it runs short, others need what is only cached here.
  void look(size_t wanted = 0) {
    available_ = memoryAvailable();
    if (available_ < wanted + spare_) {
      size_t before = arena_.reserved();
      arena_.release(wanted + spare_ - available_);
      available_ += before - arena_.reserved();
    }
    looked_ = Clock::now();
  }

  std::mutex mutex_;
  Arena arena_;
  size_t used_ = 0;
  size_t peak_ = 0;
  size_t peakReserved_ = 0;
  // The peak that nobody resets.
  size_t most_ = 0;
  const size_t limit_ = memoryLimit();
  // What is to be left of it for others.
  const size_t spare_ = std::min<size_t>(limit_ / 16, 512 << 20);
  // As it was when it was last looked at, less what was taken since.
  size_t available_ = 0;
  Clock::time_point looked_{};
};

void deleteBlock(void* data) {
  if (data) Pool::instance().free(data);
}

struct CachingAllocator final : c10::Allocator {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(size_t bytes) override { return make(bytes); }
  void copy_data(void* destination, const void* source, size_t count) const override {
    std::memcpy(destination, source, count);
  }
#else
  c10::DataPtr allocate(size_t bytes) const override { return make(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return deleteBlock; }

 private:
  static c10::DataPtr make(size_t bytes) {
    void* data = bytes ? Pool::instance().allocate(bytes) : nullptr;
    return {data, data, deleteBlock, c10::Device(c10::kCPU)};
  }
};

}  // namespace

void installAllocator() {
  static auto* allocator = new CachingAllocator();
  c10::SetCPUAllocator(allocator);
}

AllocatorStatistics allocatorStatistics() { return Pool::instance().statistics(); }
void resetPeak() { Pool::instance().resetPeak(); }
void emptyCache() { Pool::instance().release(); }

}  // namespace fovea
