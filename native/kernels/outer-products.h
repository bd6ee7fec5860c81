// Sums of outer products: out[i][j] = Σₚ a[p][i] · b[p][j], the gradient of a weight that every position p shares.
#pragma once

#include <cstdint>
#include <functional>

namespace fovea {

// Fills rows [first, last) of b's block: `to` holds last - first rows of `width` elements, the stride between rows.
template <typename T>
using RowsOf = std::function<void(int64_t first, int64_t last, T* to, int64_t width)>;

/**
 * out[m][n] = Σₚ a[p][m] · b[p][n] over `rows` positions, and where `sums` is not null sums[m] = Σₚ a[p][m].
 *
 * @param a [rows, m], row after row
 * @param b [rows, n]; or null where `fill` writes them block by block, such as patches of an image that lie nowhere as a whole
 *
 * The blocks, and so the order of summation, depend on the sizes alone, not on the number of threads.
 */
template <typename T>
void sumOfOuterProducts(const T* a, const T* b, const RowsOf<T>& fill, int64_t rows, int64_t m, int64_t n, T* out, T* sums);

/** What adds Σₚ a[p][m] · b[p][n] to out[m][n], for widths that are multiples of `rows` and `lanes`. */
template <typename T>
struct OuterProductKernel {
  int64_t rows, lanes;
  void (*add)(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out);
};

/** The one for this processor. */
template <typename T>
OuterProductKernel<T> outerProductKernel();

}  // namespace fovea
