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
  Context() = default;
  // A part of a larger task: stops with its parent (which must outlive it), or alone.
  explicit Context(const Context* parent) : parent_(parent) {}

  // Asks every thread of the task to return soon. Idempotent.
  void request_stop();
  bool stop_requested() const {
    return stop_.load(std::memory_order_relaxed) || (parent_ != nullptr && parent_->stop_requested());
  }
  // Waits, at most this long; returns false when a stop was requested meanwhile (seen within 50 ms if it was the
  // parent's).
  bool wait_for(std::chrono::milliseconds duration);

 private:
  const Context* parent_ = nullptr;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable stopped_;
};

}  // namespace sluice
