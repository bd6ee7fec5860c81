#include "warnings.h"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>
#include <torch/version.h>

#include <cstdlib>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "environment.h"

namespace fovea {

__thread bool warned = false;

namespace {

thread_local std::vector<std::string> pending;

void note(const std::string& text) {
  static std::mutex mutex;
  static auto* known = new std::unordered_set<std::string>();
  std::lock_guard<std::mutex> lock(mutex);
  if (!known->insert(text).second) return;
  pending.push_back(text);
  warned = true;
}

struct Handler final : c10::WarningHandler {
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning& warning) override { note(warning.msg()); }
#else
  void process(const c10::SourceLocation&, const std::string& message, bool) override { note(message); }
#endif
};

}  // namespace

void collectWarnings() {
  static auto* handler = new Handler();
#if TORCH_VERSION_MAJOR >= 2
  c10::WarningUtils::set_warning_handler(handler);
#else
  c10::Warning::set_warning_handler(handler);
#endif
#ifndef C10_USE_GLOG
  // Besides, libtorch writes its log to stderr: on some processors a line for every convolution, that NNPACK does not
  // support them. Errors are still written, and who sets this variable is obeyed.
  constexpr int kErrors = 2;
  if (!std::getenv("TORCH_CPP_LOG_LEVEL")) FLAGS_caffe2_log_level = kErrors;
#endif
}

void emitWarnings(napi_env env) {
  warned = false;
  std::vector<std::string> texts;
  texts.swap(pending);
  napi_ref sink = Environment::of(env).warningSink;
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  if (!sink || napi_get_reference_value(env, sink, &function) != napi_ok) return;
  napi_get_undefined(env, &receiver);
  for (const std::string& text : texts) {
    napi_value argument = nullptr;
    napi_create_string_utf8(env, text.data(), text.size(), &argument);
    // A warning does not make the call fail that it is about.
    if (napi_call_function(env, receiver, function, 1, &argument, nullptr) == napi_ok) continue;
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
  }
}

}  // namespace fovea
