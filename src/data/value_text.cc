// SPDX-License-Identifier: Apache-2.0
#include "data/value_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace sluice {
namespace {

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int64_t kPow10[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};

Error unreadable(const DataType& type) {
  return Error(ErrorCode::kData, fmt::format("a value cannot be read as {}", type_text(type)),
               "The value's text is not in a form that this type has; check the column's type on both sides.");
}

void append_two_digits(int64_t value, std::string& out) {
  out.push_back(static_cast<char>('0' + value / 10));
  out.push_back(static_cast<char>('0' + value % 10));
}

void append_fraction(int64_t micros, unsigned precision, std::string& out) {
  if (precision == 0) return;
  char digits[6];
  for (int i = 5; i >= 0; --i) {
    digits[i] = static_cast<char>('0' + micros % 10);
    micros /= 10;
  }
  out.push_back('.');
  out.append(digits, std::min(precision, 6U));
}

void append_clock(int64_t micros, unsigned precision, std::string& out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  const int64_t hours = seconds / 3600;
  if (hours > 99) {
    fmt::format_to(std::back_inserter(out), "{}", hours);
  } else {
    append_two_digits(hours, out);
  }
  out.push_back(':');
  append_two_digits(seconds / 60 % 60, out);
  out.push_back(':');
  append_two_digits(seconds % 60, out);
  append_fraction(micros % kMicrosPerSecond, precision, out);
}

// Dates and timestamps that lie before or after all others.
bool append_infinity(int64_t value, std::string& out) {
  if (value != std::numeric_limits<int64_t>::max() && value != std::numeric_limits<int64_t>::min()) return false;
  out += value > 0 ? "infinity" : "-infinity";
  return true;
}

bool parse_infinity(std::string_view text, int64_t& value) {
  if (text != "infinity" && text != "-infinity") return false;
  value = text[0] == '-' ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  return true;
}

void append_date(int64_t days, std::string& out) {
  const CivilDate date = civil_from_days(days);
  if (date.year >= 0 && date.year <= 9999) {
    append_two_digits(date.year / 100, out);
    append_two_digits(date.year % 100, out);
  } else {
    fmt::format_to(std::back_inserter(out), "{:+05}", date.year);
  }
  out.push_back('-');
  append_two_digits(date.month, out);
  out.push_back('-');
  append_two_digits(date.day, out);
}

void append_timestamp(int64_t micros, unsigned precision, std::string& out) {
  int64_t days = micros / kMicrosPerDay;
  int64_t rest = micros % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  append_date(days, out);
  out.push_back(' ');
  append_clock(rest, precision, out);
}

void append_floating(double value, bool is_float, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
  } else {
    char buffer[32];
    const auto end = is_float ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value)).ptr
                              : std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
  }
}

// Reads decimal digits from the front of `text`; false if there is none or too many.
bool take_number(std::string_view& text, int64_t& value, size_t max_digits) {
  size_t digits = 0;
  value = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') {
    if (digits == max_digits) return false;
    value = value * 10 + (text[digits] - '0');
    ++digits;
  }
  text.remove_prefix(digits);
  return digits > 0;
}

bool take_char(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// ".123" in microseconds; digits beyond `precision` must be zero, so that nothing is rounded away.
bool take_fraction(std::string_view& text, unsigned precision, int64_t& micros) {
  micros = 0;
  if (!take_char(text, '.')) return true;
  unsigned digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    const int digit = text.front() - '0';
    if (digits >= std::min(precision, 6U)) {
      if (digit != 0) return false;
    } else {
      micros = micros * 10 + digit;
      ++digits;
    }
    text.remove_prefix(1);
  }
  micros *= kPow10[6 - digits];
  return true;
}

bool take_clock(std::string_view& text, unsigned precision, int64_t& micros) {
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  int64_t fraction = 0;
  if (!take_number(text, hours, 6) || !take_char(text, ':') || !take_number(text, minutes, 2)) return false;
  if (take_char(text, ':') && (!take_number(text, seconds, 2) || !take_fraction(text, precision, fraction)))
    return false;
  if (minutes > 59 || seconds > 59) return false;
  micros = (hours * 3600 + minutes * 60 + seconds) * kMicrosPerSecond + fraction;
  return true;
}

