// SPDX-License-Identifier: Apache-2.0
#include "codec/java_date_format.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int64_t kSecond = 1000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr std::string_view kNumbers = "yMdHmsS";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// A number of at most `most` digits at the text's begin.
std::optional<int64_t> take_number(std::string_view& text, size_t most) {
  size_t size = 0;
  int64_t value = 0;
  while (size < text.size() && size < most && is_digit(text[size])) value = value * 10 + (text[size++] - '0');
  if (size == 0) return std::nullopt;
  text.remove_prefix(size);
  return value;
}

// "Z", "+01", "+0100" or "+01:00", in milliseconds.
std::optional<int64_t> take_zone(std::string_view& text) {
  if (text.starts_with('Z')) {
    text.remove_prefix(1);
    return 0;
  }
  if (text.empty() || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const int64_t sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  const auto hours = take_number(text, 2);
  if (!hours) return std::nullopt;
  if (text.starts_with(':')) text.remove_prefix(1);
  const int64_t minutes = take_number(text, 2).value_or(0);
  return sign * (*hours * kHour + minutes * kMinute);
}

}  // namespace

Result<JavaDateFormat> JavaDateFormat::compile(std::string_view pattern) {
  JavaDateFormat format;
  const auto add_text = [&](char c) {
    if (format.items_.empty() || format.items_.back().letter != 0) format.items_.emplace_back();
    format.items_.back().text += c;
  };
  bool quoted = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\'') {
      if (i + 1 < pattern.size() && pattern[i + 1] == '\'') {
        add_text(c);
        ++i;
      } else {
        quoted = !quoted;
      }
    } else if (quoted || !is_letter(c)) {
      add_text(c);
    } else {
      size_t end = i;
      while (end < pattern.size() && pattern[end] == c) ++end;
      const size_t count = end - i;
      if ((kNumbers.find(c) == std::string_view::npos && c != 'X' && c != 'Z') || (c == 'M' && count > 2) ||
          count > 9) {
        return Error(ErrorCode::kConfig,
                     fmt::format("'{}' in '{}' is not supported", pattern.substr(i, count), pattern),
                     "Letters are y, M (as a number), d, H, m, s, S, X and Z; other text stands in single quotes.");
      }
      format.items_.push_back({.letter = c, .count = count, .text = {}});
      i = end - 1;
    }
  }
  return format;
}

std::string JavaDateFormat::format(int64_t millis) const {
  const int64_t days = millis >= 0 ? millis / kDay : -((kDay - 1 - millis) / kDay);
  const int64_t of_day = millis - days * kDay;
  const CivilDate date = civil_from_days(days);
  std::string out;
  for (const Item& item : items_) {
    int64_t number = 0;
    switch (item.letter) {
      case 0: out += item.text; continue;
      case 'X': out += 'Z'; continue;
      case 'Z': out += "+0000"; continue;
      case 'y': number = item.count == 2 ? date.year % 100 : date.year; break;
      case 'M': number = date.month; break;
      case 'd': number = date.day; break;
      case 'H': number = of_day / kHour; break;
      case 'm': number = of_day % kHour / kMinute; break;
      case 's': number = of_day % kMinute / kSecond; break;
      default: number = of_day % kSecond; break;
    }
    out += fmt::format("{:0{}}", number, item.count);
  }
  return out;
}

std::optional<int64_t> JavaDateFormat::parse(std::string_view text) const {
  int64_t year = 1970;
  int64_t month = 1;
  int64_t day = 1;
  int64_t millis = 0;
  for (size_t i = 0; i < items_.size(); ++i) {
    const Item& item = items_[i];
    if (item.letter == 0) {
      if (!text.starts_with(item.text)) return std::nullopt;
      text.remove_prefix(item.text.size());
      continue;
    }
    if (item.letter == 'X' || item.letter == 'Z') {
      const auto zone = take_zone(text);
      if (!zone) return std::nullopt;
      millis -= *zone;
      continue;
    }
    // Numbers that follow each other directly have as many digits as letters.
    const bool bounded = i + 1 < items_.size() && kNumbers.find(items_[i + 1].letter) != std::string_view::npos &&
                         items_[i + 1].letter != 0;
    const auto number = take_number(text, bounded ? item.count : 9);
    if (!number) return std::nullopt;
    switch (item.letter) {
      case 'y': year = item.count == 2 && *number < 100 ? 2000 + *number : *number; break;
      case 'M': month = *number; break;
      case 'd': day = *number; break;
      case 'H': millis += *number * kHour; break;
      case 'm': millis += *number * kMinute; break;
      case 's': millis += *number * kSecond; break;
      default: millis += *number; break;
    }
  }
  if (!text.empty() || month < 1 || month > 12 || day < 1 || day > 31 || year > 9999) return std::nullopt;
  return days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day)) * kDay + millis;
}

}  // namespace sluice
