#include "arena.h"

#include <cstdint>

#include "system-memory.h"

namespace fovea {

namespace {

// Not a whole page: tensors that all began at the same place in their pages would push each other out of the cache.
constexpr size_t kStep = 512;
// A remainder below this stays with its block.
constexpr size_t kLeastRest = 4096;

// Where the stretch begins: far from where systems put libraries, stacks and heaps, so that it can grow in place. It is a
// wish; without it the stretch is in several parts.
char* const kStart = sizeof(void*) == 8 ? reinterpret_cast<char*>(uintptr_t{1} << 45) : nullptr;

}  // namespace

Arena::Arena() : end_(kStart) {}

size_t Arena::blockSize(size_t bytes) { return (bytes + kHeader + kStep - 1) / kStep * kStep; }

void* Arena::take(size_t size) {
  Block wanted{nullptr, size};
  auto found = free_.lower_bound(&wanted);
  if (found == free_.end()) return nullptr;
  Block* block = *found;
  free_.erase(found);
  if (block->size - size >= kLeastRest) free_.insert(split(block, size));
  block->free = false;
  void* data = block->start + kHeader;
  headerOf(data) = {block, block->size};
  return data;
}

size_t Arena::growth(size_t size) const {
  size_t there = last_ && last_->free ? last_->size : 0;
  return wholePages(size - (there < size ? there : 0));
}

bool Arena::grow(size_t size) {
  size_t bytes = growth(size);
  char* start = mapMemory(end_, bytes);
  if (start && start != end_ && bytes < size) {
    // Something else lies behind the last block, so that its free bytes do not help.
    unmapMemory(start, bytes);
    bytes = wholePages(size);
    start = mapMemory(nullptr, bytes);
  }
  if (!start) return false;
  systemAllocations_++;
  reserved_ += bytes;
  auto* block = new Block{start, bytes};
  if (last_ && start == end_) {
    block->before = last_;
    last_->after = block;
  }
  last_ = block;
  end_ = start + bytes;
  join(block);
  return true;
}

void Arena::give(void* data) { join(static_cast<Block*>(headerOf(data).block)); }

void Arena::release(size_t bytes) {
  size_t released = 0;
  while (released < bytes && !free_.empty()) {
    // The largest whose whole pages are free. One with the size of two pages holds one; below it depends on where it lies.
    Block* block = nullptr;
    char *first = nullptr, *end = nullptr;
    for (auto candidate = free_.rbegin(); candidate != free_.rend() && (*candidate)->size >= kHugePage; ++candidate) {
      block = *candidate;
      first = reinterpret_cast<char*>(wholePages(reinterpret_cast<uintptr_t>(block->start)));
      end = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(block->start + block->size) / kHugePage * kHugePage);
      if (first < end) break;
      block = nullptr;
    }
    if (!block) return;
    free_.erase(block);
    if (first > block->start) {
      Block* rest = split(block, static_cast<size_t>(first - block->start));
      free_.insert(block);
      block = rest;
    }
    if (block->start + block->size > end) free_.insert(split(block, static_cast<size_t>(end - block->start)));
    released += block->size;
    unmap(block);
  }
}

void Arena::join(Block* block) {
  block->free = true;
  if (Block* before = block->before; before && before->free) {
    free_.erase(before);
    before->size += block->size;
    before->after = block->after;
    if (block->after) block->after->before = before;
    if (last_ == block) last_ = before;
    delete block;
    block = before;
  }
  if (Block* after = block->after; after && after->free) {
    free_.erase(after);
    block->size += after->size;
    block->after = after->after;
    if (after->after) after->after->before = block;
    if (last_ == after) last_ = block;
    delete after;
  }
  free_.insert(block);
}

Arena::Block* Arena::split(Block* block, size_t size) {
  auto* rest = new Block{block->start + size, block->size - size, block, block->after};
  if (rest->after) rest->after->before = rest;
  block->after = rest;
  block->size = size;
  if (last_ == block) last_ = rest;
  return rest;
}

void Arena::unmap(Block* block) {
  unmapMemory(block->start, block->size);
  reserved_ -= block->size;
  if (block->before) block->before->after = nullptr;
  if (block->after) block->after->before = nullptr;
  if (last_ == block) {
    end_ = block->start;
    last_ = block->before;
  }
  delete block;
}

}  // namespace fovea
