#include "environment.h"

#include "javascript.h"

namespace fovea {

namespace {
constexpr int kPlaceBits = 24;
constexpr Id kPlaceMask = (Id{1} << kPlaceBits) - 1;
// Ids stay below 2⁵³, where JavaScript's numbers are exact; a place that has used up its generations is given up.
constexpr uint32_t kLastGeneration = (1u << 29) - 1;
// Tensors from this size on have a guard and an entry in the table of storages of their own.
constexpr int64_t kLarge = 4096;
// What one tensor costs beside its storage: TensorImpl, StorageImpl, allocator, slot and JavaScript object.
constexpr int64_t kOverhead = 512;
// The garbage collector is told in steps: each call into V8 may start a collection.
constexpr int64_t kReportStep = 1 << 20;
// At a kilobyte or so each.
constexpr size_t kMostCollected = 1 << 15;
}  // namespace

Environment& Environment::of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

Environment::Place Environment::placeOf(Id id) const {
  if (id <= 0) return kNone;
  Place place = static_cast<Place>(id & kPlaceMask);
  if (place >= slots_.size()) return kNone;
  const Slot& slot = slots_[place];
  return slot.tensor.defined() && slot.generation == static_cast<uint32_t>(id >> kPlaceBits) ? place : kNone;
}

Id Environment::idOf(Place place) const { return (static_cast<Id>(slots_[place].generation) << kPlaceBits) | place; }

Id Environment::add(at::Tensor tensor) {
  Place place;
  if (!vacant_.empty()) {
    place = vacant_.back();
    vacant_.pop_back();
  } else {
    TORCH_CHECK(slots_.size() < static_cast<size_t>(kPlaceMask), "more than ", kPlaceMask, " tensors are alive");
    place = static_cast<Place>(slots_.size());
    slots_.emplace_back();
  }
  if (!collected_.empty()) collected_.pop_back();
  Slot& slot = slots_[place];
  slot.tensor = std::move(tensor);
  account(slot);
  Id id = idOf(place);
  // A scope frees its tensors itself, so only what lives outside every scope is the collector's business.
  if (!scopes_.empty()) {
    link(place, static_cast<uint32_t>(scopes_.size()));
    return id;
  }
  report(slot);
  tellCollector();
  return slot.storage ? -id : id;
}

napi_value Environment::wrap(at::Tensor tensor) {
  if (!tensor.defined()) return null(env_);
  napi_value value = nullptr;
  check(env_, napi_create_double(env_, static_cast<double>(add(std::move(tensor))), &value));
  return value;
}

const at::Tensor* Environment::find(Id id) const {
  Place place = placeOf(id);
  return place == kNone ? nullptr : &slots_[place].tensor;
}

void Environment::dispose(Id id) {
  Place place = placeOf(id);
  if (place != kNone) free(place);
}

at::Tensor Environment::free(Place place) {
  Slot& slot = slots_[place];
  unlink(place);
  discount(slot);
  // The last owner's destructor may free a whole graph; the slot is consistent before that runs.
  at::Tensor last = std::move(slot.tensor);
  slot.tensor.reset();
  slot.reported = false;
  if (slot.generation < kLastGeneration) {
    slot.generation++;
    vacant_.push_back(place);
  }
  return last;
}

napi_value Environment::toJavaScript(std::unique_ptr<Guard> guard) {
  napi_value value = nullptr;
  check(env_, napi_create_external(env_, guard.get(), finalize, nullptr, &value));
  guards_++;
  guard.release();
  return value;
}

napi_value Environment::guard(Id id) {
  return toJavaScript(std::unique_ptr<Guard>(new Guard{this, {id}}));
}

napi_value Environment::openSharedGuard(std::vector<Id> ofTheLast) {
  auto guard = std::make_unique<Guard>(Guard{this, {}});
  Guard* opened = guard.get();
  napi_value value = toJavaScript(std::move(guard));
  if (shared_) shared_->ids = std::move(ofTheLast);
  shared_ = opened;
  return value;
}

void Environment::collect(Id id) {
  Place place = placeOf(id);
  if (place == kNone) return;
  // A large one, or one that may hold a graph, goes at once.
  bool small = !slots_[place].storage && !slots_[place].tensor.unsafeGetTensorImpl()->autograd_meta();
  at::Tensor last = free(place);
  if (small && collected_.size() < kMostCollected) collected_.push_back(std::move(last));
}

// Runs inside a garbage collection: it may not call into JavaScript, and does not.
void Environment::finalize(node_api_basic_env, void* data, void*) {
  std::unique_ptr<Guard> guard(static_cast<Guard*>(data));
  Environment* self = guard->environment;
  if (self->shared_ == guard.get()) self->shared_ = nullptr;
  for (Id id : guard->ids) self->collect(id);
  self->guards_--;
  if (self->closed_ && self->guards_ == 0) delete self;
}

void Environment::close() {
  closed_ = true;
  if (guards_ == 0) delete this;
}

int64_t Environment::exitScope(const std::vector<Id>& kept) {
  if (scopes_.empty()) throw ArgumentError("no scope is open");
  auto depth = static_cast<uint32_t>(scopes_.size());
  int64_t left = 0;
  for (Id id : kept) {
    Place place = placeOf(id);
    // A tensor of an outer scope that the inner one returns stays where it was.
    if (place == kNone || slots_[place].scope != depth) continue;
    unlink(place);
    left++;
    if (depth > 1) {
      link(place, depth - 1);
    } else {
      report(slots_[place]);
    }
  }
  while (scopes_.back() != kNone) free(scopes_.back());
  scopes_.pop_back();
  tellCollector();
  dropPins();
  return left;
}

void Environment::disposeInScope(Id id) {
  Place place = placeOf(id);
  if (place != kNone && !scopes_.empty() && slots_[place].scope == scopes_.size()) free(place);
}

void Environment::keep(Id id) {
  Place place = placeOf(id);
  if (place == kNone) throw ArgumentError("the tensor was disposed, or its scope has ended");
  unlink(place);
  report(slots_[place]);
  tellCollector();
}

void Environment::link(Place place, uint32_t depth) {
  Slot& slot = slots_[place];
  Place& first = scopes_[depth - 1];
  slot.scope = depth;
  slot.previous = kNone;
  slot.next = first;
  if (first != kNone) slots_[first].previous = place;
  first = place;
}

void Environment::unlink(Place place) {
  Slot& slot = slots_[place];
  if (slot.scope == 0) return;
  if (slot.previous != kNone) {
    slots_[slot.previous].next = slot.next;
  } else {
    scopes_[slot.scope - 1] = slot.next;
  }
  if (slot.next != kNone) slots_[slot.next].previous = slot.previous;
  slot.previous = slot.next = kNone;
  slot.scope = 0;
}

void Environment::account(Slot& slot) {
  liveTensors_++;
  if (!slot.tensor.has_storage()) return;
  auto bytes = static_cast<int64_t>(slot.tensor.storage().nbytes());
  if (bytes < kLarge) return;
  slot.storage = slot.tensor.storage().unsafeGetStorageImpl();
  Storage& storage = storages_[slot.storage];
  if (storage.tensors++ == 0) {
    storage.bytes = bytes;
    liveBytes_ += bytes;
  }
}

void Environment::discount(Slot& slot) {
  liveTensors_--;
  if (slot.reported) unreported_ -= kOverhead;
  if (!slot.storage) return;
  auto entry = storages_.find(slot.storage);
  slot.storage = nullptr;
  Storage& storage = entry->second;
  if (slot.reported && --storage.reported == 0) unreported_ -= storage.bytes;
  if (--storage.tensors == 0) {
    liveBytes_ -= storage.bytes;
    storages_.erase(entry);
  }
}

void Environment::report(Slot& slot) {
  if (slot.reported) return;
  slot.reported = true;
  unreported_ += kOverhead;
  if (!slot.storage) return;
  Storage& storage = storages_[slot.storage];
  if (storage.reported++ == 0) unreported_ += storage.bytes;
}

void Environment::tellCollector() {
  if (unreported_ < kReportStep && unreported_ > -kReportStep) return;
  int64_t change = unreported_;
  unreported_ = 0;
  int64_t total = 0;
  napi_adjust_external_memory(env_, change, &total);
}

std::shared_ptr<void> Environment::pin(napi_value value) {
  dropPins();
  napi_ref reference = nullptr;
  check(env_, napi_create_reference(env_, value, 1, &reference));
  return std::shared_ptr<void>(reference, [pins = pins_](void* released) {
    std::lock_guard<std::mutex> lock(pins->mutex);
    pins->released.push_back(static_cast<napi_ref>(released));
  });
}

void Environment::dropPins() {
  std::vector<napi_ref> released;
  {
    std::lock_guard<std::mutex> lock(pins_->mutex);
    if (pins_->released.empty()) return;
    released.swap(pins_->released);
  }
  for (napi_ref reference : released) napi_delete_reference(env_, reference);
}

}  // namespace fovea
