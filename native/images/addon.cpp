// The images addon's entry. What it exports is described in src/data/native.ts.
#include <node_api.h>
#include <png.h>

#include <cstdio>
#include <jpeglib.h>

#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "arguments.h"
#include "decode.h"
#include "orientation.h"
#include "pool.h"

namespace fovea::images {

namespace {

// Where headers end, in nearly every file.
constexpr size_t kHeaderBytes = 64 << 10;
constexpr int64_t kMostWorkers = 1024;
// Tells our pools from the objects of other addons.
constexpr napi_type_tag kPoolTag = {0x8f1d4c20a97e4b6bULL, 0x9a52b7e0c3d84f17ULL};

void throwError(napi_env env, const char* message) { napi_throw_error(env, nullptr, message); }

template <Function function>
napi_value entry(napi_env env, napi_callback_info info) {
  try {
    Arguments arguments(env, info);
    return function(env, arguments);
  } catch (const PendingException&) {
  } catch (const ArgumentError& error) {
    napi_throw_type_error(env, nullptr, error.what());
  } catch (const FileError& error) {
    napi_throw_error(env, "FILE", error.what());
  } catch (const std::bad_alloc&) {
    throwError(env, "out of memory");
  } catch (const std::exception& error) {
    throwError(env, error.what());
  }
  return nullptr;
}

// An array of JavaScript of memory that is freed with it.
napi_value toArray(napi_env env, std::vector<uint8_t> bytes, size_t size) {
  auto* owner = new std::vector<uint8_t>(std::move(bytes));
  napi_value memory = nullptr;
  napi_value array = nullptr;
  auto free = [](napi_env, void*, void* hint) { delete static_cast<std::vector<uint8_t>*>(hint); };
  napi_status status = napi_create_external_arraybuffer(env, owner->data(), size, free, owner, &memory);
  if (status != napi_ok) delete owner;
  check(env, status);
  check(env, napi_create_typedarray(env, napi_uint8_array, size, memory, 0, &array));
  return array;
}

napi_value toObject(napi_env env, Image& image) {
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "width", fromInteger(env, image.width));
  setProperty(env, object, "height", fromInteger(env, image.height));
  setProperty(env, object, "pixels", toArray(env, std::move(image.pixels), image.bytes()));
  return object;
}

napi_value toObject(napi_env env, const std::vector<FailedSample>& failed) {
  napi_value list = nullptr;
  check(env, napi_create_array_with_length(env, failed.size(), &list));
  for (size_t i = 0; i < failed.size(); i++) {
    napi_value object = nullptr;
    check(env, napi_create_object(env, &object));
    setProperty(env, object, "sample", fromInteger(env, static_cast<int64_t>(failed[i].sample)));
    setProperty(env, object, "foreign", fromBool(env, failed[i].foreign));
    setProperty(env, object, "reason", fromString(env, failed[i].reason));
    check(env, napi_set_element(env, list, static_cast<uint32_t>(i), object));
  }
  return list;
}

napi_value concludeBatch(napi_env env, Work& work) { return toObject(env, static_cast<Batch&>(work).failed()); }

napi_value concludeMix(napi_env env, Work& work) {
  const std::string& failure = static_cast<Mix&>(work).failure();
  if (!failure.empty()) throw std::runtime_error(failure);
  return undefined(env);
}

void perform(Work& work) {
  for (size_t i = 0; i < work.count(); i++) work.perform(i);
}

napi_value createPool(napi_env env, Arguments& arguments) {
  int64_t workers = toInteger(env, arguments[0]);
  if (workers < 1 || workers > kMostWorkers) {
    throw ArgumentError("a pool has 1 to " + std::to_string(kMostWorkers) + " workers, not " + std::to_string(workers));
  }
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  std::unique_ptr<Pool> pool;
  try {
    pool = std::make_unique<Pool>(env, static_cast<size_t>(workers));
  } catch (const std::system_error&) {
    throw std::runtime_error("the system grants no " + std::to_string(workers) + " threads");
  }
  auto collect = [](napi_env, void* data, void*) {
    auto* abandoned = static_cast<Pool*>(data);
    abandoned->close();
    delete abandoned;
  };
  napi_status status = napi_wrap(env, object, pool.get(), collect, nullptr, nullptr);
  if (status != napi_ok) pool->close();
  check(env, status);
  pool.release();
  check(env, napi_type_tag_object(env, object, &kPoolTag));
  return object;
}

Pool& toPool(napi_env env, napi_value value) {
  napi_valuetype type;
  bool ours = false;
  void* pool = nullptr;
  check(env, napi_typeof(env, value, &type));
  if (type == napi_object) check(env, napi_check_object_type_tag(env, value, &kPoolTag, &ours));
  if (!ours) throw ArgumentError("expected a pool, got " + describe(env, value));
  check(env, napi_unwrap(env, value, &pool));
  return *static_cast<Pool*>(pool);
}

napi_value closePool(napi_env env, Arguments& arguments) {
  toPool(env, arguments[0]).close();
  return undefined(env);
}

template <typename Parse>
napi_value runIn(napi_env env, Arguments& arguments, Parse parse, Pool::Conclude conclude) {
  Pool& pool = toPool(env, arguments[0]);
  if (pool.isClosed()) throw std::runtime_error("the pool is closed");
  napi_value kept = nullptr;
  auto work = parse(env, arguments[1], &kept);
  // The pool stays while it works.
  setProperty(env, kept, "pool", arguments[0]);
  return pool.run(std::move(work), conclude, kept);
}

napi_value run(napi_env env, Arguments& arguments) { return runIn(env, arguments, toBatch, concludeBatch); }

napi_value runNow(napi_env env, Arguments& arguments) {
  napi_value kept = nullptr;
  auto batch = toBatch(env, arguments[0], &kept);
  perform(*batch);
  return concludeBatch(env, *batch);
}

napi_value mix(napi_env env, Arguments& arguments) { return runIn(env, arguments, toMix, concludeMix); }

napi_value mixNow(napi_env env, Arguments& arguments) {
  napi_value kept = nullptr;
  auto work = toMix(env, arguments[0], &kept);
  perform(*work);
  return concludeMix(env, *work);
}

// One image being decoded on a thread of libuv.
struct Decoding {
  Encoded source;
  Image image;
  bool foreign = false;
  bool isFileError = false;
  std::string failure;
  napi_async_work work = nullptr;
  napi_deferred promise = nullptr;
  napi_ref kept = nullptr;
};

void decodeNow(napi_env, void* data) {
  auto& decoding = *static_cast<Decoding*>(data);
  try {
    Buffer buffer;
    Bytes bytes = decoding.source.isPath ? readFile(decoding.source.path, buffer) : decoding.source.bytes;
    decoding.foreign = !decode(bytes, decoding.image);
  } catch (const FileError& error) {
    decoding.isFileError = true;
    decoding.failure = error.what();
  } catch (const std::bad_alloc&) {
    decoding.failure = "out of memory";
  } catch (const std::exception& error) {
    decoding.failure = error.what();
  }
}

napi_value toError(napi_env env, const Decoding& decoding) {
  napi_value code = decoding.isFileError ? fromString(env, "FILE") : nullptr;
  napi_value error = nullptr;
  check(env, napi_create_error(env, code, fromString(env, decoding.failure), &error));
  return error;
}

void concludeDecoding(napi_env env, napi_status, void* data) {
  std::unique_ptr<Decoding> decoding(static_cast<Decoding*>(data));
  napi_delete_async_work(env, decoding->work);
  napi_delete_reference(env, decoding->kept);
  try {
    if (!decoding->failure.empty()) {
      check(env, napi_reject_deferred(env, decoding->promise, toError(env, *decoding)));
    } else {
      napi_value result = decoding->foreign ? undefined(env) : toObject(env, decoding->image);
      check(env, napi_resolve_deferred(env, decoding->promise, result));
    }
  } catch (...) {
    // No memory for the result, or an environment that ends: there is nobody to tell.
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_reject_deferred(env, decoding->promise, error);
  }
}

napi_value startDecoding(napi_env env, Arguments& arguments) {
  auto decoding = std::make_unique<Decoding>();
  decoding->source = toEncoded(env, arguments[0]);
  napi_value promise = nullptr;
  napi_value kept = nullptr;
  check(env, napi_create_array_with_length(env, 1, &kept));
  check(env, napi_set_element(env, kept, 0, arguments[0]));
  check(env, napi_create_async_work(env, nullptr, fromString(env, "fovea decode"), decodeNow, concludeDecoding,
                                    decoding.get(), &decoding->work));
  check(env, napi_create_promise(env, &decoding->promise, &promise));
  check(env, napi_create_reference(env, kept, 1, &decoding->kept));
  check(env, napi_queue_async_work(env, decoding->work));
  decoding.release();
  return promise;
}

// The header alone, or with the whole file where it goes on behind what is read first.
std::optional<Header> headerOf(const Encoded& source) {
  if (!source.isPath) return readHeader(source.bytes);
  Buffer buffer;
  FileBytes bytes = readFile(source.path, buffer, kHeaderBytes);
  // The orientation of a PNG may stand at its end.
  if (!bytes.whole && formatOf(bytes) == Format::kPng) return readHeader(readFile(source.path, buffer));
  try {
    return readHeader(bytes);
  } catch (const DecodeError&) {
    if (bytes.whole) throw;
    return readHeader(readFile(source.path, buffer));
  }
}

napi_value header(napi_env env, Arguments& arguments) {
  std::optional<Header> found = headerOf(toEncoded(env, arguments[0]));
  if (!found) return undefined(env);
  const bool exchanged = exchangesSides(found->orientation);
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "format", fromString(env, found->format == Format::kPng ? "png" : "jpeg"));
  setProperty(env, object, "width", fromInteger(env, exchanged ? found->height : found->width));
  setProperty(env, object, "height", fromInteger(env, exchanged ? found->width : found->height));
  return object;
}

