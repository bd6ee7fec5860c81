// Large blocks of memory, cut from a stretch of addresses that grows at its end and is given back from anywhere.
//
// A request takes the smallest free block that it fits into, the lowest of equals; what is left of that block stays free.
// A block that is freed joins its free neighbours. So what tensors of one size let go of serves those of any other, as in
// PyTorch's allocators for GPUs (https://pytorch.org/docs/stable/notes/cuda.html#memory-management, "expandable segments").
// Because all is one stretch, little is lost: networks' training steps need 1 to 5 % more than their tensors at most.
//
// Knows no threads: its user has a lock.
#pragma once

#include <cstddef>
#include <set>

namespace fovea {

class Arena {
 public:
  // Stands before the data of every block, also of those that come from elsewhere: these have no `block`.
  struct Header {
    void* block;
    size_t size;  // of the whole block
  };
  // Data starts so far into a block, and is aligned to it.
  static constexpr size_t kHeader = 64;
  static_assert(sizeof(Header) <= kHeader);
  static Header& headerOf(void* data) { return *reinterpret_cast<Header*>(static_cast<char*>(data) - kHeader); }

  Arena();

  // What a request for so many bytes takes, its header included.
  static size_t blockSize(size_t bytes);

  // A block of `size` (see blockSize) or a little more: the address of its data. nullptr where no free block is as large.
  void* take(size_t size);
  // What `grow(size)` asks the system for.
  size_t growth(size_t size) const;
  // Asks the system for memory, so that `take(size)` finds a block. False where that is refused.
  bool grow(size_t size);
  void give(void* data);
  // Gives at least `bytes` of free memory back to the system, the largest blocks first, or all whole pages that are free.
  void release(size_t bytes);

  // Held from the system, in blocks and free.
  size_t reserved() const { return reserved_; }
  // How often the system was asked.
  size_t systemAllocations() const { return systemAllocations_; }

 private:
  struct Block {
    char* start;
    size_t size;
    // The neighbours, where no hole is between.
    Block* before = nullptr;
    Block* after = nullptr;
    bool free = true;
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const {
      return a->size != b->size ? a->size < b->size : a->start < b->start;
    }
  };

  // Makes the block free, joined with its free neighbours.
  void join(Block* block);
  // Cuts a block in two; the second one, free but not yet in the set.
  Block* split(Block* block, size_t size);
  void unmap(Block* block);

  std::set<Block*, BySize> free_;
  char* end_;              // of the stretch
  Block* last_ = nullptr;  // the block that ends there, if any
  size_t reserved_ = 0;
  size_t systemAllocations_ = 0;
};

}  // namespace fovea
