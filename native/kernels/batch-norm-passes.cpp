// The passes of batch norm over its tensors.
#include <algorithm>
#include <cmath>
#include <vector>

#include "activation.h"
#include "batch-norm-layout.h"
#include "batch-norm-loops.h"
#include "batch-norm.h"

namespace fovea::batchnorm {

namespace {

/** Calls f with a value of the activation's class. */
template <class F>
void withActivation(Activation activation, const F& f) {
  switch (activation) {
    case Activation::none: return f(NoActivation());
    case Activation::relu: return f(Relu());
    case Activation::relu6: return f(Relu6());
    case Activation::silu: return f(Silu());
    case Activation::hardswish: return f(Hardswish());
  }
}

/** Memory for the partial sums of two kinds. It is the tensors' allocator that keeps it for the next time. */
template <class T>
class PartialSums {
 public:
  PartialSums() = default;
  explicit PartialSums(const ChannelLayout& layout)
      : memory(at::empty({2, layout.partialSums()}, c10::CppTypeToScalarType<T>::value)) {}

  T* first() const { return memory.template data_ptr<T>(); }
  T* second() const { return first() + memory.size(1); }

 private:
  at::Tensor memory;
};

/** Of the batch; the running ones move towards them. */
template <class T>
Statistics batchStatistics(const Inputs& in, const ChannelLayout& layout) {
  const T* x = in.x.data_ptr<T>();
  PartialSums<T> partial(layout);
  T *sums = partial.first(), *squares = partial.second();
  if (layout.inRows) {
    layout.forPieces([&](const Piece& piece) {
      int64_t place = piece.index * layout.width;
      rows::moments(x + piece.offset, piece.count, piece.width, sums + place, squares + place);
    });
  } else {
    layout.forPlanes([&](int64_t begin, int64_t end) {
      planes::moments(x, begin, end, layout.positions, sums, squares);
    });
  }

  // Each part's squares are about an element of its own, so that a mean far from 0 costs no digits; they are brought
  // together as by Chan et al. 1983 (Algorithms for computing the sample variance).
  int64_t channels = layout.channels;
  double count = static_cast<double>(layout.perChannel());
  Statistics statistics(channels);
  double *means = statistics.means(), *variances = statistics.inverses();
  std::fill_n(means, 2 * channels, 0.0);
  layout.forPartialSums([&](int64_t n, int64_t first, int64_t step, int64_t place) {
    for (int64_t c = 0; c < channels; c++) means[c] += static_cast<double>(n) * x[first + c * step] + sums[place + c];
  });
  for (int64_t c = 0; c < channels; c++) means[c] /= count;
  layout.forPartialSums([&](int64_t n, int64_t first, int64_t step, int64_t place) {
    double size = static_cast<double>(n);
    for (int64_t c = 0; c < channels; c++) {
      double offset = sums[place + c] / size, distance = x[first + c * step] + offset - means[c];
      variances[c] += squares[place + c] - size * offset * offset + size * distance * distance;
    }
  });

  if (in.runningMean.defined()) {
    T *runningMean = in.runningMean.data_ptr<T>(), *runningVar = in.runningVar.data_ptr<T>();
    double kept = 1 - in.momentum;
    for (int64_t c = 0; c < channels; c++) {
      runningMean[c] = static_cast<T>(kept * runningMean[c] + in.momentum * means[c]);
      runningVar[c] = static_cast<T>(kept * runningVar[c] + in.momentum * variances[c] / (count - 1));
    }
  }
  for (int64_t c = 0; c < channels; c++) variances[c] = 1 / std::sqrt(variances[c] / count + in.eps);
  return statistics;
}

template <class T>
Statistics runningStatistics(const Inputs& in) {
  int64_t channels = in.x.size(1);
  Statistics statistics(channels);
  const T *mean = in.runningMean.data_ptr<T>(), *variance = in.runningVar.data_ptr<T>();
  for (int64_t c = 0; c < channels; c++) {
    statistics.means()[c] = mean[c];
    statistics.inverses()[c] = 1 / std::sqrt(variance[c] + in.eps);
  }
  return statistics;
}

/** The channels' constants, one copy behind the other for as many positions as the layout takes for a row. */
template <class T>
class Constants {
 public:
  Constants(const ChannelLayout& layout, const Statistics& statistics, const at::Tensor& weight, const at::Tensor& bias)
      : channels(layout.channels),
        length(layout.inRows ? layout.width : channels),
        memory(at::empty({5, (length + 15) / 16 * 16}, c10::CppTypeToScalarType<T>::value)) {
    const T* factors = weight.defined() ? weight.data_ptr<T>() : nullptr;
    const T* offsets = bias.defined() ? bias.data_ptr<T>() : nullptr;
    for (int64_t c = 0; c < channels; c++) {
      double mean = statistics.means()[c], factor = statistics.inverses()[c] * (factors ? factors[c] : T(1));
      row(0)[c] = static_cast<T>(mean);
      row(1)[c] = static_cast<T>(factor);
      row(2)[c] = static_cast<T>((offsets ? offsets[c] : T(0)) - mean * factor);
    }
    for (int64_t i = 0; i < 3; i++) repeat(row(i));
  }

