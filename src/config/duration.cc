// SPDX-License-Identifier: Apache-2.0
#include "config/duration.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <limits>

namespace sluice {
namespace {

constexpr int64_t kNanosPerMilli = 1000000;

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
constexpr int64_t kSecond = 1000 * kNanosPerMilli;
constexpr std::array kUnits = {
    Unit{"", kNanosPerMilli},
    Unit{"ms", kNanosPerMilli},
    Unit{"milli", kNanosPerMilli},
    Unit{"millisecond", kNanosPerMilli},
    Unit{"s", kSecond},
    Unit{"sec", kSecond},
    Unit{"second", kSecond},
    Unit{"m", 60 * kSecond},
    Unit{"min", 60 * kSecond},
    Unit{"minute", 60 * kSecond},
    Unit{"h", 3600 * kSecond},
    Unit{"hour", 3600 * kSecond},
    Unit{"d", 86400 * kSecond},
    Unit{"day", 86400 * kSecond},
    Unit{"us", 1000},
    Unit{"\xC2\xB5s", 1000},
    Unit{"micro", 1000},
    Unit{"microsecond", 1000},
    Unit{"ns", 1},
    Unit{"nano", 1},
    Unit{"nanosecond", 1},
};

constexpr DurationText kNotADuration = {
    std::nullopt, "is not a duration",
    "Write a number and a unit, such as 500ms, 30s, 2min, 1h or 1d; ISO 8601 such as PT30S works too."};
constexpr DurationText kTooLong = {std::nullopt, "is too long a duration", "Use at most 100000 days."};
constexpr DurationText kTooFine = {std::nullopt, "is finer than a millisecond", "Use whole milliseconds."};
constexpr int64_t kMostMillis = int64_t{100000} * 86400 * 1000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Reads digits; returns -1 if there are none, and kMostMillis + 1 at most.
int64_t take_number(std::string_view& text) {
  if (text.empty() || !is_digit(text.front())) return -1;
  int64_t value = 0;
  while (!text.empty() && is_digit(text.front())) {
    value = std::min(value * 10 + (text.front() - '0'), kMostMillis + 1);
    text.remove_prefix(1);
  }
  return value;
}

DurationText from_nanoseconds(__int128 nanoseconds) {
  if (nanoseconds > static_cast<__int128>(kMostMillis) * kNanosPerMilli) return kTooLong;
  if (nanoseconds % kNanosPerMilli != 0) return kTooFine;
  return {std::chrono::milliseconds(static_cast<int64_t>(nanoseconds / kNanosPerMilli)), {}, {}};
}

// PnDTnHnMn.nS without case: designators at most once and in this order, at least one, a fraction only of seconds.
DurationText parse_iso(std::string_view text) {
  text.remove_prefix(1);
  __int128 total = 0;
  bool in_time = false;
  bool any = false;
  std::string_view remaining = "dhms";
  while (!text.empty()) {
    if (lower(text.front()) == 't' && !in_time) {
      in_time = true;
      text.remove_prefix(1);
      if (text.empty()) return kNotADuration;
      continue;
    }
    const int64_t number = take_number(text);
    if (number < 0 || text.empty()) return kNotADuration;
    int64_t fraction = 0;
    bool has_fraction = false;
    if (text.front() == '.' || text.front() == ',') {
      has_fraction = true;
      text.remove_prefix(1);
      int64_t weight = kSecond / 10;
      if (text.empty() || !is_digit(text.front())) return kNotADuration;
      for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), weight /= 10) {
        fraction += (text.front() - '0') * weight;
      }
      if (text.empty()) return kNotADuration;
    }
    const char designator = lower(text.front());
    text.remove_prefix(1);
    const size_t place = remaining.find(designator);
    if (place == std::string_view::npos || (designator == 'd') == in_time || (has_fraction && designator != 's')) {
      return kNotADuration;
    }
    remaining.remove_prefix(place + 1);
    const int64_t unit = designator == 'd' ? 86400 : designator == 'h' ? 3600 : designator == 'm' ? 60 : 1;
    total += static_cast<__int128>(number) * unit * kSecond + fraction;
    any = true;
  }
  return any ? from_nanoseconds(total) : kNotADuration;
}

}  // namespace

DurationText parse_duration(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && lower(text.front()) == 'p') return parse_iso(text);
  const int64_t number = take_number(text);
  if (number < 0) return kNotADuration;
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::string unit;
  for (const char c : text) unit += lower(c);
  for (const Unit& known : kUnits) {
    const bool plural = known.name.size() > 2 && unit.size() == known.name.size() + 1 && unit.back() == 's' &&
                        std::string_view(unit).starts_with(known.name);
    if (unit == known.name || plural) return from_nanoseconds(static_cast<__int128>(number) * known.nanoseconds);
  }
  return kNotADuration;
}

std::string duration_text(std::chrono::milliseconds duration) {
  const int64_t count = duration.count();
  if (count != 0 && count % 86400000 == 0) return fmt::format("{}d", count / 86400000);
  if (count != 0 && count % 3600000 == 0) return fmt::format("{}h", count / 3600000);
  if (count != 0 && count % 60000 == 0) return fmt::format("{}min", count / 60000);
  if (count != 0 && count % 1000 == 0) return fmt::format("{}s", count / 1000);
  return fmt::format("{}ms", count);
}

}  // namespace sluice