napi_value transformNow(napi_env env, Arguments& arguments) {
  Image image;
  toImage(env, arguments[0], image);
  Array<double> program = toDoubles(env, arguments[1], "program");
  Program rest = transform({program.data, program.data + program.size}, image);
  if (rest.begin != rest.end) throw ArgumentError("the program does not end where its image is done");
  return toObject(env, image);
}

napi_value map(napi_env env, Arguments& arguments) {
  Bytes bytes = mapFile(toString(env, arguments[0]));
  napi_value memory = nullptr;
  napi_value array = nullptr;
  if (bytes.size == 0) {
    check(env, napi_create_arraybuffer(env, 0, nullptr, &memory));
  } else {
    auto unmap = [](napi_env, void* data, void* size) {
      unmapFile({static_cast<const uint8_t*>(data), reinterpret_cast<size_t>(size)});
    };
    void* data = const_cast<uint8_t*>(bytes.data);
    void* size = reinterpret_cast<void*>(bytes.size);
    napi_status status = napi_create_external_arraybuffer(env, data, bytes.size, unmap, size, &memory);
    if (status != napi_ok) unmapFile(bytes);
    check(env, status);
  }
  check(env, napi_create_typedarray(env, napi_uint8_array, bytes.size, memory, 0, &array));
  return array;
}

