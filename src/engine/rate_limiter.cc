// SPDX-License-Identifier: Apache-2.0
#include "engine/rate_limiter.h"

#include <algorithm>

namespace sluice {

RateLimiter::RateLimiter(int64_t rows_per_second, int64_t bytes_per_second)
    : rows_per_second_(rows_per_second), bytes_per_second_(bytes_per_second), free_at_(monotonic_now()) {}

void RateLimiter::set_limits(int64_t rows_per_second, int64_t bytes_per_second) {
  std::lock_guard lock(mutex_);
  rows_per_second_ = rows_per_second;
  bytes_per_second_ = bytes_per_second;
}

bool RateLimiter::acquire(Context& context, uint64_t rows, uint64_t bytes) {
  std::chrono::nanoseconds wait{0};
  {
    std::lock_guard lock(mutex_);
    double seconds = 0;
    if (rows_per_second_ > 0) seconds = static_cast<double>(rows) / static_cast<double>(rows_per_second_);
    if (bytes_per_second_ > 0) {
      seconds = std::max(seconds, static_cast<double>(bytes) / static_cast<double>(bytes_per_second_));
    }
    if (seconds == 0) return true;
    // A pause earns no credit: what was not used is gone, so the limit also holds over short times.
    const MonotonicTime now = monotonic_now();
    free_at_ = std::max(free_at_, now) +
               std::chrono::duration_cast<MonotonicTime::duration>(std::chrono::duration<double>(seconds));
    wait = free_at_ - now;
  }
  return context.wait_for(std::chrono::duration_cast<std::chrono::milliseconds>(wait));
}

}  // namespace sluice
