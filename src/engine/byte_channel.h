// SPDX-License-Identifier: Apache-2.0
// A queue between two threads that is bounded in bytes, so that a fast stage waits for a slow one and memory stays
// flat. One element larger than the bound still passes, alone. Any number of threads on either side.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace sluice {

template <typename T>
class ByteChannel {
 public:
  explicit ByteChannel(size_t max_bytes) : max_bytes_(max_bytes) {}

  // Waits for room; false if the channel was closed.
  bool push(T element, size_t bytes) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return room_for(bytes); });
    if (closed_) return false;
    bytes_ += bytes;
    queue_.emplace_back(std::move(element), bytes);
    lock.unlock();
    has_element_.notify_one();
    return true;
  }

  // Waits at most this long; nothing if the time has passed, or the channel is closed and drained.
  std::optional<T> pop(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    has_element_.wait_for(lock, timeout, [&] { return closed_ || !queue_.empty(); });
    if (queue_.empty()) return std::nullopt;
    auto [element, bytes] = std::move(queue_.front());
    queue_.pop_front();
    bytes_ -= bytes;
    lock.unlock();
    has_room_.notify_all();
    return std::move(element);
  }

  // After this push fails and pop drains what is left. Wakes everybody.
  void close() {
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
    }
    has_room_.notify_all();
    has_element_.notify_all();
  }
  // Closed, and nothing is left to pop.
  bool drained() const {
    std::lock_guard lock(mutex_);
    return closed_ && queue_.empty();
  }
  bool closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  size_t bytes() const {
    std::lock_guard lock(mutex_);
    return bytes_;
  }
  // Waits at most this long; true if a push would not wait. What the only pusher finds room for stays so.
  bool wait_for_room(size_t bytes, std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    return has_room_.wait_for(lock, timeout, [&] { return room_for(bytes); });
  }

 private:
  bool room_for(size_t bytes) const { return closed_ || queue_.empty() || bytes_ + bytes <= max_bytes_; }

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable has_room_;
  std::condition_variable has_element_;
  std::deque<std::pair<T, size_t>> queue_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace sluice
