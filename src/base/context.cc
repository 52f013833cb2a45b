// SPDX-License-Identifier: Apache-2.0
#include "base/context.h"

namespace sluice {

void Context::request_stop() {
  {
    std::lock_guard lock(mutex_);
    stop_.store(true, std::memory_order_relaxed);
  }
  stopped_.notify_all();
}

bool Context::wait_for(std::chrono::milliseconds duration) {
  std::unique_lock lock(mutex_);
  return !stopped_.wait_for(lock, duration, [this] { return stop_requested(); });
}

}  // namespace sluice
