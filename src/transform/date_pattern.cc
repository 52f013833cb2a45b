// SPDX-License-Identifier: Apache-2.0
#include "transform/date_pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "data/value_text.h"
#include "transform/temporal.h"

namespace sluice {

namespace {

constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                        "July",    "August",   "September", "October", "November", "December"};
constexpr std::string_view kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr std::string_view kLetters = "yMdDEaHkKhmsS";
constexpr size_t kShortName = 3;
constexpr int kMaxWidth = 9;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_number(int64_t value, int width, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:0{}}", value, width);
}

int64_t clock_value(char letter, int64_t hour, int64_t micros) {
  switch (letter) {
    case 'H': return hour;
    case 'k': return hour == 0 ? 24 : hour;
    case 'K': return hour % 12;
    case 'h': return hour % 12 == 0 ? 12 : hour % 12;
    case 'm': return extract_from_timestamp(TimeUnit::kMinute, micros);
    case 's': return extract_from_timestamp(TimeUnit::kSecond, micros);
    default: return extract_from_timestamp(TimeUnit::kMillisecond, micros) % 1000;
  }
}

// What parse() has read so far.
struct Parsed {
  int64_t year = 1970;
  int64_t month = 1;
  int64_t day = 1;
  int64_t day_of_year = 0;
  int64_t hour = 0;
  bool half_day_clock = false;
  bool afternoon = false;
  int64_t minute = 0;
  int64_t second = 0;
  int64_t millisecond = 0;

  void set(char letter, int64_t value) {
    switch (letter) {
      case 'y': year = value; break;
      case 'M': month = value; break;
      case 'd': day = value; break;
      case 'D': day_of_year = value; break;
      case 'H': hour = value; break;
      case 'k': hour = value % 24; break;
      case 'K':
      case 'h':
        hour = value % 12;
        half_day_clock = true;
        break;
      case 'm': minute = value; break;
      case 's': second = value; break;
      default: millisecond = value; break;
    }
  }

  std::optional<int64_t> micros() const {
    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > 31) return std::nullopt;
    int64_t days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
    if (civil_from_days(days).month != static_cast<unsigned>(month)) return std::nullopt;
    if (day_of_year > 0) days = days_from_civil(year, 1, 1) + day_of_year - 1;
    if (civil_from_days(days).year != year) return std::nullopt;
    if (hour > 23 || minute > 59 || second > 59 || millisecond > 999) return std::nullopt;
    const int64_t full_hour = hour + (half_day_clock && afternoon ? 12 : 0);
    return days * kMicrosPerDay + ((full_hour * 60 + minute) * 60 + second) * kMicrosPerSecond + millisecond * 1000;
  }
};

// Takes a name of the list, whole or its first three letters, from the front of the text.
template <size_t N>
std::optional<size_t> take_name(std::string_view& text, const std::string_view (&names)[N]) {
  const auto begins = [&](std::string_view name) {
    return text.size() >= name.size() &&
           std::equal(name.begin(), name.end(), text.begin(), [](char a, char b) { return (a | 0x20) == (b | 0x20); });
  };
  for (size_t i = 0; i < N; ++i) {
    for (const auto name : {names[i], names[i].substr(0, kShortName)}) {
      if (!begins(name)) continue;
      text.remove_prefix(name.size());
      return i;
    }
  }
  return std::nullopt;
}

// Digits from the front; at most `width` of them if the next field is a number too.
std::optional<int64_t> take_number(std::string_view& text, int width) {
  int64_t value = 0;
  int count = 0;
  while (count < width && !text.empty() && is_digit(text[0])) {
    value = value * 10 + (text[0] - '0');
    text.remove_prefix(1);
    ++count;
  }
  if (count == 0) return std::nullopt;
  return value;
}

}  // namespace