bool take_date(std::string_view& text, int64_t& days) {
  const bool negative = take_char(text, '-');
  if (!negative) take_char(text, '+');
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!take_number(text, year, 7) || !take_char(text, '-') || !take_number(text, month, 2) || !take_char(text, '-') ||
      !take_number(text, day, 2)) {
    return false;
  }
  if (month < 1 || month > 12 || day < 1 || day > 31) return false;
  if (negative) year = -year;
  days = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return civil_from_days(days).day == static_cast<unsigned>(day);  // no 31 April
}

// "+00", "+05:30", "-03:30:15", "Z" behind a timestamp; the offset in microseconds.
bool take_zone(std::string_view& text, int64_t& micros) {
  micros = 0;
  if (text.empty() || take_char(text, 'Z')) return true;
  const bool negative = text.front() == '-';
  if (!take_char(text, '-') && !take_char(text, '+')) return false;
  int64_t parts[3] = {0, 0, 0};
  if (!take_number(text, parts[0], 2)) return false;
  if (take_char(text, ':') && !take_number(text, parts[1], 2)) return false;
  if (take_char(text, ':') && !take_number(text, parts[2], 2)) return false;
  micros = (parts[0] * 3600 + parts[1] * 60 + parts[2]) * kMicrosPerSecond * (negative ? -1 : 1);
  return true;
}

bool parse_timestamp(std::string_view text, const DataType& type, int64_t& micros) {
  int64_t days = 0;
  int64_t clock = 0;
  int64_t offset = 0;
  if (!take_date(text, days)) return false;
  if (!text.empty() && !((take_char(text, ' ') || take_char(text, 'T')) && take_clock(text, type.precision, clock))) {
    return false;
  }
  if (type.kind == TypeKind::kTimestampTz && !take_zone(text, offset)) return false;
  if (__builtin_mul_overflow(days, kMicrosPerDay, &micros) || __builtin_add_overflow(micros, clock - offset, &micros)) {
    return false;
  }
  return text.empty();
}

bool parse_time(std::string_view text, const DataType& type, int64_t& micros) {
  const bool negative = take_char(text, '-');
  if (!take_clock(text, type.precision, micros) || !text.empty()) return false;
  if (negative) micros = -micros;
  return true;
}

bool parse_boolean(std::string_view text, int64_t& value) {
  if (text == "1" || text == "t" || text == "true" || text == "TRUE") {
    value = 1;
  } else if (text == "0" || text == "f" || text == "false" || text == "FALSE") {
    value = 0;
  } else {
    return false;
  }
  return true;
}

