// Node-API with exceptions: small helpers shared by everything that talks to JavaScript. They know nothing of libtorch.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fovea {

// A JavaScript exception is already pending; unwind to the boundary and let it through.
struct PendingException {};

// A wrong argument from JavaScript.
struct ArgumentError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void check(napi_env env, napi_status status);

std::string toString(napi_env env, napi_value value);
bool toBool(napi_env env, napi_value value);
double toDouble(napi_env env, napi_value value);
// A number that is whole and within ±2⁵³, or a BigInt within 64 bits.
int64_t toInteger(napi_env env, napi_value value);
uint32_t arrayLength(napi_env env, napi_value value);
napi_value element(napi_env env, napi_value array, uint32_t index);
// What to reserve for an array of this length. JavaScript's may be long and empty: `new Array(4e9)`.
inline size_t reserveFor(uint32_t length) { return length < 1024 ? length : 1024; }
std::vector<int64_t> toIntegers(napi_env env, napi_value value);

napi_value fromString(napi_env env, std::string_view text);
napi_value fromBool(napi_env env, bool value);
napi_value fromDouble(napi_env env, double value);
// A number where it is exact, else a BigInt.
napi_value fromInteger(napi_env env, int64_t value);
napi_value undefined(napi_env env);
napi_value null(napi_env env);
// A reference to a function, in place of the one before.
void setFunction(napi_env env, napi_ref* reference, napi_value function);
void setProperty(napi_env env, napi_value object, const char* name, napi_value value);

// What a JavaScript value is, for messages: "a string", "an array of 3".
std::string describe(napi_env env, napi_value value);

// The arguments of a call, by position; missing ones read as undefined.
class Arguments {
 public:
  static constexpr size_t kMost = 24;
  static constexpr size_t kFew = 8;
  Arguments(napi_env env, napi_callback_info info);
  size_t size() const { return size_; }
  napi_value operator[](size_t index) const { return values_[index]; }
  bool absent(size_t index) const;
  void* data() const { return data_; }

 private:
  napi_env env_;
  size_t size_ = kFew;
  napi_value values_[kMost];
  void* data_ = nullptr;
};

using Function = napi_value (*)(napi_env, Arguments&);

}  // namespace fovea