  /** Of the gradient by x, from the sums of the gradient by z and of its products with x - mean. */
  void addGradient(const Statistics& statistics, const std::vector<double>& sums, const std::vector<double>& products,
                   double count) {
    for (int64_t c = 0; c < channels; c++) {
      double inverse = statistics.inverses()[c], factor = row(1)[c];
      double slope = -factor * inverse * inverse * products[c] / count;
      row(3)[c] = static_cast<T>(slope);
      row(4)[c] = static_cast<T>(slope * (row(0)[c] - statistics.means()[c]) - factor * sums[c] / count);
    }
    repeat(row(3));
    repeat(row(4));
    withGradient = true;
  }

  ChannelConstants<T> pointers() {
    return {row(0), row(1), row(2), withGradient ? row(3) : nullptr, withGradient ? row(4) : nullptr};
  }

 private:
  T* row(int64_t i) { return memory.template data_ptr<T>() + i * memory.size(1); }
  void repeat(T* row) {
    for (int64_t i = channels; i < length; i++) row[i] = row[i - channels];
  }

  int64_t channels, length;
  /** A tensor's, because that begins at the beginning of a vector register's worth, and so does every row. */
  at::Tensor memory;
  bool withGradient = false;
};

/** Writes activation(norm(x) + residual). */
template <class T>
void write(const Inputs& in, const ChannelLayout& layout, const Statistics& statistics, const at::Tensor& residual,
           const at::Tensor& out) {
  const T* x = in.x.data_ptr<T>();
  const T* r = residual.defined() ? residual.data_ptr<T>() : nullptr;
  T* y = out.data_ptr<T>();
  Constants<T> constants(layout, statistics, in.weight, in.bias);
  ChannelConstants<T> k = constants.pointers();
  withActivation(in.activation, [&](auto activation) {
    using A = decltype(activation);
    if (layout.inRows) {
      layout.forPieces([&](const Piece& p) {
        if (r != nullptr) rows::apply<A, true>(x + p.offset, r + p.offset, y + p.offset, p.count, p.width, k);
        else rows::apply<A, false>(x + p.offset, r, y + p.offset, p.count, p.width, k);
      });
    } else {
      layout.forPlanes([&](int64_t begin, int64_t end) {
        if (r != nullptr) planes::apply<A, true>(x, r, y, begin, end, layout.positions, layout.channels, k);
        else planes::apply<A, false>(x, r, y, begin, end, layout.positions, layout.channels, k);
      });
    }
  });
}

/** A pass for the sums and one for the gradient. */
template <class T>
Gradients gradientsIn(const Inputs& in, const Statistics& statistics, const at::Tensor& other, const at::Tensor& gradient,
                      const Wanted& wanted) {
  ChannelLayout layout = ChannelLayout::of(in.x);
  at::Tensor g = gradient.contiguous(layout.format);
  Gradients result;
  Activation activation = in.activation;
  Constants<T> constants(layout, statistics, in.weight, in.bias);
  ChannelConstants<T> k = constants.pointers();
  const T* x = in.x.data_ptr<T>();
  int64_t positions = layout.positions, channels = layout.channels;

  bool ofSum = other.defined() && activation != Activation::none;
  if (ofSum || wanted.weight || wanted.bias || (wanted.x && in.training)) {
    PartialSums<T> partial(layout);
    T *sums = partial.first(), *products = partial.second();
    // The sum's gradient is needed as such, by what was added, so the second pass reads it instead of computing it anew.
    if (ofSum) result.residual = at::empty_like(in.x);
    const T *from = g.data_ptr<T>(), *added = ofSum ? other.data_ptr<T>() : nullptr;
    T* to = ofSum ? result.residual.data_ptr<T>() : nullptr;
    withActivation(activation, [&](auto chosen) {
      using A = decltype(chosen);
      if (layout.inRows) {
        layout.forPieces([&](const Piece& p) {
          T *s = sums + p.index * layout.width, *q = products + p.index * layout.width;
          if (ofSum) {
            rows::sumsAndGradient<A>(x + p.offset, from + p.offset, added + p.offset, to + p.offset, p.count, p.width, k, s, q);
          } else {
            rows::sums<A>(x + p.offset, from + p.offset, p.count, p.width, k, s, q);
          }
        });
      } else {
        layout.forPlanes([&](int64_t begin, int64_t end) {
          if (ofSum) planes::sumsAndGradient<A>(x, from, added, to, begin, end, positions, channels, k, sums, products);
          else planes::sums<A>(x, from, begin, end, positions, channels, k, sums, products);
        });
      }
    });
    if (ofSum) {
      g = result.residual;
      activation = Activation::none;
    }

    std::vector<double> sum(channels), product(channels);
    layout.forPartialSums([&](int64_t, int64_t, int64_t, int64_t place) {
      for (int64_t c = 0; c < channels; c++) {
        sum[c] += sums[place + c];
        product[c] += products[place + c];
      }
    });
    // The loops took the mean as rounded to their type.
    for (int64_t c = 0; c < channels; c++) product[c] += (k.mean[c] - statistics.means()[c]) * sum[c];
    if (wanted.weight) {
      result.weight = at::empty_like(in.weight);
      for (int64_t c = 0; c < channels; c++) {
        result.weight.data_ptr<T>()[c] = static_cast<T>(product[c] * statistics.inverses()[c]);
      }
    }
    if (wanted.bias) {
      result.bias = at::empty_like(in.bias);
      for (int64_t c = 0; c < channels; c++) result.bias.data_ptr<T>()[c] = static_cast<T>(sum[c]);
    }
    if (in.training) {
      constants.addGradient(statistics, sum, product, static_cast<double>(layout.perChannel()));
      k = constants.pointers();
    }
  }

  if (wanted.x) {
    result.x = at::empty_like(in.x);
    const T* from = g.data_ptr<T>();
    T* to = result.x.data_ptr<T>();
    withActivation(activation, [&](auto chosen) {
      using A = decltype(chosen);
      if (layout.inRows) {
        layout.forPieces([&](const Piece& p) {
          rows::gradient<A>(x + p.offset, from + p.offset, to + p.offset, p.count, p.width, k);
        });
      } else {
        layout.forPlanes([&](int64_t begin, int64_t end) {
          planes::gradient<A>(x, from, to, begin, end, positions, channels, k);
        });
      }
    });
  }
  if (!wanted.residual) result.residual = at::Tensor();
  else if (!ofSum) result.residual = gradient;
  return result;
}

}  // namespace

Result compute(const Inputs& in) {
  ChannelLayout layout = ChannelLayout::of(in.x);
  Result result = {at::empty_like(in.x), Statistics(at::Tensor()), in.residual};
  if (in.residual.defined()) result.residual = in.residual.contiguous(layout.format);
  AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "batch_norm_act", [&] {
    result.statistics = in.training ? batchStatistics<scalar_t>(in, layout) : runningStatistics<scalar_t>(in);
    write<scalar_t>(in, layout, result.statistics, result.residual, result.y);
  });
  return result;
}

Gradients gradientsOf(const Inputs& in, const Statistics& statistics, const at::Tensor& other, const at::Tensor& gradient,
                      const Wanted& wanted) {
  Gradients result;
  AT_DISPATCH_FLOATING_TYPES(in.x.scalar_type(), "batch_norm_act_backward", [&] {
    at::Tensor alike = other.defined() ? other.contiguous(ChannelLayout::of(in.x).format) : other;
    result = gradientsIn<scalar_t>(in, statistics, alike, gradient, wanted);
  });
  return result;
}

}  // namespace fovea::batchnorm
