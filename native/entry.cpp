#include "entry.h"

#include <c10/util/Exception.h>

#include "environment.h"

namespace fovea {

void rethrow(napi_env env, const std::string& operation, const std::string& inputs) {
  std::string kind = "ENGINE";
  std::string message;
  try {
    throw;
  } catch (const PendingException&) {
    return;
  } catch (const ArgumentError& error) {
    kind = "ARGUMENT";
    message = error.what();
  } catch (const c10::OutOfMemoryError& error) {
    kind = "MEMORY";
    message = error.what_without_backtrace();
  } catch (const c10::Error& error) {
    message = error.what_without_backtrace();
  } catch (const std::bad_alloc&) {
    kind = "MEMORY";
    message = "out of memory";
  } catch (const std::exception& error) {
    message = error.what();
  } catch (...) {
    message = "an unknown error";
  }
  napi_ref factory = Environment::of(env).errorFactory;
  napi_value error = nullptr;
  if (!factory) {
    napi_throw_error(env, kind.c_str(), message.c_str());
    return;
  }
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  napi_get_reference_value(env, factory, &function);
  napi_get_undefined(env, &receiver);
  const std::string* texts[] = {&kind, &message, &operation, &inputs};
  napi_value arguments[4] = {};
  for (size_t i = 0; i < 4; i++) napi_create_string_utf8(env, texts[i]->data(), texts[i]->size(), &arguments[i]);
  // A factory that throws leaves its own exception pending.
  if (napi_call_function(env, receiver, function, 4, arguments, &error) == napi_ok) napi_throw(env, error);
}

}  // namespace fovea
