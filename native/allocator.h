#pragma once

#include <cstdint>

namespace fovea {

struct AllocatorStatistics {
  int64_t used = 0;      // bytes that tensors hold, rounded up to their size classes
  int64_t cached = 0;    // bytes kept for reuse
  int64_t peak = 0;      // the most that was ever used
  int64_t limit = 0;     // refuses to go beyond: the machine's (or the container's) memory
};

// Makes the caching allocator libtorch's CPU allocator. Once for the process.
void installAllocator();
AllocatorStatistics allocatorStatistics();
void resetPeak();
// Gives the cached memory back to the system.
void releaseCachedMemory();

}  // namespace fovea
