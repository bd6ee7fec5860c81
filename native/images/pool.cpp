#include "pool.h"

#include <algorithm>
#include <utility>

#include "javascript.h"

namespace fovea::images {

Pool::Pool(napi_env env, size_t workers) : env_(env) {
  napi_value name = fromString(env, "fovea images");
  check(env, napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, onDone, &done_));
  try {
    // Idle, it does not keep the process alive.
    check(env, napi_unref_threadsafe_function(env, done_));
    for (size_t i = 0; i < workers; i++) threads_.emplace_back([this] { serve(); });
    // Registered after the function, it runs before the function is gone.
    check(env, napi_add_env_cleanup_hook(env, onEnvironmentEnd, this));
  } catch (...) {
    join();
    napi_release_threadsafe_function(done_, napi_tsfn_release);
    throw;
  }
}

Pool::~Pool() {
  // An environment that ends leaves nothing to let go of.
  if (!settled_) join();
}

napi_value Pool::run(std::unique_ptr<Work> work, Conclude conclude, napi_value kept) {
  auto job = std::make_unique<Job>();
  job->conclude = conclude;
  job->unfinished = work->count();
  job->work = std::move(work);
  napi_value promise = nullptr;
  check(env_, napi_create_promise(env_, &job->promise, &promise));
  if (job->unfinished == 0) {
    check(env_, napi_resolve_deferred(env_, job->promise, conclude(env_, *job->work)));
    return promise;
  }
  check(env_, napi_create_reference(env_, kept, 1, &job->kept));
  if (pending_.empty()) check(env_, napi_ref_threadsafe_function(env_, done_));
  Job* raw = job.get();
  pending_.push_back(std::move(job));
  {
    std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(raw);
  }
  changed_.notify_all();
  return promise;
}

void Pool::serve() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    Job* job = waiting_.front();
    size_t piece = job->begun++;
    if (job->begun == job->work->count()) waiting_.pop_front();
    lock.unlock();
    job->work->perform(piece);
    lock.lock();
    // After this call the job may be gone.
    if (--job->unfinished == 0) napi_call_threadsafe_function(done_, job, napi_tsfn_nonblocking);
  }
}

void Pool::onDone(napi_env env, napi_value, void* context, void* data) {
  // Without an environment the pool may be gone too.
  if (env) static_cast<Pool*>(context)->finish(static_cast<Job*>(data));
}

void Pool::finish(Job* job) {
  try {
    check(env_, napi_resolve_deferred(env_, job->promise, job->conclude(env_, *job->work)));
  } catch (const PendingException&) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env_, &error) == napi_ok) napi_reject_deferred(env_, job->promise, error);
  } catch (const std::exception& error) {
    reject(job, error.what());
  }
  forget(job);
  if (!pending_.empty()) return;
  napi_unref_threadsafe_function(env_, done_);
  if (closed_) settle();
}

void Pool::reject(Job* job, const char* reason) {
  napi_value message = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env_, reason, NAPI_AUTO_LENGTH, &message);
  if (napi_create_error(env_, nullptr, message, &error) == napi_ok) napi_reject_deferred(env_, job->promise, error);
}

void Pool::forget(Job* job) {
  napi_delete_reference(env_, job->kept);
  pending_.remove_if([job](const auto& one) { return one.get() == job; });
}

void Pool::close() {
  if (closed_) return;
  closed_ = true;
  std::vector<Job*> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    auto begun = std::partition(waiting_.begin(), waiting_.end(), [](const Job* job) { return job->begun > 0; });
    dropped.assign(begun, waiting_.end());
    waiting_.erase(begun, waiting_.end());
  }
  changed_.notify_all();
  if (pending_.empty()) return settle();
  for (Job* job : dropped) {
    reject(job, "the pool was closed before this began");
    forget(job);
  }
  if (!pending_.empty()) return;
  napi_unref_threadsafe_function(env_, done_);
  settle();
}

void Pool::settle() {
  if (settled_) return;
  settled_ = true;
  join();
  napi_remove_env_cleanup_hook(env_, onEnvironmentEnd, this);
  napi_release_threadsafe_function(done_, napi_tsfn_release);
}

// A worker is in the middle of one piece at most when nothing waits.
void Pool::join() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Pool::onEnvironmentEnd(void* data) {
  auto* pool = static_cast<Pool*>(data);
  pool->closed_ = true;
  pool->settled_ = true;
  pool->join();
  for (const auto& job : pool->pending_) napi_delete_reference(pool->env_, job->kept);
  pool->pending_.clear();
}

}  // namespace fovea::images
