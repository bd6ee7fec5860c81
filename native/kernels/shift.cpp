// The shift operation of Wu et al. 2017 (arXiv 1711.08141), which replaces a spatial convolution at no parameters and no
// multiplications: the channels are split into K*K equal groups, each moved by one offset of the K x K neighbourhood;
// channels that do not divide evenly stay, and zeros come in at the border. Its gradient is the opposite shift.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

#include <cstring>
#include <vector>

#include "backward.h"

namespace fovea {

namespace {

/** Channels that move together. */
struct Group {
  int64_t first, count, down, right;
};

std::vector<Group> groupsOf(int64_t channels, int64_t kernel, int64_t direction) {
  int64_t places = kernel * kernel, count = channels / places;
  std::vector<Group> groups;
  for (int64_t i = 0; i < places; i++) {
    groups.push_back({i * count, count, direction * (i / kernel - kernel / 2), direction * (i % kernel - kernel / 2)});
  }
  if (places * count < channels) groups.push_back({places * count, channels - places * count, 0, 0});
  return groups;
}

/** Copies `count` pieces of `bytes` each that lie `step` apart, every one as two parts that overlap: no call for a few bytes. */
template <size_t Part>
void copyParts(char* to, const char* from, int64_t count, size_t step, size_t bytes) {
  for (; count > 0; count--, to += step, from += step) {
    char first[Part], last[Part];
    std::memcpy(first, from, Part);
    std::memcpy(last, from + bytes - Part, Part);
    std::memcpy(to, first, Part);
    std::memcpy(to + bytes - Part, last, Part);
  }
}

void copyPieces(char* to, const char* from, int64_t count, size_t step, size_t bytes) {
  if (bytes > 32) {
    for (; count > 0; count--, to += step, from += step) std::memcpy(to, from, bytes);
  } else if (bytes >= 16) {
    copyParts<16>(to, from, count, step, bytes);
  } else if (bytes >= 8) {
    copyParts<8>(to, from, count, step, bytes);
  } else if (bytes >= 4) {
    copyParts<4>(to, from, count, step, bytes);
  } else if (bytes >= 2) {
    copyParts<2>(to, from, count, step, bytes);
  } else {
    copyParts<1>(to, from, count, step, bytes);
  }
}

void clearPieces(char* to, int64_t count, size_t step, size_t bytes) {
  for (; count > 0; count--, to += step) std::memset(to, 0, bytes);
}

/** One channel of one image, whose pixels lie side by side: moved in one piece, and what wrapped around is cleared. */
void movePlane(char* to, const char* from, int64_t height, int64_t width, const Group& group, size_t element) {
  int64_t rows = height - std::abs(group.down), columns = width - std::abs(group.right);
  if (rows <= 0 || columns <= 0) {
    std::memset(to, 0, height * width * element);
    return;
  }
  int64_t top = std::max<int64_t>(group.down, 0), left = std::max<int64_t>(group.right, 0);
  int64_t fromTop = std::max<int64_t>(-group.down, 0), fromLeft = std::max<int64_t>(-group.right, 0);
  int64_t begin = top * width + left, count = (rows - 1) * width + columns;
  std::memset(to, 0, begin * element);
  std::memcpy(to + begin * element, from + (fromTop * width + fromLeft) * element, count * element);
  std::memset(to + (begin + count) * element, 0, (height * width - begin - count) * element);
  // Between the end of a row and the beginning of the next.
  int64_t gap = width - columns;
  if (gap > 0 && rows > 1) clearPieces(to + (begin + columns) * element, rows - 1, width * element, gap * element);
}

/** One group of one row of pixels, whose channels lie side by side; `from` is null where zeros come in. */
void moveRow(char* to, const char* from, int64_t width, int64_t right, size_t pixel, size_t bytes) {
  int64_t columns = from ? std::max<int64_t>(width - std::abs(right), 0) : 0;
  int64_t left = columns > 0 ? std::max<int64_t>(right, 0) : 0, fromLeft = std::max<int64_t>(-right, 0);
  clearPieces(to, left, pixel, bytes);
  if (columns > 0) copyPieces(to + left * pixel, from + fromLeft * pixel, columns, pixel, bytes);
  clearPieces(to + (left + columns) * pixel, width - left - columns, pixel, bytes);
}

constexpr int64_t bytesPerTask = 1 << 16;

/** [N, C, H, W] in memory. */
void movePlanes(const at::Tensor& x, const at::Tensor& out, const std::vector<Group>& groups) {
  int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
  size_t element = x.element_size(), plane = height * width * element;
  const char* from = static_cast<const char*>(x.data_ptr());
  char* to = static_cast<char*>(out.data_ptr());
  int64_t size = groups.front().count;
  int64_t grain = std::max<int64_t>(1, bytesPerTask / std::max<int64_t>(1, plane));
  at::parallel_for(0, x.size(0) * channels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const Group& group = groups[std::min<int64_t>(i % channels / size, groups.size() - 1)];
      movePlane(to + i * plane, from + i * plane, height, width, group, element);
    }
  });
}

