// SPDX-License-Identifier: Apache-2.0
// Lengths of time as users write them: "30s", "500 ms", "2 min", "1h", "1 d", with Flink's words ("30 seconds"), or ISO
// 8601
// ("PT30S", "PT1H30M", "P1DT0.5S"); a bare number is milliseconds. Never negative, never finer than a millisecond.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

struct DurationText {
  std::optional<std::chrono::milliseconds> value;  // null: `why` and `suggestion` say what is wrong
  std::string_view why;                            // "is not a duration"
  std::string_view suggestion;
};
DurationText parse_duration(std::string_view text);

// The shortest form that parses back: "30s", "5ms", "2min".
std::string duration_text(std::chrono::milliseconds duration);

}  // namespace sluice
