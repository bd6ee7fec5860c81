// A matrix product with two short sides and a very long one: every block of positions is packed to whole vectors, and adds to
// tiles of the result that stay in registers (Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication").
// oneDNN's kernels for it take three to ten times as long as memory does.
#include "outer-products.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "vectors.h"

namespace fovea {

namespace {

// Positions of a block: what is packed of them stays in the second-level cache.
constexpr int64_t kBlock = 128;
// Partial results are summed in a fixed order; more of them than this would cost more than further threads give.
constexpr int64_t kMostParts = 16;

constexpr int64_t roundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

// A tile of Rows x Vectors vectors of `Bytes`, over all positions of a block.
template <typename T, int Bytes, int Rows, int Vectors>
FOVEA_INLINE void tile(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out, int64_t outWidth) {
  constexpr int Lanes = Bytes / sizeof(T);
  typedef T Vector __attribute__((vector_size(Bytes), aligned(alignof(T)), may_alias));
  Vector sum[Rows][Vectors];
  for (int i = 0; i < Rows; i++) {
    for (int j = 0; j < Vectors; j++) sum[i][j] = *reinterpret_cast<const Vector*>(out + i * outWidth + j * Lanes);
  }
  for (int64_t p = 0; p < positions; p++, a += aWidth, b += bWidth) {
    Vector right[Vectors];
    for (int j = 0; j < Vectors; j++) right[j] = *reinterpret_cast<const Vector*>(b + j * Lanes);
    for (int i = 0; i < Rows; i++) {
      T left = a[i];
      for (int j = 0; j < Vectors; j++) sum[i][j] += left * right[j];
    }
  }
  for (int i = 0; i < Rows; i++) {
    for (int j = 0; j < Vectors; j++) *reinterpret_cast<Vector*>(out + i * outWidth + j * Lanes) = sum[i][j];
  }
}

// One block of positions into the whole result, out [aWidth, bWidth], both multiples of the tile: three vectors at most, so that
// eight rows of them fit the registers.
template <typename T, int Bytes, int Rows>
FOVEA_INLINE void block(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out) {
  constexpr int64_t Lanes = Bytes / sizeof(T);
  int64_t vectors = bWidth / Lanes, groups = (vectors + 2) / 3;
  for (int64_t group = 0, at = 0; group < groups; group++) {
    // As even as can be: a last group of one vector would wait for its broadcasts.
    int64_t count = (vectors - at + groups - group - 1) / (groups - group);
    const T* right = b + at * Lanes;
    for (int64_t i = 0; i < aWidth; i += Rows) {
      T* target = out + i * bWidth + at * Lanes;
      switch (count) {
        case 1: tile<T, Bytes, Rows, 1>(a + i, aWidth, right, bWidth, positions, target, bWidth); break;
        case 2: tile<T, Bytes, Rows, 2>(a + i, aWidth, right, bWidth, positions, target, bWidth); break;
        default: tile<T, Bytes, Rows, 3>(a + i, aWidth, right, bWidth, positions, target, bWidth); break;
      }
    }
    at += count;
  }
}

template <typename T>
FOVEA_V4 void block512(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out) {
  block<T, 64, 8>(a, aWidth, b, bWidth, positions, out);
}
template <typename T>
FOVEA_V3 void block256(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out) {
  block<T, 32, 4>(a, aWidth, b, bWidth, positions, out);
}
template <typename T>
void block128(const T* a, int64_t aWidth, const T* b, int64_t bWidth, int64_t positions, T* out) {
  block<T, 16, 4>(a, aWidth, b, bWidth, positions, out);
}

template <typename T>
void copyRows(const T* from, int64_t rows, int64_t width, T* to, int64_t padded) {
  for (int64_t p = 0; p < rows; p++) std::memcpy(to + p * padded, from + p * width, width * sizeof(T));
}

template <typename T>
FOVEA_SIMD void addRow(T* sum, const T* row, int64_t count) {
  for (int64_t i = 0; i < count; i++) sum[i] += row[i];
}

}  // namespace

template <typename T>
OuterProductKernel<T> outerProductKernel() {
  const int64_t lanes = vectorBytes() / static_cast<int64_t>(sizeof(T));
  return {vectorBytes() == 64 ? 8 : 4, lanes, forVectors(block512<T>, block256<T>, block128<T>)};
}

template <typename T>
void sumOfOuterProducts(const T* a, const T* b, const RowsOf<T>& fill, int64_t rows, int64_t m, int64_t n, T* out, T* sums) {
  static const OuterProductKernel<T> chosen = outerProductKernel<T>();
  int64_t aWidth = roundUp(m, chosen.rows), bWidth = roundUp(n, chosen.lanes);
  int64_t blocks = (rows + kBlock - 1) / kBlock;
  int64_t parts = std::max<int64_t>(1, std::min(kMostParts, blocks));
  int64_t size = aWidth * (bWidth + 1);
  // Each part's result, and behind it its sums.
  auto results = std::make_unique<T[]>(parts * size);
  at::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    std::vector<T> left(aWidth == m ? 0 : kBlock * aWidth), right(b && bWidth == n ? 0 : kBlock * bWidth);
    for (int64_t part = begin; part < end; part++) {
      T* result = results.get() + part * size;
      for (int64_t i = blocks * part / parts; i < blocks * (part + 1) / parts; i++) {
        int64_t first = i * kBlock, last = std::min(rows, first + kBlock), count = last - first;
        const T* leftRows = a + first * m;
        if (sums) {
          for (int64_t p = 0; p < count; p++) addRow(result + aWidth * bWidth, leftRows + p * m, m);
        }
        if (!left.empty()) {
          copyRows(leftRows, count, m, left.data(), aWidth);
          leftRows = left.data();
        }
        const T* rightRows = b ? b + first * n : nullptr;
        if (!b) fill(first, last, right.data(), bWidth);
        else if (!right.empty()) copyRows(rightRows, count, n, right.data(), bWidth);
        chosen.add(leftRows, aWidth, right.empty() ? rightRows : right.data(), bWidth, count, result);
      }
    }
  });
  for (int64_t part = 1; part < parts; part++) addRow(results.get(), results.get() + part * size, size);
  for (int64_t i = 0; i < m; i++) std::memcpy(out + i * n, results.get() + i * bWidth, n * sizeof(T));
  if (sums) std::memcpy(sums, results.get() + aWidth * bWidth, m * sizeof(T));
}

template OuterProductKernel<float> outerProductKernel();
template OuterProductKernel<double> outerProductKernel();
template void sumOfOuterProducts(const float*, const float*, const RowsOf<float>&, int64_t, int64_t, int64_t, float*, float*);
template void sumOfOuterProducts(const double*, const double*, const RowsOf<double>&, int64_t, int64_t, int64_t, double*, double*);

}  // namespace fovea
