// SPDX-License-Identifier: Apache-2.0
// Calendar arithmetic and ISO texts for dates, times and timestamps in the storage of data/types.h. Pure functions.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace sluice {

constexpr int64_t kMicrosPerSecond = 1000000;
constexpr int64_t kMicrosPerDay = 86400 * kMicrosPerSecond;

enum class TimeUnit : uint8_t {
  kMicrosecond,
  kMillisecond,
  kSecond,
  kMinute,
  kHour,
  kDay,
  kWeek,
  kMonth,
  kQuarter,
  kYear,
  kDayOfWeek,
  kDayOfYear,
};
// "SECOND", "SECONDS", "SQL_TSI_SECOND", "DOY", ..., without regard to case.
std::optional<TimeUnit> time_unit(std::string_view name);

// The infinity or -infinity of dates and timestamps (data/types.h), which are beyond every calendar and clock.
constexpr bool is_infinite(int64_t time) {
  return time == std::numeric_limits<int64_t>::max() || time == std::numeric_limits<int64_t>::min();
}

constexpr int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }
constexpr int64_t floor_mod(int64_t a, int64_t b) { return a - floor_div(a, b) * b; }

// "2024-02-29", also with one-digit months and days; other text behind a blank or 'T' is ignored only by
// parse_timestamp's caller. Nothing if it is not a date.
std::optional<int64_t> parse_iso_date(std::string_view text);
// "[-]hh:mm[:ss[.ffffff]]" up to 838 hours.
std::optional<int64_t> parse_iso_time(std::string_view text);
struct ParsedTimestamp {
  int64_t micros;
  std::optional<int64_t> offset;  // microseconds east of Greenwich, if the text ends in Z or +hh:mm
};
// A date, then optionally a blank or 'T' and a time of day, then optionally a zone offset.
std::optional<ParsedTimestamp> parse_iso_timestamp(std::string_view text);

// The timestamp of a day's first moment, nothing if it is out of range; and the day of a timestamp. Infinities stay.
std::optional<int64_t> midnight(int64_t days);
int64_t day_of(int64_t micros);

int64_t add_months(int64_t days, int64_t months);  // the day is cut to the month's length
int64_t extract_from_timestamp(TimeUnit unit, int64_t micros);
int64_t extract_from_date(TimeUnit unit, int64_t days);
// Whole units from `from` to `to`, cut towards zero.
int64_t count_units(TimeUnit unit, int64_t from, int64_t to);
int64_t iso_week(int64_t days);

// A literal INTERVAL: months or microseconds, never both.
struct IntervalValue {
  bool in_months = false;
  int64_t amount = 0;
};
// `unit` as the parser gives it: "DAY" or "DAY TO SECOND".
std::optional<IntervalValue> parse_interval(std::string_view text, std::string_view unit);
// How many months, or microseconds, one unit is; nothing for units that are no duration.
std::optional<IntervalValue> unit_length(TimeUnit unit);

// Cuts microseconds to so many fractional digits, towards the past. Infinities stay.
int64_t cut_fraction(int64_t micros, int digits);

}  // namespace sluice