#define FOVEA_TEXT(text) #text
#define FOVEA_TEXT_OF(macro) FOVEA_TEXT(macro)

napi_value versions(napi_env env, Arguments&) {
  napi_value object = nullptr;
  check(env, napi_create_object(env, &object));
  setProperty(env, object, "jpeg", fromString(env, FOVEA_TEXT_OF(LIBJPEG_TURBO_VERSION)));
  setProperty(env, object, "png", fromString(env, png_get_libpng_ver(nullptr)));
  return object;
}

template <Function function>
void method(napi_env env, napi_value exports, const char* name) {
  napi_value value = nullptr;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, entry<function>, nullptr, &value));
  setProperty(env, exports, name, value);
}

}  // namespace

}  // namespace fovea::images

NAPI_MODULE_INIT() {
  using namespace fovea::images;
  try {
    method<createPool>(env, exports, "createPool");
    method<closePool>(env, exports, "closePool");
    method<run>(env, exports, "run");
    method<runNow>(env, exports, "runNow");
    method<mix>(env, exports, "mix");
    method<mixNow>(env, exports, "mixNow");
    method<startDecoding>(env, exports, "decode");
    method<header>(env, exports, "header");
    method<transformNow>(env, exports, "transform");
    method<map>(env, exports, "map");
    method<versions>(env, exports, "versions");
  } catch (...) {
    throwError(env, "the images addon could not be set up");
    return nullptr;
  }
  return exports;
}
