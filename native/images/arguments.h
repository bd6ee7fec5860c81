// What JavaScript hands over, checked: see src/data/native.ts.
#pragma once

#include <node_api.h>

#include <memory>
#include <string>
#include <vector>

#include "batch.h"
#include "javascript.h"

namespace fovea::images {

// A view of the memory of a typed array of JavaScript, which must be kept.
template <typename T>
struct Array {
  T* data = nullptr;
  size_t size = 0;
};

Array<uint8_t> toBytes(napi_env env, napi_value value, const char* name);
Array<double> toDoubles(napi_env env, napi_value value, const char* name);

// A property of an object. Throws ArgumentError when it is missing.
napi_value property(napi_env env, napi_value object, const char* name);

// The work of a job, and the values whose memory it uses, as an array.
std::unique_ptr<Batch> toBatch(napi_env env, napi_value job, napi_value* kept);
std::unique_ptr<Mix> toMix(napi_env env, napi_value job, napi_value* kept);

// Encoded bytes, or the path of their file.
struct Encoded {
  bool isPath = false;
  std::string path;
  Bytes bytes;
};
Encoded toEncoded(napi_env env, napi_value value);

// A whole image from its width, height and pixels, which are copied.
void toImage(napi_env env, napi_value value, Image& image);

}  // namespace fovea::images
