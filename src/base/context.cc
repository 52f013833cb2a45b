// SPDX-License-Identifier: Apache-2.0
#include "base/context.h"

#include "base/clock.h"

namespace sluice {

void Context::request_stop() {
  {
    std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_relaxed);
  }
  stopped_.notify_all();
}

bool Context::wait_for(std::chrono::milliseconds duration) {
  using std::chrono::milliseconds;
  const MonotonicTime deadline = monotonic_now() + duration;
  std::unique_lock lock(mutex_);
  while (!stop_requested()) {
    const MonotonicTime now = monotonic_now();
    if (now >= deadline) return true;
    const auto slice = parent_ != nullptr ? std::min(deadline, now + milliseconds(50)) : deadline;
    stopped_.wait_until(lock, slice);
  }
  return false;
}

}  // namespace sluice
