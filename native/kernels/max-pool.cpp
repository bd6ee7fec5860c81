// Maxima over windows. libtorch notes the place of every maximum in 64 bits, fills the gradient with zeros and scatters into
// it. Here a place is its number within the window, a byte, and with channels last every input gathers the gradients of the
// windows that it is the maximum of: the gradient is written once.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "applies.h"
#include "backward.h"
#include "max-pool.h"
#include "tasks.h"

namespace fovea::maxpool {

namespace {

/** The inputs of every output. */
Taps inputsOf(const Axis& axis) {
  Taps taps(axis.output);
  for (int64_t out = 0; out < axis.output; out++) {
    for (int64_t k = 0; k < axis.kernel; k++) {
      int64_t in = axis.begin(out) + k * axis.dilation;
      if (in >= 0 && in < axis.input) taps[out].push_back({in, k});
    }
  }
  return taps;
}

/** The outputs of every input. */
Taps outputsOf(const Axis& axis) {
  Taps taps(axis.input);
  for (int64_t in = 0; in < axis.input; in++) {
    for (int64_t k = axis.kernel - 1; k >= 0; k--) {
      int64_t start = in - k * axis.dilation + axis.padding;
      if (start < 0 || start % axis.stride != 0 || start / axis.stride >= axis.output) continue;
      taps[in].push_back({start / axis.stride, k});
    }
  }
  return taps;
}

int64_t mostOf(const Taps& taps) {
  size_t most = 0;
  for (const auto& of : taps) most = std::max(most, of.size());
  return most;
}

/** As many of each as the largest has, the first in front of itself where there are fewer. */
std::vector<Tap> filledInFront(const Taps& taps, int64_t most) {
  std::vector<Tap> all;
  for (const auto& of : taps) {
    all.insert(all.end(), most - of.size(), of.front());
    all.insert(all.end(), of.begin(), of.end());
  }
  return all;
}

template <typename T>
std::vector<Over<T>> columnsOver(const Taps& taps, int64_t most, int64_t channels) {
  constexpr int64_t together = sizeof(T);
  std::vector<Over<T>> all;
  for (const auto& of : taps) {
    for (const Tap& tap : of) {
      const Word<T> unit = Word<T>(1) << (8 * (tap.position % together));
      all.push_back({tap.position * channels, tap.position / together * channels, 255 * unit, unit,
                     static_cast<Word<T>>(tap.offset) * unit});
    }
    // Nothing is never one.
    all.insert(all.end(), most - of.size(), {0, 0, 0, 0, 1});
  }
  return all;
}

/** The columns of windows that reach over no border, where the kernel takes them together: the first, and one behind the last. */
std::pair<int64_t, int64_t> wholeColumns(const Taps& columns, const Axis& axis) {
  if (axis.stride > 2) return {0, 0};
  auto whole = [&](const std::vector<Tap>& taps) { return static_cast<int64_t>(taps.size()) == axis.kernel; };
  const auto first = std::find_if(columns.begin(), columns.end(), whole);
  return {first - columns.begin(), std::find_if_not(first, columns.end(), whole) - columns.begin()};
}

/** A plane of gradients stays in the cache while it is written to here and there. `offsets`: of the places in a window. */
template <typename T>
void scatterPlane(const T* dy, const uint8_t* places, T* dx, const Axis& down, const Axis& across,
                  const std::vector<int64_t>& offsets) {
  std::fill(dx, dx + down.input * across.input, T(0));
  for (int64_t row = 0; row < down.output; row++) {
    const int64_t corner = down.begin(row) * across.input - across.padding;
    for (int64_t i = 0; i < across.output; i++, dy++, places++) dx[corner + i * across.stride + offsets[*places]] += *dy;
  }
}

/** What the operator was called with, and what follows from it. */
struct Pooling {
  Axis down, across;
  bool channelsLast;

