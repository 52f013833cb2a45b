// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

namespace sluice {

MonotonicTime monotonic_now() { return std::chrono::steady_clock::now(); }

int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace sluice
