#include "arguments.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace fovea::images {

namespace {

// The most pixels of a side: of what a batch holds, as in programs, and of an image. No product of sizes overflows.
constexpr int kLongestOutput = 1 << 14;
constexpr int kLongestImage = 1 << 30;

struct View {
  void* data;
  size_t size;
  napi_typedarray_type type;
};

View toView(napi_env env, napi_value value, const char* name, napi_typedarray_type wanted, const char* wantedName) {
  View view{nullptr, 0, napi_int8_array};
  bool is = false;
  check(env, napi_is_typedarray(env, value, &is));
  if (is) {
    check(env, napi_get_typedarray_info(env, value, &view.type, &view.size, &view.data, nullptr, nullptr));
  }
  if (!is || view.type != wanted) {
    throw ArgumentError(std::string(name) + ": expected a " + wantedName + ", got " + describe(env, value));
  }
  return view;
}

template <typename T>
Array<T> toArray(napi_env env, napi_value value, const char* name, napi_typedarray_type type, const char* typeName) {
  View view = toView(env, value, name, type, typeName);
  return {static_cast<T*>(view.data), view.size};
}

[[noreturn]] void mismatch(const char* name, size_t wanted, size_t got) {
  throw ArgumentError(std::string(name) + ": expected " + std::to_string(wanted) + " values, got " + std::to_string(got));
}

int toSide(napi_env env, napi_value value, const char* name, int most) {
  int64_t side = toInteger(env, value);
  if (side < 1 || side > most) {
    throw ArgumentError(std::string(name) + ": expected 1 to " + std::to_string(most) + ", got " + std::to_string(side));
  }
  return static_cast<int>(side);
}

// Frees the values that were made inside it.
class HandleScope {
 public:
  explicit HandleScope(napi_env env) : env_(env) { check(env, napi_open_handle_scope(env, &scope_)); }
  ~HandleScope() { napi_close_handle_scope(env_, scope_); }
  HandleScope(const HandleScope&) = delete;
  HandleScope& operator=(const HandleScope&) = delete;

 private:
  napi_env env_;
  napi_handle_scope scope_ = nullptr;
};

// A list of values that must live as long as a job.
class Kept {
 public:
  explicit Kept(napi_env env) : env_(env) { check(env, napi_create_array(env, &array_)); }
  void add(napi_value value) { check(env_, napi_set_element(env_, array_, count_++, value)); }
  napi_value array() const { return array_; }

 private:
  napi_env env_;
  napi_value array_ = nullptr;
  uint32_t count_ = 0;
};

Output toOutput(napi_env env, napi_value job) {
  Output output;
  output.values = nullptr;
  output.width = toSide(env, property(env, job, "width"), "width", kLongestOutput);
  output.height = toSide(env, property(env, job, "height"), "height", kLongestOutput);
  std::string layout = toString(env, property(env, job, "layout"));
  if (layout != "nchw" && layout != "nhwc") throw ArgumentError("layout: expected nchw or nhwc, got " + layout);
  output.layout = layout == "nchw" ? Layout::kNchw : Layout::kNhwc;
  return output;
}

size_t valuesOf(const Output& output) { return 3 * size_t(output.width) * size_t(output.height); }

// `width` and `height` are those of a source that is given as pixels.
void readPixels(napi_env env, napi_value value, size_t sample, uint32_t width, uint32_t height, Batch::Source& source) {
  Array<uint8_t> pixels = toBytes(env, value, "sources");
  if (width < 1 || height < 1 || width > kLongestImage || height > kLongestImage ||
      pixels.size != size_t(width) * height * 3) {
    throw ArgumentError("sources: sample " + std::to_string(sample) + " has " + std::to_string(pixels.size) +
                        " bytes, which are not " + std::to_string(width) + "x" + std::to_string(height) +
                        " RGB pixels");
  }
  source.pixels = pixels.data;
  source.width = static_cast<int>(width);
  source.height = static_cast<int>(height);
}

void readSources(napi_env env, napi_value sources, Array<uint32_t> sizes, Batch& batch, Kept& kept) {
  const void* last = nullptr;
  for (size_t i = 0; i < batch.sources.size(); i++) {
    Batch::Source& source = batch.sources[i];
    HandleScope scope(env);
    napi_value value = element(env, sources, static_cast<uint32_t>(i));
    napi_valuetype type;
    check(env, napi_typeof(env, value, &type));
    if (type == napi_string) {
      source.path = toString(env, value);
      continue;
    }
    readPixels(env, value, i, sizes.data[2 * i], sizes.data[2 * i + 1], source);
    // Most are views of one memory, which one of them keeps.
    napi_value memory = nullptr;
    size_t offset = 0;
    check(env, napi_get_typedarray_info(env, value, nullptr, nullptr, nullptr, &memory, &offset));
    const void* base = source.pixels - offset;
    if (base != last) kept.add(memory);
    last = base;
  }
}

}  // namespace

Array<uint8_t> toBytes(napi_env env, napi_value value, const char* name) {
  return toArray<uint8_t>(env, value, name, napi_uint8_array, "Uint8Array");
}