  at::MemoryFormat format() const { return channelsLast ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous; }
  int64_t window() const { return down.kernel * across.kernel; }
};

int64_t outputOf(const Axis& axis, bool ceil) {
  int64_t span = axis.input + 2 * axis.padding - axis.dilation * (axis.kernel - 1) - 1;
  if (span < 0) return 0;
  int64_t output = (span + (ceil ? axis.stride - 1 : 0)) / axis.stride + 1;
  // The last window begins inside the image or its padding on the left.
  return ceil && (output - 1) * axis.stride >= axis.input + axis.padding ? output - 1 : output;
}

/** False: libtorch computes it, or says what is wrong. */
bool planned(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
             at::IntArrayRef dilation, bool ceil, Pooling* pooling) {
  if (!kernelTakes(x) || x.dim() != 4) return false;
  if (stride.empty()) stride = kernel;
  if (kernel.size() != 2 || stride.size() != 2 || padding.size() != 2 || dilation.size() != 2) return false;
  for (int i : {0, 1}) {
    if (kernel[i] < 1 || stride[i] < 1 || dilation[i] < 1 || padding[i] < 0 || padding[i] > kernel[i] / 2) return false;
    Axis axis{x.size(2 + i), kernel[i], stride[i], padding[i], dilation[i], 0};
    axis.output = outputOf(axis, ceil);
    // A window may have nothing inside the image where dilation is large.
    if (axis.output < 1) return false;
    for (const auto& taps : inputsOf(axis)) {
      if (taps.empty()) return false;
    }
    (i == 0 ? pooling->down : pooling->across) = axis;
  }
  pooling->channelsLast = x.suggest_memory_format() == at::MemoryFormat::ChannelsLast;
  return kernel[0] < nowhere && kernel[1] < nowhere && pooling->window() < nowhere;
}

template <typename T>
void pool(const at::Tensor& x, const at::Tensor& y, const at::Tensor& places, const Pooling& pooling) {
  const Axis &down = pooling.down, &across = pooling.across;
  const Taps rows = inputsOf(down), columns = inputsOf(across);
  const int64_t images = x.size(0), channels = x.size(1), width = across.output, height = down.output;
  const T* from = x.data_ptr<T>();
  T* to = y.data_ptr<T>();
  uint8_t* at = places.defined() ? places.data_ptr<uint8_t>() : nullptr;
  const std::vector<Tap> allRows = filledInFront(rows, down.kernel), allColumns = filledInFront(columns, across.kernel);
  if (pooling.channelsLast) {
    const Rows<T> p{from, to,     reinterpret_cast<Word<T>*>(at), channels,
                    down, across, allRows.data(),                 allColumns.data()};
    at::parallel_for(0, images * height, rowsPerTask(width * channels),
                     [&](int64_t begin, int64_t end) { poolRows(p, begin, end); });
    return;
  }
  const auto [first, last] = wholeColumns(columns, across);
  const Planes<T> p{from, to, at, first, last, down, across, allRows.data(), allColumns.data()};
  at::parallel_for(0, images * channels, rowsPerTask(width * height), [&](int64_t begin, int64_t end) {
    std::vector<Word<T>> words(width);
    poolPlanes(p, begin, end, words.data());
  });
}

/** Room for the places of all windows, in bytes: of words [N, H, W / bytes, C, bytes], otherwise [N, C, H, W]. */
at::Tensor placesOf(const at::Tensor& x, const Pooling& pooling) {
  const int64_t images = x.size(0), channels = x.size(1), height = pooling.down.output, width = pooling.across.output;
  const auto options = x.options().dtype(at::kByte);
  if (!pooling.channelsLast) return at::empty({images, channels, height, width}, options);
  const int64_t together = x.element_size();
  return at::empty({images, height, (width + together - 1) / together, channels, together}, options);
}

/** As they are in a plain tensor [N, C, H, W]. */
at::Tensor plainPlaces(const at::Tensor& places, const Pooling& pooling) {
  if (!pooling.channelsLast) return places;
  return places.permute({0, 3, 1, 2, 4}).flatten(3).narrow(3, 0, pooling.across.output);
}

/** `places` may be undefined: only a gradient needs them. */
at::Tensor pooled(const at::Tensor& x, at::Tensor* places, const Pooling& pooling) {
  std::vector<int64_t> shape{x.size(0), x.size(1), pooling.down.output, pooling.across.output};
  at::Tensor input = x.contiguous(pooling.format());
  at::Tensor y = at::empty(shape, x.options().memory_format(pooling.format()));
  if (places) *places = placesOf(x, pooling);
  const at::Tensor& wanted = places ? *places : at::Tensor();
  if (x.scalar_type() == at::kFloat) pool<float>(input, y, wanted, pooling);
  else pool<double>(input, y, wanted, pooling);
  return y;
}

template <typename T>
void spread(const at::Tensor& dyTensor, const at::Tensor& placesTensor, const at::Tensor& dxTensor, const Pooling& pooling) {
  const Axis &down = pooling.down, &across = pooling.across;
  const int64_t images = dxTensor.size(0), channels = dxTensor.size(1), width = across.input, height = down.input;
  const T* dy = dyTensor.data_ptr<T>();
  T* dx = dxTensor.data_ptr<T>();
  const uint8_t* places = placesTensor.data_ptr<uint8_t>();
  if (pooling.channelsLast) {
    const Taps rows = outputsOf(down), columns = outputsOf(across);
    const int64_t most = mostOf(columns);
    const std::vector<Over<T>> over = columnsOver<T>(columns, most, channels);
    const RowGradients<T> g{dy,     reinterpret_cast<const Word<T>*>(places),
                            dx,     channels,
                            most,   images * down.output,
                            down,   across,
                            rows,   over.data()};
    at::parallel_for(0, images * height, rowsPerTask(width * channels),
                     [&](int64_t begin, int64_t end) { gatherRows(g, begin, end); });
    return;
  }
  std::vector<int64_t> offsets;
  for (int64_t row = 0; row < down.kernel; row++) {
    for (int64_t column = 0; column < across.kernel; column++) {
      offsets.push_back(row * down.dilation * width + column * across.dilation);
    }
  }
  const int64_t windows = down.output * across.output;
  at::parallel_for(0, images * channels, rowsPerTask(width * height), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      scatterPlane(dy + i * windows, places + i * windows, dx + i * width * height, down, across, offsets);
    }
  });
}

