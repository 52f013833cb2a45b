// SPDX-License-Identifier: Apache-2.0
#include "support/wait.h"

#include <poll.h>

#include <algorithm>

#include "base/clock.h"

namespace sluice::support {

bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds timeout) {
  const MonotonicTime deadline = monotonic_now() + timeout;
  int pause_ms = 1;
  while (!condition()) {
    if (monotonic_now() >= deadline) return false;
    poll(nullptr, 0, pause_ms);
    pause_ms = std::min(20, pause_ms * 2);
  }
  return true;
}

}  // namespace sluice::support
