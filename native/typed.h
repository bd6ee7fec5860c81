// The operators that networks call most, called with C++'s types: the dispatcher's general form takes boxed arguments, and making
// the boxes costs a small operator a good part of its time.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "environment.h"
#include "javascript.h"

namespace fovea {

// Calls an operator that gives one tensor. False, and nothing was called, where the arguments are not all there and plainly of
// the expected kinds: the general form then takes them, or says what is wrong.
using TypedCall = bool (*)(napi_env env, const Environment& environment, const Arguments& arguments, at::Tensor& result);

// By the name with its overload, e.g. `aten::add.Tensor`; nullptr where there is only the general form.
TypedCall typedCall(const std::string& name);

}  // namespace fovea