/** With operators that have gradients themselves. */
at::Tensor spreadByOperators(const at::Tensor& dy, const at::Tensor& stored, const Pooling& pooling) {
  const at::Tensor places = plainPlaces(stored, pooling);
  auto options = places.options().dtype(at::kLong);
  auto position = [&](const Axis& axis, const at::Tensor& offset, at::IntArrayRef shape) {
    return at::arange(axis.output, options).mul(axis.stride).sub(axis.padding).view(shape) + offset * axis.dilation;
  };
  at::Tensor place = places.to(at::kLong), kernel = at::full({}, pooling.across.kernel, options);
  at::Tensor row = position(pooling.down, at::floor_divide(place, kernel), {-1, 1});
  at::Tensor column = position(pooling.across, at::remainder(place, kernel), {1, -1});
  at::Tensor index = (row * pooling.across.input + column).flatten(2);
  int64_t images = places.size(0), channels = places.size(1);
  at::Tensor zeros = at::zeros({images, channels, pooling.down.input * pooling.across.input}, dy.options());
  return zeros.scatter_add(2, index, dy.flatten(2)).view({images, channels, pooling.down.input, pooling.across.input});
}

struct MaxPoolBackward : Backward {
  Pooling pooling;

  variable_list gradientsOfInputs(const at::Tensor& gradient) override {
    const at::Tensor places = saved(0);
    if (at::GradMode::is_enabled()) return {spreadByOperators(gradient, places, pooling)};
    at::Tensor dy = gradient.contiguous(pooling.format());
    at::Tensor dx = at::empty({dy.size(0), dy.size(1), pooling.down.input, pooling.across.input},
                              dy.options().memory_format(pooling.format()));
    if (dy.scalar_type() == at::kFloat) spread<float>(dy, places, dx, pooling);
    else spread<double>(dy, places, dx, pooling);
    return {dx};
  }
};

at::Tensor maxPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride, at::IntArrayRef padding,
                     at::IntArrayRef dilation, bool ceil) {
  Pooling pooling;
  if (!planned(x, kernel, stride, padding, dilation, ceil, &pooling)) {
    return at::max_pool2d(x, kernel, stride, padding, dilation, ceil);
  }
  return pooled(x, nullptr, pooling);
}

at::Tensor differentiableMaxPool2d(const at::Tensor& x, at::IntArrayRef kernel, at::IntArrayRef stride,
                                   at::IntArrayRef padding, at::IntArrayRef dilation, bool ceil) {
  Pooling pooling;
  if (!planned(x, kernel, stride, padding, dilation, ceil, &pooling)) {
    return at::max_pool2d(x, kernel, stride, padding, dilation, ceil);
  }
  if (!differentiated(x)) return unrecorded([&] { return pooled(x, nullptr, pooling); });
  at::Tensor places;
  at::Tensor y = unrecorded([&] { return pooled(x, &places, pooling); });
  auto node = wayBackTo<MaxPoolBackward>(x);
  node->save({places});
  node->pooling = pooling;
  return recorded(y, node);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(fovea, library) {
  library.def("max_pool2d(Tensor x, int[2] kernel, int[2] stride, int[2] padding, int[2] dilation, bool ceil) -> Tensor");
}
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("max_pool2d", maxPool2d); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("max_pool2d", differentiableMaxPool2d); }

}  // namespace fovea::maxpool
