// What belongs to one JavaScript environment (the main thread or one worker): its live tensors, its scopes, and the
// memory that its garbage collector was told about.
//
// JavaScript holds a tensor as a number, its id: a place in a table and the generation of that place, so that an id whose
// tensor is gone is recognised and never means another one. Numbers are cheap to make; a weak reference for each tensor
// would cost more than a small operator. Who frees a tensor:
//   1. dispose(), at once;
//   2. the scope that it was made in, when that ends;
//   3. outside every scope the garbage collector, through a guard: an object that the JavaScript tensor refers to.
//      Large tensors have a guard each, small ones share one. JavaScript notes who shares a guard, and hands the list over
//      when it opens the next: only there it is known which object a tensor refers to.
#pragma once

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <node_api.h>

#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "autocast.h"

namespace fovea {

// An id as JavaScript sees it, always positive.
using Id = int64_t;

class Environment {
 public:
  explicit Environment(napi_env env) : env_(env) {}
  static Environment& of(napi_env env);
  // The environment ends; its last guard takes it along.
  void close();

  // Enters the tensor into the table. The result is its id; negative where JavaScript must ask for a guard of its own.
  Id add(at::Tensor tensor);
  // The same, as a JavaScript number; null for an undefined tensor.
  napi_value wrap(at::Tensor tensor);
  // The tensor of the id, or nullptr when it is gone or never was.
  const at::Tensor* find(Id id) const;
  // Frees the tensor now. Does nothing the second time.
  void dispose(Id id);

  // An object whose collection frees the tensor.
  napi_value guard(Id id);
  // An object whose collection frees the tensors that the next call names. Those given belong to the one before.
  napi_value openSharedGuard(std::vector<Id> ofTheLast);

  void enterScope() { scopes_.push_back(kNone); }
  // Ends the innermost scope. The kept tensors that were made in it move to the scope around it; their number.
  int64_t exitScope(const std::vector<Id>& kept);
  // Frees the tensor now if it belongs to the innermost scope.
  void disposeInScope(Id id);
  // Takes the tensor out of every scope.
  void keep(Id id);
  size_t scopeDepth() const { return scopes_.size(); }

  int64_t liveTensors() const { return liveTensors_; }
  int64_t liveBytes() const { return liveBytes_; }

  // A reference to a JavaScript value that native memory aliases. It may be let go of on any thread.
  std::shared_ptr<void> pin(napi_value value);

  std::vector<std::unique_ptr<c10::InferenceMode>> inferenceModes;
  std::vector<std::unique_ptr<Autocast>> autocasts;
  napi_ref errorFactory = nullptr;
  napi_ref warningSink = nullptr;

 private:
  using Place = uint32_t;
  static constexpr Place kNone = UINT32_MAX;

  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    // The neighbours in the list of the scope that the tensor was made in.
    Place previous = kNone;
    Place next = kNone;
    uint32_t scope = 0;  // its depth; 0 for none
    bool reported = false;
    // The entry in the table of storages; none for a small tensor. Kept, because a tensor can be given another storage.
    const void* storage = nullptr;
  };
  // Views share their storage, which counts once however many tensors look at it.
  struct Storage {
    int64_t bytes = 0;
    int64_t tensors = 0;
    int64_t reported = 0;
  };
  struct Guard {
    Environment* environment;
    std::vector<Id> ids;
  };
  struct Pins {
    std::mutex mutex;
    std::vector<napi_ref> released;
  };

  static void finalize(node_api_basic_env env, void* data, void* hint);
  napi_value toJavaScript(std::unique_ptr<Guard> guard);
  // Frees a tensor whose guard was collected.
  void collect(Id id);
  Place placeOf(Id id) const;
  Id idOf(Place place) const;
  // Empties the place; the tensor that was there.
  at::Tensor free(Place place);
  void link(Place place, uint32_t depth);
  void unlink(Place place);
  void account(Slot& slot);
  void discount(Slot& slot);
  void report(Slot& slot);
  void tellCollector();
  void dropPins();

  napi_env env_;
  std::vector<Slot> slots_;
  std::vector<Place> vacant_;
  std::vector<Place> scopes_;  // the first tensor of each open scope, the innermost last
  std::unordered_map<const void*, Storage> storages_;
  Guard* shared_ = nullptr;
  int64_t guards_ = 0;
  std::shared_ptr<Pins> pins_ = std::make_shared<Pins>();
  int64_t liveTensors_ = 0;
  int64_t liveBytes_ = 0;
  int64_t unreported_ = 0;
  bool closed_ = false;
  // Small tensors that a collection freed, each destroyed when a new one is made. A collection frees thousands at once,
  // and malloc hands the memory of a block just freed out again much faster than one of thousands.
  std::vector<at::Tensor> collected_;
};

}  // namespace fovea
