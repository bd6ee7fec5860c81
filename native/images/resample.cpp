#include "resample.h"

#include <algorithm>

#include "simd.h"

namespace fovea::images {

namespace {

// Rows that are weighted in one go; where there are more, sums are kept in between.
constexpr int kTogether = 4;

FOVEA_INLINE uint8_t toByte(int32_t sum) { return uint8_t(std::clamp(sum >> kWeightBits, 0, 255)); }

// `sums` plus, or one half plus, the weighted sum of so many rows of bytes.
template <int kRows, bool kContinued>
FOVEA_INLINE int32_t weigh(const uint8_t* rows, size_t stride, const int32_t* weights, const int32_t* sums, size_t i) {
  int32_t sum = kContinued ? sums[i] : kWeightHalf;
  for (int k = 0; k < kRows; k++) sum += rows[size_t(k) * stride + i] * weights[k];
  return sum;
}

template <int kRows, bool kContinued>
FOVEA_INLINE void weighToSums(const uint8_t* __restrict rows, size_t stride, const int32_t* weights, size_t count,
                              int32_t* __restrict sums) {
  for (size_t i = 0; i < count; i++) sums[i] = weigh<kRows, kContinued>(rows, stride, weights, sums, i);
}

template <int kRows, bool kContinued>
FOVEA_INLINE void weighToBytes(const uint8_t* __restrict rows, size_t stride, const int32_t* weights, size_t count,
                               const int32_t* __restrict sums, uint8_t* __restrict out) {
  for (size_t i = 0; i < count; i++) out[i] = toByte(weigh<kRows, kContinued>(rows, stride, weights, sums, i));
}

template <bool kContinued>
FOVEA_INLINE void weighLast(const uint8_t* rows, size_t stride, const int32_t* weights, int taps, size_t count,
                            const int32_t* sums, uint8_t* out) {
  switch (taps) {
    case 1:
      return weighToBytes<1, kContinued>(rows, stride, weights, count, sums, out);
    case 2:
      return weighToBytes<2, kContinued>(rows, stride, weights, count, sums, out);
    case 3:
      return weighToBytes<3, kContinued>(rows, stride, weights, count, sums, out);
    default:
      return weighToBytes<4, kContinued>(rows, stride, weights, count, sums, out);
  }
}

// The weighted sum of rows of `count` bytes. The number of rows is known within each loop, so that the sums stay in
// registers.
FOVEA_INLINE void weighRows(const uint8_t* rows, size_t stride, const int32_t* weights, int taps, size_t count,
                            int32_t* sums, uint8_t* out) {
  if (taps <= kTogether) return weighLast<false>(rows, stride, weights, taps, count, sums, out);
  weighToSums<kTogether, false>(rows, stride, weights, count, sums);
  for (;;) {
    taps -= kTogether;
    rows += stride * kTogether;
    weights += kTogether;
    if (taps <= kTogether) return weighLast<true>(rows, stride, weights, taps, count, sums, out);
    weighToSums<kTogether, true>(rows, stride, weights, count, sums);
  }
}

// One of four rounds of interleaving, after which 16 rows are 16 columns.
FOVEA_INLINE void interleave(const Bytes16 (&in)[16], Bytes16 (&out)[16]) {
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    out[2 * i] = __builtin_shufflevector(in[i], in[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    out[2 * i + 1] =
        __builtin_shufflevector(in[i], in[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  }
}

FOVEA_INLINE void transpose(const Bytes16 (&in)[16], Bytes16 (&out)[16]) {
  Bytes16 half[16];
  interleave(in, out);
  interleave(out, half);
  interleave(half, out);
  interleave(out, half);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) out[i] = half[i];
}

// Rows that are turned into columns at a time.
constexpr int kBlock = 16;

}  // namespace

// Sixteen rows at a time are turned around, so that the pixels of a column are neighbours, and a row's pass is a column's.
FOVEA_CLONES void resampleRowBlock(const uint8_t* in, size_t inStride, int rows, const Taps& taps, uint8_t* turned,
                                   uint8_t* result, uint8_t* out) {
  Bytes16 a[kBlock];
  Bytes16 b[kBlock];
  const size_t inBytes = size_t(taps.axis.length) * 3;
  for (size_t x = 0; x < inBytes; x += kBlock) {
#pragma GCC unroll 16
    for (int y = 0; y < kBlock; y++) memcpy(&a[y], in + size_t(y < rows ? y : rows - 1) * inStride + x, kBlock);
    transpose(a, b);
#pragma GCC unroll 16
    for (int k = 0; k < kBlock; k++) memcpy(turned + (x + k) * kBlock, &b[k], kBlock);
  }

  constexpr size_t kPixel = 3 * kBlock;
  int32_t sums[kPixel];
  for (int x = 0; x < taps.axis.out; x++) {
    weighRows(turned + size_t(taps.first[x]) * kPixel, kPixel, taps.weights.data() + size_t(x) * taps.stride,
              taps.count[x], kPixel, sums, result + size_t(x) * kPixel);
  }

  const size_t outBytes = size_t(taps.axis.out) * 3;
  for (size_t x = 0; x < outBytes; x += kBlock) {
#pragma GCC unroll 16
    for (int k = 0; k < kBlock; k++) memcpy(&a[k], result + (x + k) * kBlock, kBlock);
    transpose(a, b);
    if (rows == kBlock && x + kBlock <= outBytes) {
#pragma GCC unroll 16
      for (int y = 0; y < kBlock; y++) memcpy(out + size_t(y) * outBytes + x, &b[y], kBlock);
    } else {
      const size_t bytes = std::min<size_t>(kBlock, outBytes - x);
      for (int y = 0; y < rows; y++) memcpy(out + size_t(y) * outBytes + x, &b[y], bytes);
    }
  }
}

FOVEA_CLONES void resampleOneRow(const uint8_t* rows, size_t stride, const int32_t* weights, int taps, size_t count,
                                 int32_t* sums, uint8_t* out) {
  weighRows(rows, stride, weights, taps, count, sums, out);
}

void resampleRows(const uint8_t* in, size_t inStride, int rows, const Taps& taps, std::vector<uint8_t>& scratch,
                  uint8_t* out) {
  // Columns come in whole blocks.
  size_t turned = (size_t(taps.axis.length) * 3 + kBlock) * kBlock;
  size_t result = (size_t(taps.axis.out) * 3 + kBlock) * kBlock;
  scratch.resize(turned + result);
  for (int y = 0; y < rows; y += kBlock) {
    resampleRowBlock(in + size_t(y) * inStride, inStride, std::min(kBlock, rows - y), taps, scratch.data(),
                     scratch.data() + turned, out + size_t(y) * taps.axis.out * 3);
  }
}

void resampleColumns(const uint8_t* in, size_t inStride, size_t rowBytes, const Taps& taps,
                     std::vector<int32_t>& scratch, uint8_t* out) {
  scratch.resize(rowBytes);
  for (int y = 0; y < taps.axis.out; y++, out += rowBytes) {
    resampleOneRow(in + size_t(taps.first[y]) * inStride, inStride, taps.weights.data() + size_t(y) * taps.stride,
                   taps.count[y], rowBytes, scratch.data(), out);
  }
}

}  // namespace fovea::images