template <typename T>
bool parse_integer(std::string_view text, int64_t& value) {
  T parsed{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
  value = static_cast<int64_t>(parsed);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_int_storage(const DataType& type, std::string_view text, int64_t& value) {
  switch (type.kind) {
    case TypeKind::kBoolean: return parse_boolean(text, value);
    case TypeKind::kInt8: return parse_integer<int8_t>(text, value);
    case TypeKind::kInt16: return parse_integer<int16_t>(text, value);
    case TypeKind::kInt32: return parse_integer<int32_t>(text, value);
    case TypeKind::kYear: return parse_integer<int32_t>(text, value);
    case TypeKind::kInt64: return parse_integer<int64_t>(text, value);
    case TypeKind::kUInt64: return parse_integer<uint64_t>(text, value);
    case TypeKind::kDate: return parse_infinity(text, value) || (take_date(text, value) && text.empty());
    case TypeKind::kTime: return parse_time(text, type, value);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return parse_infinity(text, value) || parse_timestamp(text, type, value);
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return false;
}

bool parse_floating(std::string_view text, bool is_float, double& value) {
  if (text == "NaN" || text == "Infinity" || text == "-Infinity") {
    value = text == "NaN" ? std::numeric_limits<double>::quiet_NaN()
                          : (text[0] == '-' ? -1 : 1) * std::numeric_limits<double>::infinity();
    return true;
  }
  std::from_chars_result result{};
  if (is_float) {
    float parsed = 0;
    result = std::from_chars(text.data(), text.data() + text.size(), parsed);
    value = parsed;
  } else {
    result = std::from_chars(text.data(), text.data() + text.size(), value);
  }
  if (result.ec == std::errc::result_out_of_range) {
    // Denormals: from_chars refuses what strtod rounds.
    const std::string copy(text);
    value = is_float ? std::strtof(copy.c_str(), nullptr) : std::strtod(copy.c_str(), nullptr);
    return std::isfinite(value);
  }
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

// Brings "1.5", "+01.50", ".5" to the canonical form with exactly `scale` digits; false if digits would be lost.
bool append_decimal(ColumnVector& column, const DataType& type, std::string_view text) {
  const bool unbounded = type.precision == 0 && type.scale == 0;
  if (text == "NaN" || (unbounded && (text == "Infinity" || text == "-Infinity"))) {
    column.append_bytes(text);
    return true;
  }
  const std::string_view as_given = text;
  const bool negative = take_char(text, '-');
  if (!negative) take_char(text, '+');
  const size_t point = text.find('.');
  std::string_view whole = text.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (whole.empty() && fraction.empty()) return false;
  for (const char c : whole) {
    if (c < '0' || c > '9') return false;
  }
  for (const char c : fraction) {
    if (c < '0' || c > '9') return false;
  }
  if (unbounded) {
    column.append_bytes(as_given);
    return true;
  }
  while (whole.size() > 1 && whole.front() == '0') whole.remove_prefix(1);
  if (whole == "0") whole = {};
  while (fraction.size() > type.scale) {
    if (fraction.back() != '0') return false;
    fraction.remove_suffix(1);
  }
  if (whole.size() + type.scale > type.precision && type.precision != 0) return false;
  const bool zero = whole.empty() && fraction.find_first_not_of('0') == std::string_view::npos;

  char buffer[160];
  if (whole.size() + type.scale + 4 > sizeof buffer) return false;
  char* out = buffer;
  if (negative && !zero) *out++ = '-';
  if (whole.empty()) *out++ = '0';
  out = std::copy(whole.begin(), whole.end(), out);
  if (type.scale > 0) {
    *out++ = '.';
    out = std::copy(fraction.begin(), fraction.end(), out);
    out = std::fill_n(out, type.scale - fraction.size(), '0');
  }
  column.append_bytes({buffer, static_cast<size_t>(out - buffer)});
  return true;
}

}  // namespace

int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  // Counts from 1 March of year 0, so that the leap day is the last of a year.
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (static_cast<int64_t>(month) + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

CivilDate civil_from_days(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  const auto day = static_cast<unsigned>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

void append_hex(std::string_view bytes, std::string& out) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

void append_value_text(const ColumnVector& column, const DataType& type, size_t row, std::string& out) {
  switch (type.kind) {
    case TypeKind::kBoolean: out += column.int_at(row) != 0 ? "true" : "false"; return;
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kYear: {
      const fmt::format_int text(column.int_at(row));
      out.append(text.data(), text.size());
      return;
    }
    case TypeKind::kUInt64: {
      const fmt::format_int text(static_cast<uint64_t>(column.int_at(row)));
      out.append(text.data(), text.size());
      return;
    }
    case TypeKind::kFloat: append_floating(column.double_at(row), true, out); return;
    case TypeKind::kDouble: append_floating(column.double_at(row), false, out); return;
    case TypeKind::kDate:
      if (!append_infinity(column.int_at(row), out)) append_date(column.int_at(row), out);
      return;
    case TypeKind::kTime: {
      const int64_t micros = column.int_at(row);
      if (micros < 0) out.push_back('-');
      append_clock(micros < 0 ? -micros : micros, type.precision, out);
      return;
    }
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      if (!append_infinity(column.int_at(row), out)) append_timestamp(column.int_at(row), type.precision, out);
      return;
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry: append_hex(column.bytes_at(row), out); return;
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid: out += column.bytes_at(row); return;
  }
}

Result<> append_parsed(ColumnVector& column, const DataType& type, std::string_view text) {
  switch (column.storage()) {
    case Storage::kInt64: {
      int64_t value = 0;
      if (!parse_int_storage(type, text, value)) return unreadable(type);
      column.append_int(value);
      return {};
    }
    case Storage::kDouble: {
      double value = 0;
      if (!parse_floating(text, type.kind == TypeKind::kFloat, value)) return unreadable(type);
      column.append_double(value);
      return {};
    }
    case Storage::kBytes:
      if (type.kind == TypeKind::kDecimal) {
        if (!append_decimal(column, type, text)) return unreadable(type);
      } else {
        column.append_bytes(text);
      }
      return {};
  }
  return {};
}

}  // namespace sluice