/** [N, H, W, C] in memory. */
void moveRows(const at::Tensor& x, const at::Tensor& out, const std::vector<Group>& groups) {
  int64_t height = x.size(2), width = x.size(3);
  size_t element = x.element_size(), pixel = x.size(1) * element, line = width * pixel;
  const char* from = static_cast<const char*>(x.data_ptr());
  char* to = static_cast<char*>(out.data_ptr());
  int64_t grain = std::max<int64_t>(1, bytesPerTask / std::max<int64_t>(1, line));
  at::parallel_for(0, x.size(0) * height, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      for (const Group& group : groups) {
        int64_t row = i % height - group.down;
        size_t offset = group.first * element;
        const char* source = row >= 0 && row < height ? from + (i - group.down) * line + offset : nullptr;
        moveRow(to + i * line + offset, source, width, group.right, pixel, group.count * element);
      }
    }
  });
}

/** With the operators of any device. */
void moveByCopies(const at::Tensor& x, const at::Tensor& out, const std::vector<Group>& groups) {
  int64_t height = x.size(2), width = x.size(3);
  out.zero_();
  for (const Group& group : groups) {
    int64_t rows = height - std::abs(group.down), columns = width - std::abs(group.right);
    if (rows <= 0 || columns <= 0) continue;
    auto window = [&](const at::Tensor& t, int64_t top, int64_t left) {
      return t.narrow(1, group.first, group.count).narrow(2, top, rows).narrow(3, left, columns);
    };
    window(out, std::max<int64_t>(group.down, 0), std::max<int64_t>(group.right, 0))
        .copy_(window(x, std::max<int64_t>(-group.down, 0), std::max<int64_t>(-group.right, 0)));
  }
}

at::Tensor move(const at::Tensor& x, int64_t kernel, int64_t direction) {
  TORCH_CHECK(x.dim() == 4, "shift takes [N, C, H, W], got ", x.sizes());
  TORCH_CHECK(kernel >= 1 && kernel % 2 == 1, "shift takes an odd kernel size, got ", kernel);
  int64_t channels = x.size(1);
  // Too few channels for a group each: all stay.
  if (kernel > channels || kernel * kernel > channels) return x.clone();
  std::vector<Group> groups = groupsOf(channels, kernel, direction);
  at::Tensor out = at::empty_like(x);
  auto lie = [&](at::MemoryFormat format) {
    return x.device().is_cpu() && x.is_contiguous(format) && out.is_contiguous(format);
  };
  if (lie(at::MemoryFormat::Contiguous)) movePlanes(x, out, groups);
  else if (lie(at::MemoryFormat::ChannelsLast)) moveRows(x, out, groups);
  else moveByCopies(x, out, groups);
  return out;
}

at::Tensor shift(const at::Tensor& x, int64_t kernel) { return move(x, kernel, 1); }

at::Tensor recordedMove(const at::Tensor& x, int64_t kernel, int64_t direction);

/** The gradient is a shift too, so that it has a gradient of its own. */
struct ShiftBackward : Backward {
  int64_t kernel, direction;

  variable_list gradientsOfInputs(const at::Tensor& dy) override { return {recordedMove(dy, kernel, -direction)}; }
};

at::Tensor recordedMove(const at::Tensor& x, int64_t kernel, int64_t direction) {
  at::Tensor y = unrecorded([&] { return move(x, kernel, direction); });
  if (!differentiated(x)) return y;
  auto node = wayBackTo<ShiftBackward>(x);
  node->kernel = kernel;
  node->direction = direction;
  return recorded(y, node);
}

at::Tensor differentiableShift(const at::Tensor& x, int64_t kernel) { return recordedMove(x, kernel, 1); }

}  // namespace

TORCH_LIBRARY(fovea, library) { library.def("shift(Tensor x, int kernel) -> Tensor"); }
TORCH_LIBRARY_IMPL(fovea, CompositeExplicitAutograd, library) { library.impl("shift", shift); }
TORCH_LIBRARY_IMPL(fovea, Autograd, library) { library.impl("shift", differentiableShift); }

}  // namespace fovea
