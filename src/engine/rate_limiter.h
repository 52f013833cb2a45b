// SPDX-License-Identifier: Apache-2.0
// Holds a job to so many rows and bytes per second, over all its threads. Any thread; limits may change while it runs.
#pragma once

#include <cstdint>
#include <mutex>

#include "base/clock.h"
#include "base/context.h"

namespace sluice {

class RateLimiter {
 public:
  // 0 = no limit.
  RateLimiter(int64_t rows_per_second, int64_t bytes_per_second);
  void set_limits(int64_t rows_per_second, int64_t bytes_per_second);
  // Waits until this much may pass; false when a stop was requested.
  bool acquire(Context& context, uint64_t rows, uint64_t bytes);

 private:
  std::mutex mutex_;
  int64_t rows_per_second_;
  int64_t bytes_per_second_;
  MonotonicTime free_at_;  // when all that was granted so far has been paid for
};

}  // namespace sluice
