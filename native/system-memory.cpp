#include "system-memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace fovea {

namespace {

std::optional<size_t> numberIn(const std::string& path) {
  std::ifstream file(path);
  size_t number = 0;
  // cgroup v2 says "max" where there is no limit.
  return file >> number ? std::optional(number) : std::nullopt;
}

// The number that follows a word, as in /proc/meminfo and memory.stat.
size_t numberAfter(std::istream& text, const std::string& wanted) {
  std::string word;
  size_t number = 0;
  while (text >> word) {
    if (word == wanted && text >> number) return number;
  }
  return 0;
}

struct Cgroup {
  std::string folder;
  bool second;  // of cgroup v2

  std::optional<size_t> limit() const { return numberIn(folder + (second ? "/memory.max" : "/memory.limit_in_bytes")); }
  size_t available(size_t limit) const {
    size_t used = numberIn(folder + (second ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
    for (const char* kind : {"inactive_file", "active_file"}) {
      std::ifstream statistics(folder + "/memory.stat");
      used -= std::min(used, numberAfter(statistics, (second ? "" : "total_") + std::string(kind)));
    }
    return limit - std::min(used, limit);
  }
};

// Calls back for the control group of this process and those around it, as far as they can be seen from inside a container.
template <typename Visit>
void eachCgroup(Visit visit) {
  std::ifstream own("/proc/self/cgroup");
  std::string line;
  while (std::getline(own, line)) {
    size_t first = line.find(':');
    size_t last = line.find(':', first + 1);
    if (first == std::string::npos || last == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, last - first - 1);
    bool second = controllers.empty();
    if (!second && controllers != "memory") continue;
    std::string root = second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    std::string path = line.substr(last + 1);
    for (; !path.empty() && path != "/"; path.erase(path.rfind('/'))) visit(Cgroup{root + path, second});
    visit(Cgroup{root, second});
  }
}

size_t physicalMemory() {
  return static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

// Where huge pages are to be had for the asking, memory is touched a huge page at a time. Elsewhere every 4 KiB would be a
// fault of its own, which costs more than to have all of them at once.
void prepare(char* start, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (hugePages()) {
    madvise(start, bytes, MADV_HUGEPAGE);
    return;
  }
#endif
#ifdef MADV_POPULATE_WRITE
  madvise(start, bytes, MADV_POPULATE_WRITE);
#endif
  (void)start;
  (void)bytes;
}

}  // namespace

char* mapMemory(char* wish, size_t bytes) {
  auto map = [](char* at, size_t size) -> char* {
    void* got = mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return got == MAP_FAILED ? nullptr : static_cast<char*>(got);
  };
  char* start = map(wish, bytes);
  if (start && reinterpret_cast<uintptr_t>(start) % kHugePage != 0) {
    // One huge page more, cut to alignment.
    munmap(start, bytes);
    char* raw = map(nullptr, bytes + kHugePage);
    if (!raw) return nullptr;
    size_t before = wholePages(reinterpret_cast<uintptr_t>(raw)) - reinterpret_cast<uintptr_t>(raw);
    start = raw + before;
    if (before > 0) munmap(raw, before);
    if (before < kHugePage) munmap(start + bytes, kHugePage - before);
  }
  if (start) prepare(start, bytes);
  return start;
}

void unmapMemory(char* start, size_t bytes) { munmap(start, bytes); }

bool hugePages() {
  static const bool allowed = [] {
#if defined(__linux__) && defined(PR_GET_THP_DISABLE)
    if (prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1) return false;
#endif
    std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
    std::string choice;
    // "always [madvise] never"
    while (file >> choice) {
      if (choice == "[always]" || choice == "[madvise]") return true;
    }
    return false;
  }();
  return allowed;
}

size_t memoryLimit() {
  size_t least = physicalMemory();
  eachCgroup([&](const Cgroup& group) {
    size_t limit = group.limit().value_or(0);
    if (limit > 0) least = std::min(least, limit);
  });
  return least;
}

size_t memoryAvailable() {
  std::ifstream information("/proc/meminfo");
  size_t least = numberAfter(information, "MemAvailable:") * 1024;
  if (least == 0) least = physicalMemory();
  // Stands behind it in the file.
  least += numberAfter(information, "SwapFree:") * 1024;
  eachCgroup([&](const Cgroup& group) {
    size_t limit = group.limit().value_or(0);
    if (limit > 0 && limit < physicalMemory()) least = std::min(least, group.available(limit));
  });
  return least;
}

}  // namespace fovea
