// SPDX-License-Identifier: Apache-2.0
// What a blocking call needs to know about the world around it: whether it was asked to stop, and how to wait
// so that a stop wakes it. Shared by all threads of a job; every member may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace sluice {

class Context {
 public:
  // Asks every thread of the job to return soon. Idempotent.
  void request_stop();
  bool stop_requested() const { return stop_.load(std::memory_order_relaxed); }
  // Waits, at most this long; returns false when a stop was requested meanwhile.
  bool wait_for(std::chrono::milliseconds duration);

 private:
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable stopped_;
};

}  // namespace sluice