Result<DatePattern> DatePattern::compile(std::string_view pattern) {
  DatePattern result;
  const auto literal = [&](char c) {
    if (result.fields_.empty() || result.fields_.back().letter != 0) result.fields_.emplace_back();
    result.fields_.back().text += c;
  };
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\'') {
      if (i + 1 < pattern.size() && pattern[i + 1] == '\'') {
        literal('\'');
        ++i;
        continue;
      }
      while (++i < pattern.size() && pattern[i] != '\'') literal(pattern[i]);
      if (i >= pattern.size()) {
        return Error(ErrorCode::kConfig, fmt::format("the quote in date pattern '{}' is not closed", pattern),
                     "Close the quote, or write two for a quote itself.");
      }
    } else if (!is_letter(c)) {
      literal(c);
    } else if (kLetters.find(c) == std::string_view::npos) {
      return Error(ErrorCode::kConfig, fmt::format("letter '{}' of date pattern '{}' is not supported", c, pattern),
                   "Use y M d D E a H k K h m s S, and quote other letters.");
    } else if (!result.fields_.empty() && result.fields_.back().letter == c &&
               result.fields_.back().width < kMaxWidth && i > 0 && pattern[i - 1] == c) {
      ++result.fields_.back().width;
    } else {
      result.fields_.push_back({c, 1, {}});
    }
  }
  return result;
}

void DatePattern::format(int64_t micros, std::string& out) const {
  const int64_t days = floor_div(micros, kMicrosPerDay);
  const auto date = civil_from_days(days);
  const int64_t hour = extract_from_timestamp(TimeUnit::kHour, micros);
  for (const auto& field : fields_) {
    switch (field.letter) {
      case 0: out += field.text; break;
      case 'y': append_number(field.width == 2 ? floor_mod(date.year, 100) : date.year, field.width, out); break;
      case 'M':
        if (field.width > 2) {
          const auto name = kMonths[date.month - 1];
          out.append(field.width == 3 ? name.substr(0, kShortName) : name);
        } else {
          append_number(date.month, field.width, out);
        }
        break;
      case 'd': append_number(date.day, field.width, out); break;
      case 'D': append_number(extract_from_date(TimeUnit::kDayOfYear, days), field.width, out); break;
      case 'E': {
        const auto name = kDays[static_cast<size_t>(extract_from_date(TimeUnit::kDayOfWeek, days) - 1)];
        out.append(field.width <= 3 ? name.substr(0, kShortName) : name);
        break;
      }
      case 'a': out.append(hour < 12 ? "AM" : "PM"); break;
      default: append_number(clock_value(field.letter, hour, micros), field.width, out); break;
    }
  }
}

std::optional<int64_t> DatePattern::parse(std::string_view text) const {
  Parsed parsed;
  for (size_t i = 0; i < fields_.size(); ++i) {
    const auto& field = fields_[i];
    if (field.letter == 0) {
      if (!text.starts_with(field.text)) return std::nullopt;
      text.remove_prefix(field.text.size());
      continue;
    }
    while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
    if (field.letter == 'M' && field.width > 2) {
      const auto month = take_name(text, kMonths);
      if (!month) return std::nullopt;
      parsed.month = static_cast<int64_t>(*month) + 1;
    } else if (field.letter == 'E') {
      if (!take_name(text, kDays)) return std::nullopt;
    } else if (field.letter == 'a') {
      constexpr std::string_view kHalves[] = {"AM", "PM"};
      const auto half = take_name(text, kHalves);
      if (!half) return std::nullopt;
      parsed.afternoon = *half == 1;
    } else {
      const bool number_follows = i + 1 < fields_.size() && fields_[i + 1].letter != 0;
      const auto value = take_number(text, number_follows ? field.width : kMaxWidth);
      if (!value) return std::nullopt;
      // Two digits of a year mean this century up to 2069, as MySQL reads them.
      const bool short_year = field.letter == 'y' && field.width <= 2 && *value < 100;
      parsed.set(field.letter, short_year ? *value + (*value < 70 ? 2000 : 1900) : *value);
    }
  }
  return parsed.micros();
}

}  // namespace sluice
