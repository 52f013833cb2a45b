// SPDX-License-Identifier: Apache-2.0
#include "engine/rate_limiter.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(RateLimiterTest, without_limits_nothing_waits) {
  RateLimiter limiter(0, 0);
  Context context;
  const MonotonicTime start = monotonic_now();
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limiter.acquire(context, 1'000'000, 1'000'000'000));
  EXPECT_LT(monotonic_now() - start, milliseconds(10000));
}

TEST(RateLimiterTest, rows_are_paid_for_with_time) {
  RateLimiter limiter(1000, 0);
  Context context;
  const MonotonicTime start = monotonic_now();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(limiter.acquire(context, 20, 1));
  EXPECT_GE(monotonic_now() - start, milliseconds(59));
}

TEST(RateLimiterTest, the_stricter_limit_decides) {
  RateLimiter limiter(1'000'000, 1000);
  Context context;
  const MonotonicTime start = monotonic_now();
  ASSERT_TRUE(limiter.acquire(context, 1, 50));
  EXPECT_GE(monotonic_now() - start, milliseconds(49));
}

TEST(RateLimiterTest, a_stop_ends_the_waiting) {
  RateLimiter limiter(1, 0);
  Context context;
  context.request_stop();
  EXPECT_FALSE(limiter.acquire(context, 1'000'000, 1));
}

}  // namespace
}  // namespace sluice
