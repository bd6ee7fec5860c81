// How the kernels' work is divided among threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fovea {

/** How many rows of `width` numbers are worth a task of their own, for at::parallel_for: at least one. */
inline int64_t rowsPerTask(int64_t width) {
  constexpr int64_t numbers = 1 << 14;
  return std::max<int64_t>(1, numbers / std::max<int64_t>(1, width));
}

}  // namespace fovea
