// Every operator of libtorch, called by its schema through the dispatcher; autograd comes with it.
#include "operators.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <memory>
#include <mutex>
#include <sstream>
#include <unordered_map>

#include "entry.h"
#include "environment.h"
#include "javascript.h"
#include "typed.h"
#include "values.h"

namespace fovea {

namespace {

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Parameter> parameters;
  // Results that are the operator's own arguments (in-place and out= forms) are not handed back: the caller has them.
  std::vector<bool> fresh;
  size_t freshCount = 0;
  // `_foreach_add_.List(Tensor[] self, Tensor[] other)`: walks lists side by side.
  bool foreach = false;
  TypedCall typed = nullptr;

  explicit Operator(c10::OperatorHandle found) : handle(std::move(found)) {
    const auto& schema = handle.schema();
    name = schema.name() + (schema.overload_name().empty() ? "" : "." + schema.overload_name());
    foreach = schema.name().rfind("aten::_foreach_", 0) == 0;
    typed = typedCall(name);
    for (const auto& argument : schema.arguments()) parameters.emplace_back(argument);
    for (const auto& result : schema.returns()) {
      bool written = result.alias_info() && result.alias_info()->isWrite();
      fresh.push_back(!written);
      if (!written) freshCount++;
    }
  }
};

// Shapes and types of the arguments, for error messages.
std::string inputsOf(const torch::jit::Stack& stack) {
  std::ostringstream text;
  auto write = [&text](const at::Tensor& tensor) {
    if (text.tellp() > 0) text << ", ";
    if (!tensor.defined()) {
      text << "none";
      return;
    }
    text << nameOf(tensor.scalar_type()) << tensor.sizes();
  };
  size_t shown = 0;
  for (const auto& value : stack) {
    if (value.isTensor()) {
      write(value.toTensor());
    } else if (value.isTensorList()) {
      for (const auto& tensor : value.toTensorVector()) {
        if (++shown > 8) break;
        write(tensor);
      }
    }
    if (++shown > 8) break;
  }
  return text.str();
}

// libtorch's autograd walks the lists of these operators before anything compares their lengths.
void checkLengths(const torch::jit::Stack& stack) {
  size_t length = stack[0].isList() ? stack[0].toListRef().size() : 0;
  for (const auto& value : stack) {
    if (value.isList() && value.toListRef().size() != length) {
      throw ArgumentError("the lists have different lengths: " + std::to_string(length) + " and " +
                          std::to_string(value.toListRef().size()));
    }
  }
}

// A stack that keeps its memory from call to call. A call inside a call takes a second one.
struct Borrowed {
  static thread_local std::vector<torch::jit::Stack> spare;
  torch::jit::Stack stack;
  Borrowed() {
    if (spare.empty()) return;
    stack = std::move(spare.back());
    spare.pop_back();
  }
  ~Borrowed() {
    stack.clear();
    spare.push_back(std::move(stack));
  }
};
thread_local std::vector<torch::jit::Stack> Borrowed::spare;

void readArguments(napi_env env, const Operator& op, const Arguments& arguments, torch::jit::Stack& stack) {
  if (arguments.size() > op.parameters.size()) {
    throw ArgumentError("takes at most " + std::to_string(op.parameters.size()) + " arguments, got " +
                        std::to_string(arguments.size()));
  }
  stack.reserve(op.parameters.size());
  for (size_t i = 0; i < op.parameters.size(); i++) {
    const Parameter& parameter = op.parameters[i];
    if (i < arguments.size()) {
      stack.push_back(toValue(env, parameter, arguments[i]));
    } else if (parameter.fallback) {
      stack.push_back(*parameter.fallback);
    } else if (parameter.optional) {
      stack.emplace_back();
    } else {
      throw ArgumentError("argument '" + parameter.name + "' is missing");
    }
  }
}

napi_value results(napi_env env, const Operator& op, torch::jit::Stack& stack) {
  if (op.freshCount == 0) return undefined(env);
  if (op.fresh.size() == 1) {
    if (stack[0].isTensor()) return Environment::of(env).wrap(std::move(stack[0]).toTensor());
    return fromValue(env, stack[0]);
  }
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, op.freshCount, &array));
  uint32_t at = 0;
  for (size_t i = 0; i < op.fresh.size(); i++) {
    if (op.fresh[i]) check(env, napi_set_element(env, array, at++, fromValue(env, stack[i])));
  }
  return array;
}

napi_value call(napi_env env, napi_callback_info info) {
  Operator* op = nullptr;
  std::string inputs;
  try {
    Arguments arguments(env, info);
    op = static_cast<Operator*>(arguments.data());
    if (op->typed) {
      Environment& environment = Environment::of(env);
      at::Tensor result;
      bool done = false;
      try {
        done = op->typed(env, environment, arguments, result);
      } catch (const PendingException&) {
        throw;
      } catch (...) {
        Borrowed borrowed;
        readArguments(env, *op, arguments, borrowed.stack);
        inputs = inputsOf(borrowed.stack);
        throw;
      }
      if (warned) emitWarnings(env);
      if (done) return environment.wrap(std::move(result));
    }
    Borrowed borrowed;
    torch::jit::Stack& stack = borrowed.stack;
    readArguments(env, *op, arguments, stack);
    if (op->foreach) checkLengths(stack);
    try {
      op->handle.callBoxed(&stack);
    } catch (...) {
      inputs = inputsOf(stack);
      throw;
    }
    if (warned) emitWarnings(env);
    return results(env, *op, stack);
  } catch (...) {
    rethrow(env, op ? op->name : "operator", inputs);
    return nullptr;
  }
}

// Operators live as long as the process: functions of every environment point to them.
Operator* lookUp(const std::string& name, const std::string& overload) {
  static std::mutex mutex;
  static auto* known = new std::unordered_map<std::string, std::unique_ptr<Operator>>();
  std::lock_guard<std::mutex> lock(mutex);
  auto& entry = (*known)[name + "." + overload];
  if (!entry) {
    auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    if (!found) {
      throw ArgumentError("this libtorch has no operator " + name + (overload.empty() ? "" : "." + overload));
    }
    entry = std::make_unique<Operator>(*found);
  }
  return entry.get();
}

napi_value getOperator(napi_env env, Arguments& arguments) {
  std::string name = toString(env, arguments[0]);
  Operator* op = lookUp(name, arguments.absent(1) ? "" : toString(env, arguments[1]));
  if (op->parameters.size() > Arguments::kMost) throw ArgumentError(op->name + " has too many parameters");
  napi_value function = nullptr;
  check(env, napi_create_function(env, op->name.c_str(), NAPI_AUTO_LENGTH, call, op, &function));
  return function;
}

napi_value schemas(napi_env env, Arguments&) {
  napi_value array = nullptr;
  check(env, napi_create_array(env, &array));
  uint32_t at = 0;
  for (const auto& name : c10::Dispatcher::singleton().getAllOpNames()) {
    auto found = c10::Dispatcher::singleton().findSchema(name);
    if (!found) continue;
    std::ostringstream text;
    text << found->schema();
    check(env, napi_set_element(env, array, at++, fromString(env, text.str())));
  }
  return array;
}

}  // namespace

void exportOperators(napi_env env, napi_value exports) {
  method<getOperator>(env, exports, "operator");
  method<schemas>(env, exports, "schemas");
}

}  // namespace fovea
