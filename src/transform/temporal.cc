// SPDX-License-Identifier: Apache-2.0
#include "transform/temporal.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "data/value_text.h"

namespace sluice {

namespace {

constexpr int64_t kMaxYear = 9999;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads digits from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return text_.empty(); }
  bool accept(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<int64_t> number(size_t max_digits) {
    int64_t value = 0;
    size_t count = 0;
    for (; count < max_digits && count < text_.size() && is_digit(text_[count]); ++count) {
      value = value * 10 + (text_[count] - '0');
    }
    if (count == 0) return std::nullopt;
    text_.remove_prefix(count);
    return value;
  }
  // The digits behind a point as microseconds; further digits are cut.
  std::optional<int64_t> fraction() {
    int64_t value = 0;
    size_t count = 0;
    for (; count < text_.size() && is_digit(text_[count]); ++count) {
      if (count < 6) value = value * 10 + (text_[count] - '0');
    }
    if (count == 0 || count > 9) return std::nullopt;
    for (size_t i = count; i < 6; ++i) value *= 10;
    text_.remove_prefix(count);
    return value;
  }
  std::string_view rest() const { return text_; }

 private:
  std::string_view text_;
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

unsigned month_length(int64_t year, unsigned month) {
  constexpr std::array<unsigned, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

std::optional<int64_t> scan_date(Scanner& scanner) {
  const auto year = scanner.number(4);
  if (!year || !scanner.accept('-')) return std::nullopt;
  const auto month = scanner.number(2);
  if (!month || !scanner.accept('-')) return std::nullopt;
  const auto day = scanner.number(2);
  if (!day || *year < 1 || *year > kMaxYear || *month < 1 || *month > 12 || *day < 1 ||
      *day > month_length(*year, static_cast<unsigned>(*month))) {
    return std::nullopt;
  }
  return days_from_civil(*year, static_cast<unsigned>(*month), static_cast<unsigned>(*day));
}

std::optional<int64_t> scan_clock(Scanner& scanner, int64_t max_hours) {
  const auto hour = scanner.number(3);
  if (!hour || *hour > max_hours || !scanner.accept(':')) return std::nullopt;
  const auto minute = scanner.number(2);
  if (!minute || *minute > 59) return std::nullopt;
  int64_t micros = (*hour * 60 + *minute) * 60 * kMicrosPerSecond;
  if (!scanner.accept(':')) return micros;
  const auto second = scanner.number(2);
  if (!second || *second > 59) return std::nullopt;
  micros += *second * kMicrosPerSecond;
  if (!scanner.accept('.')) return micros;
  const auto fraction = scanner.fraction();
  if (!fraction) return std::nullopt;
  return micros + *fraction;
}

std::string upper_ascii(std::string_view text) {
  std::string result(text);
  for (auto& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return result;
}

// The parts of a compound interval "a TO b": numbers with the separators that stand between them.
struct Compound {
  std::string_view unit;
  int fields;                     // how many numbers
  std::string_view separators;    // between them
  std::array<int64_t, 4> factor;  // of each number
};
constexpr int64_t kMinute = 60 * kMicrosPerSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr Compound kCompounds[] = {
    {"YEAR TO MONTH", 2, "-", {12, 1, 0, 0}},
    {"DAY TO HOUR", 2, " ", {kMicrosPerDay, kHour, 0, 0}},
    {"DAY TO MINUTE", 3, " :", {kMicrosPerDay, kHour, kMinute, 0}},
    {"DAY TO SECOND", 4, " ::", {kMicrosPerDay, kHour, kMinute, kMicrosPerSecond}},
    {"HOUR TO MINUTE", 2, ":", {kHour, kMinute, 0, 0}},
    {"HOUR TO SECOND", 3, "::", {kHour, kMinute, kMicrosPerSecond, 0}},
    {"MINUTE TO SECOND", 2, ":", {kMinute, kMicrosPerSecond, 0, 0}},
};
constexpr size_t kMaxIntervalDigits = 9;

std::optional<int64_t> scan_compound(Scanner& scanner, const Compound& compound) {
  int64_t amount = 0;
  for (int i = 0; i < compound.fields; ++i) {
    if (i > 0 && !scanner.accept(compound.separators[static_cast<size_t>(i) - 1])) return std::nullopt;
    const auto number = scanner.number(i == 0 ? kMaxIntervalDigits : 2);
    if (!number) return std::nullopt;
    amount += *number * compound.factor[static_cast<size_t>(i)];
  }
  return amount;
}

}  // namespace

std::optional<TimeUnit> time_unit(std::string_view name) {
  std::string unit = upper_ascii(name);
  if (unit.starts_with("SQL_TSI_")) unit.erase(0, 8);
  if (unit.size() > 3 && unit.back() == 'S') unit.pop_back();
  constexpr std::pair<std::string_view, TimeUnit> kUnits[] = {
      {"MICROSECOND", TimeUnit::kMicrosecond},
      {"MILLISECOND", TimeUnit::kMillisecond},
      {"SECOND", TimeUnit::kSecond},
      {"MINUTE", TimeUnit::kMinute},
      {"HOUR", TimeUnit::kHour},
      {"DAY", TimeUnit::kDay},
      {"DAYOFMONTH", TimeUnit::kDay},
      {"WEEK", TimeUnit::kWeek},
      {"MONTH", TimeUnit::kMonth},
      {"QUARTER", TimeUnit::kQuarter},
      {"YEAR", TimeUnit::kYear},
      {"DOW", TimeUnit::kDayOfWeek},
      {"DAYOFWEEK", TimeUnit::kDayOfWeek},
      {"DOY", TimeUnit::kDayOfYear},
      {"DAYOFYEAR", TimeUnit::kDayOfYear},
  };
  for (const auto& [known, value] : kUnits) {
    if (unit == known) return value;
  }
  return std::nullopt;
}

std::optional<int64_t> parse_iso_date(std::string_view text) {
  Scanner scanner(trimmed(text));
  const auto days = scan_date(scanner);
  return scanner.done() ? days : std::nullopt;
}

std::optional<int64_t> parse_iso_time(std::string_view text) {
  Scanner scanner(trimmed(text));
  const bool negative = scanner.accept('-');
  const auto micros = scan_clock(scanner, 838);
  if (!micros || !scanner.done()) return std::nullopt;
  return negative ? -*micros : *micros;
}

std::optional<ParsedTimestamp> parse_iso_timestamp(std::string_view text) {
  Scanner scanner(trimmed(text));
  const auto days = scan_date(scanner);
  if (!days) return std::nullopt;
  ParsedTimestamp result{*days * kMicrosPerDay, std::nullopt};
  if (scanner.done()) return result;
  if (!scanner.accept('T') && !scanner.accept(' ')) return std::nullopt;
  const auto clock = scan_clock(scanner, 23);
  if (!clock) return std::nullopt;
  result.micros += *clock;
  while (scanner.accept(' ')) {
  }
  if (scanner.done()) return result;
  if (scanner.accept('Z')) {
    result.offset = 0;
  } else {
    const bool west = scanner.accept('-');
    if (!west && !scanner.accept('+')) return std::nullopt;
    const auto hours = scanner.number(2);
    if (!hours || *hours > 18) return std::nullopt;
    scanner.accept(':');
    const auto minutes = scanner.done() ? std::optional<int64_t>(0) : scanner.number(2);
    if (!minutes || *minutes > 59) return std::nullopt;
    const int64_t offset = *hours * kHour + *minutes * kMinute;
    result.offset = west ? -offset : offset;
  }
  if (!scanner.done()) return std::nullopt;
  return result;
}

std::optional<int64_t> midnight(int64_t days) {
  if (is_infinite(days)) return days;
  int64_t micros = 0;
  if (__builtin_mul_overflow(days, kMicrosPerDay, &micros)) return std::nullopt;
  return micros;
}

int64_t day_of(int64_t micros) { return is_infinite(micros) ? micros : floor_div(micros, kMicrosPerDay); }

int64_t add_months(int64_t days, int64_t months) {
  const auto date = civil_from_days(days);
  const int64_t total = date.year * 12 + (static_cast<int64_t>(date.month) - 1) + months;
  const int64_t year = floor_div(total, 12);
  const auto month = static_cast<unsigned>(floor_mod(total, 12) + 1);
  return days_from_civil(year, month, std::min(date.day, month_length(year, month)));
}

int64_t iso_week(int64_t days) {
  // The week belongs to the year of its Thursday. Day 0 was a Thursday.
  const int64_t thursday = days - floor_mod(days + 3, 7) + 3;
  const int64_t year = civil_from_days(thursday).year;
  return (thursday - days_from_civil(year, 1, 1)) / 7 + 1;
}

int64_t extract_from_date(TimeUnit unit, int64_t days) {
  const auto date = civil_from_days(days);
  switch (unit) {
    case TimeUnit::kYear: return date.year;
    case TimeUnit::kQuarter: return (date.month - 1) / 3 + 1;
    case TimeUnit::kMonth: return date.month;
    case TimeUnit::kWeek: return iso_week(days);
    case TimeUnit::kDay: return date.day;
    case TimeUnit::kDayOfWeek: return floor_mod(days + 4, 7) + 1;
    case TimeUnit::kDayOfYear: return days - days_from_civil(date.year, 1, 1) + 1;
    case TimeUnit::kHour:
    case TimeUnit::kMinute:
    case TimeUnit::kSecond:
    case TimeUnit::kMillisecond:
    case TimeUnit::kMicrosecond: return 0;
  }
  return 0;
}

int64_t extract_from_timestamp(TimeUnit unit, int64_t micros) {
  const int64_t clock = floor_mod(micros, kMicrosPerDay);
  switch (unit) {
    case TimeUnit::kHour: return clock / kHour;
    case TimeUnit::kMinute: return clock / kMinute % 60;
    case TimeUnit::kSecond: return clock / kMicrosPerSecond % 60;
    case TimeUnit::kMillisecond: return clock / 1000 % 60000;
    case TimeUnit::kMicrosecond: return clock % kMinute;
    case TimeUnit::kDay:
    case TimeUnit::kWeek:
    case TimeUnit::kMonth:
    case TimeUnit::kQuarter:
    case TimeUnit::kYear:
    case TimeUnit::kDayOfWeek:
    case TimeUnit::kDayOfYear: break;
  }
  return extract_from_date(unit, floor_div(micros, kMicrosPerDay));
}

std::optional<IntervalValue> unit_length(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::kMicrosecond: return IntervalValue{false, 1};
    case TimeUnit::kMillisecond: return IntervalValue{false, 1000};
    case TimeUnit::kSecond: return IntervalValue{false, kMicrosPerSecond};
    case TimeUnit::kMinute: return IntervalValue{false, kMinute};
    case TimeUnit::kHour: return IntervalValue{false, kHour};
    case TimeUnit::kDay: return IntervalValue{false, kMicrosPerDay};
    case TimeUnit::kWeek: return IntervalValue{false, 7 * kMicrosPerDay};
    case TimeUnit::kMonth: return IntervalValue{true, 1};
    case TimeUnit::kQuarter: return IntervalValue{true, 3};
    case TimeUnit::kYear: return IntervalValue{true, 12};
    case TimeUnit::kDayOfWeek:
    case TimeUnit::kDayOfYear: break;
  }
  return std::nullopt;
}

int64_t count_units(TimeUnit unit, int64_t from, int64_t to) {
  const auto length = unit_length(unit).value_or(IntervalValue{false, 1});
  if (!length.in_months) return (to - from) / length.amount;
  const auto first = civil_from_days(floor_div(from, kMicrosPerDay));
  const auto last = civil_from_days(floor_div(to, kMicrosPerDay));
  int64_t months = (last.year - first.year) * 12 + static_cast<int64_t>(last.month) - static_cast<int64_t>(first.month);
  // A month is whole only when the day and clock of `from` have been reached.
  const std::pair from_rest(first.day, floor_mod(from, kMicrosPerDay));
  const std::pair to_rest(last.day, floor_mod(to, kMicrosPerDay));
  if (months > 0 && to_rest < from_rest) --months;
  if (months < 0 && to_rest > from_rest) ++months;
  return months / length.amount;
}

std::optional<IntervalValue> parse_interval(std::string_view text, std::string_view unit) {
  text = trimmed(text);
  Scanner scanner(text);
  const bool negative = scanner.accept('-');
  if (!negative) scanner.accept('+');
  IntervalValue value;
  if (const auto simple = time_unit(unit)) {
    const auto length = unit_length(*simple);
    if (!length) return std::nullopt;
    const auto number = scanner.number(kMaxIntervalDigits);
    if (!number) return std::nullopt;
    value = {length->in_months, *number * length->amount};
  } else {
    const Compound* found = nullptr;
    for (const auto& compound : kCompounds) {
      if (compound.unit == unit) found = &compound;
    }
    if (found == nullptr) return std::nullopt;
    const auto amount = scan_compound(scanner, *found);
    if (!amount) return std::nullopt;
    value = {found->unit.starts_with("YEAR"), *amount};
  }
  if (unit.ends_with("SECOND") && scanner.accept('.')) {
    const auto fraction = scanner.fraction();
    if (!fraction) return std::nullopt;
    value.amount += *fraction;
  }
  if (!scanner.done()) return std::nullopt;
  if (negative) value.amount = -value.amount;
  return value;
}

int64_t cut_fraction(int64_t micros, int digits) {
  if (is_infinite(micros)) return micros;
  int64_t unit = 1;
  for (int i = digits; i < 6; ++i) unit *= 10;
  return micros - floor_mod(micros, unit);
}

}  // namespace sluice
