// SPDX-License-Identifier: Apache-2.0
// The only place that reads clocks; the tidy test forbids std::chrono::*_clock::now elsewhere.
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using MonotonicTime = std::chrono::steady_clock::time_point;
MonotonicTime monotonic_now();
// Milliseconds since 1970-01-01 UTC.
int64_t wall_clock_ms();

}  // namespace sluice
