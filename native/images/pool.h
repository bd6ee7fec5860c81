// Threads that work for one JavaScript environment.
#pragma once

#include <node_api.h>

#include <condition_variable>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "batch.h"

namespace fovea::images {

class Pool {
 public:
  // Turns work that is done into what its promise resolves to.
  using Conclude = napi_value (*)(napi_env env, Work& work);

  // Throws std::system_error when the system grants no more threads.
  Pool(napi_env env, size_t workers);
  // Not before `close`, and everything that it waits for.
  ~Pool();

  // A promise for the work. `kept` are the JavaScript values whose memory it uses, and the pool's own object.
  napi_value run(std::unique_ptr<Work> work, Conclude conclude, napi_value kept);
  // Work that has begun is finished, the rest dropped and its promises rejected. Does nothing the second time.
  void close();
  bool isClosed() const { return closed_; }

 private:
  struct Job {
    std::unique_ptr<Work> work;
    Conclude conclude;
    napi_deferred promise;
    napi_ref kept;
    size_t begun = 0;
    size_t unfinished;
  };

  void serve();
  void finish(Job* job);
  void reject(Job* job, const char* reason);
  void forget(Job* job);
  void join();
  // When closed and nothing is pending: ends the threads and lets go of JavaScript.
  void settle();
  static void onDone(napi_env env, napi_value, void* context, void* data);
  static void onEnvironmentEnd(void* data);

  napi_env env_;
  napi_threadsafe_function done_ = nullptr;
  // Of JavaScript's thread only.
  std::list<std::unique_ptr<Job>> pending_;
  bool closed_ = false;
  bool settled_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  // The jobs that have pieces nobody has begun, in order. These and what they count, under the mutex.
  std::deque<Job*> waiting_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fovea::images
