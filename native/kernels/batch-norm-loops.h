// The loops of batch norm over plain memory. Those of `rows` are for [rows][width], where every column has constants of its
// own; those of `planes` for planes of `size` side by side, where plane i has the constants of channel i % channels.
//
// With x the input, r what is added, z = x * factor + offset (+ r) and y = activation(z); d is the gradient by z.
#pragma once

#include <cstdint>

#include "activation.h"
#include "simd.h"

namespace fovea::batchnorm {

/** What the loops read of every channel. */
template <class T>
struct ChannelConstants {
  const T *mean, *factor, *offset;
  /** The gradient by x is factor * d + slope * (x - mean) + shift; both null where it is factor * d. */
  const T *slope, *shift;
};

namespace rows {

/** Rows that go into the sums at once, so that the sums themselves are read and written less often. */
constexpr int64_t together = 4;

/** Sums, of every column, of the distances from its first element, and of their squares. */
template <class T>
static FOVEA_SIMD void moments(const T* __restrict__ x, int64_t count, int64_t width, T* __restrict__ sums,
                        T* __restrict__ squares) {
  const T* __restrict__ first = x;
  for (int64_t j = 0; j < width; j++) sums[j] = squares[j] = T(0);
  for (; count >= together; count -= together, x += together * width) {
    for (int64_t j = 0; j < width; j++) {
      T a = x[j] - first[j], b = x[width + j] - first[j];
      T c = x[2 * width + j] - first[j], d = x[3 * width + j] - first[j];
      sums[j] += (a + b) + (c + d);
      squares[j] += (a * a + b * b) + (c * c + d * d);
    }
  }
  for (; count > 0; count--, x += width) {
    for (int64_t j = 0; j < width; j++) {
      T a = x[j] - first[j];
      sums[j] += a;
      squares[j] += a * a;
    }
  }
}

template <class A, bool Residual, class T>
static FOVEA_SIMD void apply(const T* __restrict__ x, const T* __restrict__ r, T* __restrict__ y, int64_t count, int64_t width,
                      ChannelConstants<T> k) {
  const T *__restrict__ factor = k.factor, *__restrict__ offset = k.offset;
  for (; count > 0; count--, x += width, y += width) {
    for (int64_t j = 0; j < width; j++) {
      T z = x[j] * factor[j] + offset[j];
      if constexpr (Residual) z += r[j];
      y[j] = A::value(z);
    }
    if constexpr (Residual) r += width;
  }
}

/** Sums of d and of d * (x - mean). */
template <class A, class T>
static FOVEA_SIMD void sums(const T* __restrict__ x, const T* __restrict__ g, int64_t count, int64_t width, ChannelConstants<T> k,
                     T* __restrict__ ds, T* __restrict__ products) {
  const T *__restrict__ mean = k.mean, *__restrict__ factor = k.factor, *__restrict__ offset = k.offset;
  for (int64_t j = 0; j < width; j++) ds[j] = products[j] = T(0);
  for (; count >= together; count -= together, x += together * width, g += together * width) {
    for (int64_t j = 0; j < width; j++) {
      T sum = T(0), product = T(0);
#pragma GCC unroll 4
      for (int64_t i = 0; i < together; i++) {
        T value = x[i * width + j], d = A::gradient(value * factor[j] + offset[j], g[i * width + j]);
        sum += d;
        product += d * (value - mean[j]);
      }
      ds[j] += sum;
      products[j] += product;
    }
  }
  for (; count > 0; count--, x += width, g += width) {
    for (int64_t j = 0; j < width; j++) {
      T d = A::gradient(x[j] * factor[j] + offset[j], g[j]);
      ds[j] += d;
      products[j] += d * (x[j] - mean[j]);
    }
  }
}

/** As {@link sums}, where something was added; `other` is it, or with `A::fromResult` the result. Writes d too. */
template <class A, class T>
static FOVEA_SIMD void sumsAndGradient(const T* __restrict__ x, const T* __restrict__ g, const T* __restrict__ other,
                                T* __restrict__ out, int64_t count, int64_t width, ChannelConstants<T> k,
                                T* __restrict__ ds, T* __restrict__ products) {
  const T *__restrict__ mean = k.mean, *__restrict__ factor = k.factor, *__restrict__ offset = k.offset;
  for (int64_t j = 0; j < width; j++) ds[j] = products[j] = T(0);
  for (; count > 0; count--, x += width, g += width, other += width, out += width) {
    for (int64_t j = 0; j < width; j++) {
      T z = A::fromResult ? other[j] : x[j] * factor[j] + offset[j] + other[j];
      T d = A::gradient(z, g[j]);
      out[j] = d;
      ds[j] += d;
      products[j] += d * (x[j] - mean[j]);
    }
  }
}

/** The gradient by x. */
template <class A, class T>
static FOVEA_SIMD void gradient(const T* __restrict__ x, const T* __restrict__ g, T* __restrict__ out, int64_t count,
                         int64_t width, ChannelConstants<T> k) {
  const T *__restrict__ mean = k.mean, *__restrict__ factor = k.factor, *__restrict__ offset = k.offset;
  const T *__restrict__ slope = k.slope, *__restrict__ shift = k.shift;
  for (; count > 0; count--, x += width, g += width, out += width) {
    if (slope != nullptr) {
      for (int64_t j = 0; j < width; j++) {
        T d = A::gradient(x[j] * factor[j] + offset[j], g[j]);
        out[j] = factor[j] * d + (slope[j] * (x[j] - mean[j]) + shift[j]);
      }
    } else {
      for (int64_t j = 0; j < width; j++) out[j] = factor[j] * A::gradient(x[j] * factor[j] + offset[j], g[j]);
    }
  }
}

}  // namespace rows

namespace planes {

/** Elements that are added up in the tensor's own type before a double takes over. */
constexpr int64_t together = 4096;

/** Sums, of planes begin ... end - 1, of the distances from the plane's first element, and of their squares. */
template <class T>
static FOVEA_SIMD void moments(const T* __restrict__ x, int64_t begin, int64_t end, int64_t size, T* __restrict__ sums,
                        T* __restrict__ squares) {
  for (int64_t i = begin; i < end; i++) {
    const T* __restrict__ plane = x + i * size;
    T first = plane[0];
    double sum = 0, square = 0;
    for (int64_t from = 0; from < size; from += together) {
      int64_t to = from + together < size ? from + together : size;
      T s = T(0), q = T(0);
#pragma omp simd reduction(+ : s, q)
      for (int64_t j = from; j < to; j++) {
        T a = plane[j] - first;
        s += a;
        q += a * a;
      }
      sum += s;
      square += q;
    }
    sums[i] = static_cast<T>(sum);
    squares[i] = static_cast<T>(square);
  }
}

template <class A, bool Residual, class T>
static FOVEA_SIMD void apply(const T* __restrict__ x, const T* __restrict__ r, T* __restrict__ y, int64_t begin, int64_t end,
                      int64_t size, int64_t channels, ChannelConstants<T> k) {
  for (int64_t i = begin; i < end; i++) {
    T factor = k.factor[i % channels], offset = k.offset[i % channels];
    for (int64_t j = i * size; j < (i + 1) * size; j++) {
      T z = x[j] * factor + offset;
      if constexpr (Residual) z += r[j];
      y[j] = A::value(z);
    }
  }
}

/** Sums of d and of d * (x - mean) of every plane. */
template <class A, class T>
static FOVEA_SIMD void sums(const T* __restrict__ x, const T* __restrict__ g, int64_t begin, int64_t end, int64_t size,
                     int64_t channels, ChannelConstants<T> k, T* __restrict__ ds, T* __restrict__ products) {
  for (int64_t i = begin; i < end; i++) {
    T mean = k.mean[i % channels], factor = k.factor[i % channels], offset = k.offset[i % channels];
    double sum = 0, product = 0;
    for (int64_t from = i * size; from < (i + 1) * size; from += together) {
      int64_t to = from + together < (i + 1) * size ? from + together : (i + 1) * size;
      T s = T(0), p = T(0);
#pragma omp simd reduction(+ : s, p)
      for (int64_t j = from; j < to; j++) {
        T d = A::gradient(x[j] * factor + offset, g[j]);
        s += d;
        p += d * (x[j] - mean);
      }
      sum += s;
      product += p;
    }
    ds[i] = static_cast<T>(sum);
    products[i] = static_cast<T>(product);
  }
}

/** As {@link sums}, where something was added; `other` is it, or with `A::fromResult` the result. Writes d too. */
template <class A, class T>
static FOVEA_SIMD void sumsAndGradient(const T* __restrict__ x, const T* __restrict__ g, const T* __restrict__ other,
                                T* __restrict__ out, int64_t begin, int64_t end, int64_t size, int64_t channels,
                                ChannelConstants<T> k, T* __restrict__ ds, T* __restrict__ products) {
  for (int64_t i = begin; i < end; i++) {
    T mean = k.mean[i % channels], factor = k.factor[i % channels], offset = k.offset[i % channels];
    double sum = 0, product = 0;
    for (int64_t from = i * size; from < (i + 1) * size; from += together) {
      int64_t to = from + together < (i + 1) * size ? from + together : (i + 1) * size;
      T s = T(0), p = T(0);
#pragma omp simd reduction(+ : s, p)
      for (int64_t j = from; j < to; j++) {
        T z = A::fromResult ? other[j] : x[j] * factor + offset + other[j];
        T d = A::gradient(z, g[j]);
        out[j] = d;
        s += d;
        p += d * (x[j] - mean);
      }
      sum += s;
      product += p;
    }
    ds[i] = static_cast<T>(sum);
    products[i] = static_cast<T>(product);
  }
}

/** The gradient by x. */
template <class A, class T>
static FOVEA_SIMD void gradient(const T* __restrict__ x, const T* __restrict__ g, T* __restrict__ out, int64_t begin, int64_t end,
                         int64_t size, int64_t channels, ChannelConstants<T> k) {
  for (int64_t i = begin; i < end; i++) {
    T mean = k.mean[i % channels], factor = k.factor[i % channels], offset = k.offset[i % channels];
    // Without the two the terms are left out: zero times an infinite x is no zero.
    if (k.slope != nullptr) {
      T slope = k.slope[i % channels], shift = k.shift[i % channels];
      for (int64_t j = i * size; j < (i + 1) * size; j++) {
        T d = A::gradient(x[j] * factor + offset, g[j]);
        out[j] = factor * d + (slope * (x[j] - mean) + shift);
      }
    } else {
      for (int64_t j = i * size; j < (i + 1) * size; j++) out[j] = factor * A::gradient(x[j] * factor + offset, g[j]);
    }
  }
}

}  // namespace planes

}  // namespace fovea::batchnorm