Array<double> toDoubles(napi_env env, napi_value value, const char* name) {
  return toArray<double>(env, value, name, napi_float64_array, "Float64Array");
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_valuetype type;
  check(env, napi_typeof(env, object, &type));
  if (type != napi_object) throw ArgumentError("expected an object, got " + describe(env, object));
  napi_value value = nullptr;
  check(env, napi_get_named_property(env, object, name, &value));
  check(env, napi_typeof(env, value, &type));
  if (type == napi_undefined) throw ArgumentError(std::string("the property ") + name + " is missing");
  return value;
}

std::unique_ptr<Batch> toBatch(napi_env env, napi_value job, napi_value* kept) {
  auto batch = std::make_unique<Batch>();
  Kept keeping(env);
  napi_value sources = property(env, job, "sources");
  const size_t count = arrayLength(env, sources);
  auto sizes = toArray<uint32_t>(env, property(env, job, "sizes"), "sizes", napi_uint32_array, "Uint32Array");
  if (sizes.size != 2 * count) mismatch("sizes", 2 * count, sizes.size);
  auto starts = toArray<uint32_t>(env, property(env, job, "starts"), "starts", napi_uint32_array, "Uint32Array");
  if (starts.size != count + 1) mismatch("starts", count + 1, starts.size);
  auto program = toDoubles(env, property(env, job, "program"), "program");
  batch->starts.assign(starts.data, starts.data + starts.size);
  if (!std::is_sorted(batch->starts.begin(), batch->starts.end()) || batch->starts.back() > program.size) {
    throw ArgumentError("starts: expected places in the program, in order");
  }
  batch->program.assign(program.data, program.data + program.size);
  batch->output = toOutput(env, job);
  napi_value values = property(env, job, "output");
  auto output = toArray<float>(env, values, "output", napi_float32_array, "Float32Array");
  if (output.size != count * valuesOf(batch->output)) mismatch("output", count * valuesOf(batch->output), output.size);
  batch->output.values = output.data;
  keeping.add(values);
  // The array is as long as its output, so its length is not made up.
  batch->sources.resize(count);
  readSources(env, sources, sizes, *batch, keeping);
  *kept = keeping.array();
  return batch;
}

std::unique_ptr<Mix> toMix(napi_env env, napi_value job, napi_value* kept) {
  auto mix = std::make_unique<Mix>();
  Kept keeping(env);
  mix->output = toOutput(env, job);
  int64_t samples = toInteger(env, property(env, job, "count"));
  mix->extraPartner = toBool(env, property(env, job, "extraPartner"));
  napi_value memory = property(env, job, "values");
  auto values = toArray<float>(env, memory, "values", napi_float32_array, "Float32Array");
  if (samples < 0 || samples > int64_t(values.size)) throw ArgumentError("count: expected the number of samples");
  mix->samples = static_cast<size_t>(samples);
  const size_t wanted = (mix->samples + (mix->extraPartner ? 1 : 0)) * valuesOf(mix->output);
  if (values.size != wanted) mismatch("values", wanted, values.size);
  mix->values = values.data;
  keeping.add(memory);
  auto numbers = toDoubles(env, property(env, job, "mix"), "mix");
  const double kind = numbers.size > 0 ? numbers.data[0] : -1;
  if (kind == 0 && numbers.size == 2 && numbers.data[1] >= 0 && numbers.data[1] <= 1) {
    mix->box = false;
    mix->lambda = numbers.data[1];
  } else if (kind == 1 && numbers.size == 5) {
    mix->box = true;
    const double *box = numbers.data + 1;
    const bool inside = std::all_of(box, box + 4, [](double value) { return value >= 0 && std::trunc(value) == value; }) &&
                        box[0] + box[2] <= mix->output.width && box[1] + box[3] <= mix->output.height;
    if (!inside) throw ArgumentError("mix: the box does not lie in the image");
    mix->region = {int(box[0]), int(box[1]), int(box[2]), int(box[3])};
  } else {
    throw ArgumentError("mix: expected [0, lambda from 0 to 1] or [1, x, y, width, height]");
  }
  *kept = keeping.array();
  return mix;
}

Encoded toEncoded(napi_env env, napi_value value) {
  Encoded encoded;
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  if (type == napi_string) {
    encoded.isPath = true;
    encoded.path = toString(env, value);
  } else {
    auto bytes = toBytes(env, value, "source");
    encoded.bytes = {bytes.data, bytes.size};
  }
  return encoded;
}

void toImage(napi_env env, napi_value value, Image& image) {
  int width = toSide(env, property(env, value, "width"), "width", kLongestImage);
  int height = toSide(env, property(env, value, "height"), "height", kLongestImage);
  auto pixels = toBytes(env, property(env, value, "pixels"), "pixels");
  if (pixels.size != size_t(width) * size_t(height) * 3) mismatch("pixels", size_t(width) * size_t(height) * 3, pixels.size);
  image.resize(width, height);
  std::memcpy(image.pixels.data(), pixels.data, pixels.size);
}

}  // namespace fovea::images
