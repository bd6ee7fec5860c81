// Dropout (Srivastava et al. 2014) with random numbers that are a function of a seed and of the element's place: Philox4x32-10
// of Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3". All threads draw at once, the result does not depend
// on their number, and the gradient draws the same numbers again instead of keeping a mask. libtorch draws one after the other
// from its generator, which here gives the seed alone: its seed and its state still say what comes.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <vector>

#include "applies.h"
#include "backward.h"
#include "short-loops.h"
#include "simd.h"

namespace fovea {

namespace {

/** Eight calls of Philox side by side, four numbers of 32 bits each. */
constexpr int64_t calls = 8;
constexpr int64_t block = 4 * calls;

struct Mask {
  uint64_t seed;
  uint32_t dropped;  // numbers below it
  double scale;      // of those that stay
};

/** The numbers of one block, those of two words of a call beside each other. */
FOVEA_INLINE void draw(uint64_t seed, uint64_t index, uint32_t* numbers) {
  // In the lower halves: what a product leaves above is never read.
  uint64_t a[calls], b[calls], c[calls], d[calls];
  FOVEA_LANES
  for (uint64_t i = 0; i < calls; i++) {
    a[i] = i;
    b[i] = index & 0xffffffff;
    c[i] = index >> 32;
    d[i] = 0;
  }
  uint64_t first = seed & 0xffffffff, second = seed >> 32;
  FOVEA_WRITTEN_OUT
  for (int round = 0; round < 10; round++) {
    FOVEA_LANES
    for (int64_t i = 0; i < calls; i++) {
      const uint64_t p = 0xD2511F53 * (a[i] & 0xffffffff), q = 0xCD9E8D57 * (c[i] & 0xffffffff);
      a[i] = (q >> 32) ^ b[i] ^ first;
      c[i] = (p >> 32) ^ d[i] ^ second;
      b[i] = q;
      d[i] = p;
    }
    first = (first + 0x9E3779B9) & 0xffffffff;
    second = (second + 0xBB67AE85) & 0xffffffff;
  }
  uint64_t pairs[2 * calls];
  FOVEA_LANES
  for (int64_t i = 0; i < calls; i++) pairs[i] = (a[i] & 0xffffffff) | b[i] << 32;
  FOVEA_LANES
  for (int64_t i = 0; i < calls; i++) pairs[calls + i] = (c[i] & 0xffffffff) | d[i] << 32;
  std::memcpy(numbers, pairs, sizeof(pairs));
}

template <typename T>
FOVEA_INLINE void dropBlocks(const T* x, T* y, int64_t begin, int64_t end, int64_t count, const Mask& mask) {
  const T scale = static_cast<T>(mask.scale);
  const uint32_t dropped = mask.dropped;
  for (int64_t index = begin; index < end; index++) {
    uint32_t numbers[block];
    draw(mask.seed, index, numbers);
    const int64_t at = index * block;
    if (at + block <= count) {
      // A product, so that what is not a number stays none, as in libtorch.
      FOVEA_LANES
      for (int64_t i = 0; i < block; i++) y[at + i] = x[at + i] * (numbers[i] < dropped ? T(0) : scale);
    } else {
      for (int64_t i = 0; i < count - at; i++) y[at + i] = x[at + i] * (numbers[i] < dropped ? T(0) : scale);
    }
  }
}

FOVEA_SIMD void drop(const float* x, float* y, int64_t begin, int64_t end, int64_t count, const Mask& mask) {
  dropBlocks(x, y, begin, end, count, mask);
}
FOVEA_SIMD void drop(const double* x, double* y, int64_t begin, int64_t end, int64_t count, const Mask& mask) {
  dropBlocks(x, y, begin, end, count, mask);
}

template <typename T>
void dropAll(const at::Tensor& x, const at::Tensor& y, const Mask& mask) {
  const T* from = x.data_ptr<T>();
  T* to = y.data_ptr<T>();
  const int64_t count = x.numel();
  at::parallel_for(0, (count + block - 1) / block, 512,
                   [&](int64_t begin, int64_t end) { drop(from, to, begin, end, count, mask); });
}

/** x without gaps in memory: numbers belong to places there. */
at::Tensor masked(const at::Tensor& x, const Mask& mask) {
  at::Tensor y = at::empty_strided(x.sizes(), x.strides(), x.options());
  if (x.scalar_type() == at::kFloat) dropAll<float>(x, y, mask);
  else dropAll<double>(x, y, mask);
  return y;
}

uint64_t drawSeed() {
  at::Generator generator = at::detail::getDefaultCPUGenerator();
  std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get<at::CPUGeneratorImpl>()->random64();
}

Mask maskOf(double p, uint64_t seed) {
  return {seed, static_cast<uint32_t>(std::min(std::nearbyint(p * 4294967296.0), 4294967295.0)), 1 / (1 - p)};
}

bool dense(const at::Tensor& x) { return x.unsafeGetTensorImpl()->is_non_overlapping_and_dense(); }

struct DropoutBackward : Backward {
  Mask mask;
  std::vector<int64_t> strides;

  variable_list gradientsOfInputs(const at::Tensor& dy) override {
    if (at::GradMode::is_enabled()) {
      at::Tensor ones = at::empty_strided(dy.sizes(), strides, dy.options()).fill_(1);
      return {dy * masked(ones, mask)};
    }
    if (dy.strides() == at::IntArrayRef(strides)) return {masked(dy, mask)};
    return {masked(at::empty_strided(dy.sizes(), strides, dy.options()).copy_(dy), mask)};
  }
};

// libtorch has its own ways for 0 and 1, and its own words for what is no probability.
bool takes(const at::Tensor& x, double p) { return p > 0 && p < 1 && kernelTakes(x); }

at::Tensor dropout(const at::Tensor& x, double p) {
  if (!takes(x, p)) return at::dropout(x, p, true);
  return masked(dense(x) ? x : x.contiguous(), maskOf(p, drawSeed()));
}

at::Tensor differentiableDropout(const at::Tensor& x, double p) {
  if (!takes(x, p)) return at::dropout(x, p, true);
  if (!differentiated(x)) return unrecorded([&] { return dropout(x, p); });
  auto node = wayBackTo<DropoutBackward>(x);
  node->mask = maskOf(p, drawSeed());
  at::Tensor y = unrecorded([&] { return masked(dense(x) ? x : x.contiguous(), node->mask); });
  node->strides = y.strides().vec();
  return recorded(y, node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) { library.def("dropout(Tensor x, float p) -> Tensor"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("dropout", dropout); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("dropout", differentiableDropout); }

}  // namespace fovea
