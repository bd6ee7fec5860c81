#pragma once

#include <cstddef>
#include <cstdlib>
#include <vector>

namespace fovea {

// Blocks of a few numbers, kept by each thread for itself: aligned memory costs malloc more than a small operator should.
class TinyBlocks {
 public:
  static constexpr size_t kLargest = 1024;
  static constexpr size_t kStep = 64;
  static size_t classOf(size_t size) { return (size + kStep - 1) / kStep * kStep; }

  // nullptr when there is none
  static void* take(size_t size) {
    if (gone) return nullptr;
    auto& blocks = mine.blocks_[size / kStep];
    if (blocks.empty()) return nullptr;
    void* block = blocks.back();
    blocks.pop_back();
    return block;
  }

  // false when it is not taken
  static bool put(void* block, size_t size) {
    if (gone) return false;
    auto& blocks = mine.blocks_[size / kStep];
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

  std::vector<void*> blocks_[kLargest / kStep + 1];
  static thread_local TinyBlocks mine;
  // Without a destructor of its own: tensors are freed later than the thread's other things.
  static thread_local bool gone;
};

inline thread_local TinyBlocks TinyBlocks::mine;
inline thread_local bool TinyBlocks::gone = false;

}  // namespace fovea
