// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_lane.h"

#include <utility>

namespace sluice {

StreamLane::StreamLane(JobParts& parts, Context& context, Position start, size_t channel_bytes)
    : parts_(parts), context_(context), channel_(channel_bytes), durable_(std::move(start)) {}

void StreamLane::leave() {
  channel_.close();
  wake();
  join();
}

bool StreamLane::send(LaneElement element, size_t bytes) {
  const bool sent = channel_.push(std::move(element), bytes);
  wake();
  return sent;
}

bool StreamLane::flush() {
  {
    std::lock_guard lock(mutex_);
    ++flushes_asked_;
  }
  if (!send(Flush{}, 0)) return false;
  std::unique_lock lock(mutex_);
  flushed_.wait(lock, [this] { return flushes_done_ == flushes_asked_ || error_; });
  return !error_;
}

void StreamLane::set_position(const Position& position) {
  reach(position);
  wake();
}

Position StreamLane::durable() const {
  std::lock_guard lock(mutex_);
  return durable_;
}

std::optional<Error> StreamLane::error() const {
  std::lock_guard lock(mutex_);
  return error_;
}

void StreamLane::reach(const Position& position) {
  std::lock_guard lock(mutex_);
  durable_ = position;
  stands_still_ = false;
}

void StreamLane::tell_flushed() {
  std::lock_guard lock(mutex_);
  stands_still_ = true;
  ++flushes_done_;
  flushed_.notify_all();
}

bool StreamLane::stands_still() const {
  std::lock_guard lock(mutex_);
  return stands_still_;
}

NextStep StreamLane::end(Error error) {
  {
    std::lock_guard lock(mutex_);
    if (!error_) error_ = std::move(error);
    flushed_.notify_all();
  }
  // After the error: whom this wakes asks for it.
  channel_.close();
  parts_.coordinator.wake();
  return NextStep::never();
}

}  // namespace sluice
