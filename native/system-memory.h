// Memory as the system gives it: whole huge pages, and how much of it there is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fovea {

// The unit in which memory is asked for. On machines whose huge pages have another size it is only a unit.
constexpr size_t kHugePage = 2 << 20;

inline size_t wholePages(size_t bytes) { return (bytes + kHugePage - 1) / kHugePage * kHugePage; }

// Maps `bytes` (whole huge pages) that can be read and written, at `wish` where that is free. nullptr where it is refused.
char* mapMemory(char* wish, size_t bytes);
void unmapMemory(char* start, size_t bytes);

// Whether the system lays large pieces of memory on huge pages.
bool hugePages();

// The machine's memory, or the smallest of the containers around this process.
size_t memoryLimit();
// What of it can still be had without pushing others out; what the system holds only as a cache of files counts as free.
size_t memoryAvailable();

}  // namespace fovea
