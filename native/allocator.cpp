// A caching CPU allocator.
//
// libtorch returns every large block to the kernel as soon as its tensor dies, and the page faults of the next one cost
// more than many kernels do. A training step asks for the same sizes again and again, so blocks are kept by size class
// and reused, and large ones lie on transparent huge pages.
//
// What is held in reserve is bounded: used + cached stays under 1.25 times the most that was used at once.
#include "allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <vector>

namespace fovea {

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kHeader = 64;
// Below, malloc's own bins serve well and waste less.
constexpr size_t kSmall = 32 << 10;
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kSlack = 64 << 20;

// Stands before every block's data.
struct Header {
  size_t size;    // of the whole block, header included
  size_t mapped;  // not 0: the bytes that munmap takes
};
static_assert(sizeof(Header) <= kHeader);

// Size classes: four steps to each power of two, so that at most a fifth of a block is unused.
size_t classOf(size_t bytes) {
  size_t power = size_t{1} << (63 - __builtin_clzll(bytes));
  size_t step = power / 4;
  return (bytes + step - 1) / step * step;
}

size_t machineMemory() {
  size_t physical = static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(path);
    size_t limit = 0;
    if (file >> limit && limit > 0) physical = std::min(physical, limit);
  }
  return physical;
}

// Blocks of a few numbers, kept by each thread for itself: aligned memory costs malloc more than a small operator should.
class TinyBlocks {
 public:
  static constexpr size_t kLargest = 1024;
  static size_t classOf(size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

  // nullptr when there is none
  static void* take(size_t size) {
    if (gone) return nullptr;
    auto& blocks = mine.blocks_[size / kAlignment];
    if (blocks.empty()) return nullptr;
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }

  // false when it is not taken
  static bool put(void* block, size_t size) {
    if (gone) return false;
    auto& blocks = mine.blocks_[size / kAlignment];
    if (blocks.size() * size >= kMost) return false;
    blocks.push_back(block);
    return true;
  }

 private:
  // Bytes of one size. A garbage collection frees many thousands at once.
  static constexpr size_t kMost = 2 << 20;
  ~TinyBlocks() {
    gone = true;
    for (auto& blocks : blocks_) {
      for (void* block : blocks) std::free(block);
    }
  }

  std::vector<void*> blocks_[kLargest / kAlignment + 1];
  static thread_local TinyBlocks mine;
  // Without a destructor of its own: tensors are freed later than the thread's other things.
  static thread_local bool gone;
};

thread_local TinyBlocks TinyBlocks::mine;
thread_local bool TinyBlocks::gone = false;

class Pool {
 public:
  static Pool& instance() {
    // Never destroyed: tensors of static lifetime are freed after everything else.
    static auto* pool = new Pool();
    return *pool;
  }

  void* allocate(size_t bytes) {
    TORCH_CHECK_WITH(OutOfMemoryError, bytes <= limit_, "out of memory: ", bytes, " bytes were asked for, the machine has ",
                     limit_);
    size_t size = bytes + kHeader;
    if (size <= kSmall) return small(size);
    size = classOf(size);
    std::lock_guard<std::mutex> lock(mutex_);
    void* data = nullptr;
    auto found = free_.find(size);
    if (found != free_.end() && !found->second.empty()) {
      void* block = found->second.back();
      found->second.pop_back();
      cached_ -= size;
      data = static_cast<char*>(block) + kHeader;
    } else {
      size_t peak = std::max(peak_, used_ + size);
      size_t allowance = peak + peak / 4 + kSlack;
      size_t held = used_ + size + cached_;
      if (held > allowance) shrink(held - allowance);
      if (held > limit_) shrink(cached_);
      TORCH_CHECK_WITH(OutOfMemoryError, used_ + size <= limit_, "out of memory: tensors hold ", used_, " bytes, ", bytes,
                       " more were asked for, the machine has ", limit_);
      data = fresh(size);
    }
    used_ += size;
    peak_ = std::max(peak_, used_);
    return data;
  }

  void free(void* data) {
    void* block = static_cast<char*>(data) - kHeader;
    size_t size = static_cast<Header*>(block)->size;
    if (size <= kSmall) {
      if (size > TinyBlocks::kLargest || !TinyBlocks::put(block, size)) std::free(block);
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    used_ -= size;
    cached_ += size;
    free_[size].push_back(block);
  }

  void release() {
    std::lock_guard<std::mutex> lock(mutex_);
    shrink(cached_);
  }

  AllocatorStatistics statistics() {
    std::lock_guard<std::mutex> lock(mutex_);
    return {static_cast<int64_t>(used_), static_cast<int64_t>(cached_), static_cast<int64_t>(peak_),
            static_cast<int64_t>(limit_)};
  }

  void resetPeak() {
    std::lock_guard<std::mutex> lock(mutex_);
    peak_ = used_;
  }

 private:
  static void* aligned(size_t size) {
    void* block = nullptr;
    TORCH_CHECK_WITH(OutOfMemoryError, posix_memalign(&block, kAlignment, size) == 0, "out of memory: ", size, " bytes were refused");
    return block;
  }

  static void* small(size_t size) {
    if (size > TinyBlocks::kLargest) return withHeader(aligned(size), size, 0);
    size = TinyBlocks::classOf(size);
    void* block = TinyBlocks::take(size);
    return withHeader(block ? block : aligned(size), size, 0);
  }

  static void* withHeader(void* block, size_t size, size_t mapped) {
    *static_cast<Header*>(block) = {size, mapped};
    return static_cast<char*>(block) + kHeader;
  }

  static void* fresh(size_t size) {
    if (size < kHugePage) return withHeader(aligned(size), size, 0);
    size_t mapped = (size + kHugePage - 1) / kHugePage * kHugePage;
    // One huge page more than needed, cut to alignment.
    void* raw = mmap(nullptr, mapped + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TORCH_CHECK_WITH(OutOfMemoryError, raw != MAP_FAILED, "out of memory: ", size, " bytes were refused");
    auto start = reinterpret_cast<uintptr_t>(raw);
    uintptr_t block = (start + kHugePage - 1) / kHugePage * kHugePage;
    if (block > start) munmap(raw, block - start);
    uintptr_t end = start + mapped + kHugePage;
    if (end > block + mapped) munmap(reinterpret_cast<void*>(block + mapped), end - block - mapped);
#ifdef MADV_HUGEPAGE
    madvise(reinterpret_cast<void*>(block), mapped, MADV_HUGEPAGE);
#endif
    return withHeader(reinterpret_cast<void*>(block), size, mapped);
  }

  // Gives back at least `bytes` of the cached blocks, or all, the largest first.
  void shrink(size_t bytes) {
    size_t given = 0;
    for (auto entry = free_.rbegin(); entry != free_.rend() && given < bytes; ++entry) {
      auto& blocks = entry->second;
      while (!blocks.empty() && given < bytes) {
        void* block = blocks.back();
        blocks.pop_back();
        given += entry->first;
        size_t mapped = static_cast<Header*>(block)->mapped;
        if (mapped) {
          munmap(block, mapped);
        } else {
          std::free(block);
        }
      }
    }
    cached_ -= given;
  }

  std::mutex mutex_;
  std::map<size_t, std::vector<void*>> free_;
  size_t used_ = 0;
  size_t cached_ = 0;
  size_t peak_ = 0;
  const size_t limit_ = machineMemory();
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
void releaseCachedMemory() { Pool::instance().release(); }

}  // namespace fovea
