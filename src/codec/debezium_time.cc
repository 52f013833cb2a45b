// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_time.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <iterator>
#include <limits>

#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

void append_fraction(int64_t micros, int digits, std::string& out) {
  char text[8];
  fmt::format_to(text, ".{:06}", micros);
  size_t length = 7;
  if (digits >= 0) {
    length = digits == 0 ? 0 : 1 + static_cast<size_t>(digits);
  } else {
    while (length > 1 && text[length - 1] == '0') --length;
    if (length == 1) length = 0;
  }
  out.append(text, length);
}

void append_date(int64_t days, std::string& out) {
  const CivilDate date = civil_from_days(days);
  if (date.year > 9999) out += '+';
  if (date.year < 0) out += '-';
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", std::abs(date.year), date.month, date.day);
}

void append_clock(int64_t micros, int digits, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}", micros / kHour, micros / kMinute % 60,
                 micros / kSecond % 60);
  append_fraction(micros % kSecond, digits, out);
}

// A number at the front of the text, with its sign.
bool take_number(std::string_view& text, int64_t& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// "[-]hh:mm:ss[.ffffff]", nothing behind it but a zone.
bool take_clock(std::string_view& text, int64_t& micros) {
  const bool negative = text.starts_with('-');
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!take_number(text, hours) || !text.starts_with(':')) return false;
  text.remove_prefix(1);
  if (!take_number(text, minutes) || !text.starts_with(':')) return false;
  text.remove_prefix(1);
  if (!take_number(text, seconds)) return false;
  int64_t fraction = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const size_t before = text.size();
    if (!take_number(text, fraction)) return false;
    for (size_t digits = before - text.size(); digits < 6; ++digits) fraction *= 10;
  }
  micros = std::abs(hours) * kHour + minutes * kMinute + seconds * kSecond + fraction;
  if (negative) micros = -micros;
  return true;
}

}  // namespace

void append_iso_date(int64_t days, std::string& out) {
  append_date(days, out);
  out += 'Z';
}

void append_iso_time(int64_t micros, std::string& out) {
  if (micros < 0) out += '-';
  append_clock(std::abs(micros), -1, out);
  out += 'Z';
}

void append_iso_timestamp(int64_t micros, int digits, std::string& out) {
  if (micros == std::numeric_limits<int64_t>::max() || micros == std::numeric_limits<int64_t>::min()) {
    out += micros > 0 ? "infinity" : "-infinity";
    return;
  }
  const int64_t days = micros / kDay - (micros % kDay < 0 ? 1 : 0);
  append_date(days, out);
  out += 'T';
  append_clock(micros - days * kDay, digits, out);
  out += 'Z';
}

bool append_zoned_time(std::string_view text, std::string& out) {
  int64_t micros = 0;
  if (!take_clock(text, micros)) return false;
  const bool negative = text.starts_with('-');
  int64_t zone = 0;
  int64_t part = 0;
  for (const int64_t unit : {kHour, kMinute, kSecond}) {
    if (text.empty()) break;
    if (text.starts_with(':') || text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (!take_number(text, part)) return false;
    zone += part * unit;
  }
  micros = ((micros - (negative ? -zone : zone)) % kDay + kDay) % kDay;
  append_clock(micros, 6, out);
  out += 'Z';
  return true;
}

bool parse_interval(std::string_view text, IntervalParts& out) {
  out = {};
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (word.find(':') != std::string_view::npos) return take_clock(word, out.micros) && text.empty();
    int64_t number = 0;
    if (!take_number(word, number) || !word.empty()) return false;
    const size_t unit_end = std::min(text.find(' '), text.size());
    const std::string_view unit = text.substr(0, unit_end);
    text.remove_prefix(std::min(unit_end + 1, text.size()));
    if (unit.starts_with("year")) {
      out.months += 12 * number;
    } else if (unit.starts_with("mon")) {
      out.months += number;
    } else if (unit.starts_with("day")) {
      out.days += number;
    } else {
      return false;
    }
  }
  return true;
}

int64_t interval_micros(const IntervalParts& interval) {
  constexpr int64_t kMonth = 30 * kDay + 10 * kHour + 30 * kMinute;  // 365.25 days / 12
  return interval.months * kMonth + interval.days * kDay + interval.micros;
}

void append_interval(const IntervalParts& interval, std::string& out) {
  const int64_t micros = interval.micros;
  fmt::format_to(std::back_inserter(out), "P{}Y{}M{}DT{}H{}M", interval.months / 12, interval.months % 12,
                 interval.days, micros / kHour, micros / kMinute % 60);
  if (micros < 0 && micros % kMinute != 0) out += '-';
  const int64_t rest = std::abs(micros % kMinute);
  fmt::format_to(std::back_inserter(out), "{}", rest / kSecond);
  append_fraction(rest % kSecond, -1, out);
  out += 'S';
}

}  // namespace sluice
