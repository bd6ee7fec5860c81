#pragma once

#include <cstdint>

namespace fovea {

struct AllocatorStatistics {
  int64_t used = 0;               // bytes of blocks that tensors hold
  int64_t cached = 0;             // bytes kept for reuse
  int64_t peak = 0;               // the most that was ever used
  int64_t peakReserved = 0;       // the most that was ever used and cached
  int64_t limit = 0;              // refuses to go beyond: the machine's (or the container's) memory
  int64_t systemAllocations = 0;  // how often the system was asked for memory
};

// Makes the caching allocator libtorch's CPU allocator. Once for the process.
void installAllocator();
AllocatorStatistics allocatorStatistics();
void resetPeak();
// Gives the cached memory back to the system.
void emptyCache();

}  // namespace fovea
