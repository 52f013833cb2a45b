// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int32_t kHeader = 4;  // added to lengths in atttypmod
constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr uint32_t kLongestVarchar = 10'485'760;
constexpr int kMostDigits = 65;               // of a decimal that other systems have
constexpr int64_t kFirstYearDays = -719'162;  // 0001-01-01
constexpr int64_t kLastYearDays = 2'932'896;  // 9999-12-31

bool is_integer(std::string_view name) { return name == "int2" || name == "int4" || name == "int8"; }

uint16_t fraction_digits(int32_t modifier) { return modifier < 0 ? 6 : static_cast<uint16_t>(modifier & 0xffff); }

void append_bits(std::string_view bytes, uint32_t length, std::string& out) {
  for (uint32_t i = 0; i < length; ++i) {
    const uint32_t bit = length - 1 - i;
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - 1 - bit / 8]);
    out.push_back((byte >> (bit % 8) & 1) != 0 ? '1' : '0');
  }
}

// Text with what COPY gives a meaning escaped; false if it holds NUL.
bool append_copy_text(std::string_view text, std::string& out) {
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) > '\r' && c != '\\') continue;
    if (c == '\0') return false;
    const char escape = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : '\0';
    if (escape == '\0') continue;
    out.append(text.substr(done, i - done));
    out.push_back('\\');
    out.push_back(escape);
    done = i + 1;
  }
  out.append(text.substr(done));
  return true;
}

bool append_array_text(std::string_view text, std::string& out) {
  if (text.find('\0') != std::string_view::npos) return false;
  out.push_back('"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
  return true;
}

// Years beyond four digits are plain, those before the first are counted back from it.
void append_far_date(int64_t days, std::string& out) {
  const CivilDate date = civil_from_days(days);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", date.year > 0 ? date.year : 1 - date.year, date.month,
                 date.day);
}

void append_calendar(const ColumnVector& values, const DataType& type, size_t row, std::string& out) {
  constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();
  const int64_t value = values.int_at(row);
  const int64_t unit = type.kind == TypeKind::kDate ? 1 : kMicrosPerDay;
  const int64_t days = value / unit - (value % unit < 0 ? 1 : 0);
  const bool infinite = value == kInfinity || value == std::numeric_limits<int64_t>::min();
  if (infinite || (days >= kFirstYearDays && days <= kLastYearDays)) {
    append_value_text(values, type, row, out);
    return;
  }
  append_far_date(days, out);
  if (unit != 1) {
    const int64_t micros = value - days * unit;
    const int64_t seconds = micros / 1'000'000;
    fmt::format_to(std::back_inserter(out), " {:02}:{:02}:{:02}.{:06}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                   micros % 1'000'000);
  }
  if (days < kFirstYearDays) out += " BC";
}

// One to `most` digits; false if there are none or more.
bool take_digits(std::string_view& text, size_t most, int64_t& value) {
  size_t length = 0;
  value = 0;
  for (; length < text.size() && text[length] >= '0' && text[length] <= '9'; ++length) {
    value = value * 10 + (text[length] - '0');
    if (length == most) return false;
  }
  text.remove_prefix(length);
  return length > 0;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// "12:34:56.789" and nothing behind it but the zone of our sessions.
bool read_clock(std::string_view text, const DataType& type, int64_t& micros) {
  int64_t hours = 0;
  int64_t minutes = 0;
  int64_t seconds = 0;
  if (!take_digits(text, 2, hours) || !take(text, ':') || !take_digits(text, 2, minutes) || !take(text, ':') ||
      !take_digits(text, 2, seconds)) {
    return false;
  }
  micros = ((hours * 60 + minutes) * 60 + seconds) * 1'000'000;
  if (take(text, '.')) {
    int64_t fraction = 0;
    const size_t before = text.size();
    if (!take_digits(text, type.precision, fraction)) return false;
    for (size_t digits = before - text.size(); digits < 6; ++digits) fraction *= 10;
    micros += fraction;
  }
  return text.empty() || (type.kind == TypeKind::kTimestampTz && text == "+00");
}

// Dates and timestamps as the server prints them; false for any other form.
bool read_calendar(std::string_view text, const DataType& type, int64_t& value) {
  const bool before_christ = text.ends_with(" BC");
  if (before_christ) text.remove_suffix(3);
  int64_t year = 0;
  int64_t month = 0;
  int64_t day = 0;
  if (!take_digits(text, 7, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') ||
      !take_digits(text, 2, day)) {
    return false;
  }
  const int64_t days =
      days_from_civil(before_christ ? 1 - year : year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  if (type.kind == TypeKind::kDate) {
    value = days;
    return text.empty();
  }
  int64_t micros = 0;
  return take(text, ' ') && read_clock(text, type, micros) && !__builtin_mul_overflow(days, kMicrosPerDay, &value) &&
         !__builtin_add_overflow(value, micros, &value);
}

// "$1,234.50", as money is printed in the locale C: a number of coins, of which the database's own locale may count
// another number than hundred to a whole.
void append_money(ColumnVector& values, const DataType& type, std::string_view text, std::string& scratch) {
  scratch.clear();
  for (const char c : text) {
    if (c >= '0' && c <= '9' && !(scratch.empty() && c == '0')) scratch.push_back(c);
  }
  if (scratch.size() <= type.scale) scratch.insert(0, type.scale + 1 - scratch.size(), '0');
  if (type.scale > 0) scratch.insert(scratch.size() - type.scale, 1, '.');
  if (text.starts_with('-')) scratch.insert(0, 1, '-');
  values.append_bytes(scratch);
}

// True if the text is a number with exactly the type's digits behind the point, as the server prints every one.
bool is_canonical(std::string_view text, const DataType& type) {
  const size_t sign = text.starts_with('-') ? 1 : 0;
  const bool plain = text.size() > sign && text[sign] >= '0' && text[sign] <= '9';
  const size_t point = text.find('.');
  const size_t fraction = point == std::string_view::npos ? 0 : text.size() - point - 1;
  return plain && type.precision != 0 && fraction == type.scale && (fraction > 0 || point == std::string_view::npos) &&
         text.find('e') == std::string_view::npos && text.size() <= type.precision + 2U;
}

}  // namespace

bool is_postgres_own_type(const DataType& type) {
  return type.kind == TypeKind::kString && type.length == 0 && !type.source_type.empty();
}

bool postgres_compares_bytewise(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kString: return !is_postgres_own_type(type);
    case TypeKind::kDecimal: return type.precision != 0;
    case TypeKind::kFloat:  // -0 and 0
    case TypeKind::kDouble:
    case TypeKind::kJson: return false;
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kBytes:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kYear:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return true;
}

std::string postgres_type_sql(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean: return "boolean";
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kYear: return "smallint";
    case TypeKind::kInt32: return "integer";
    case TypeKind::kInt64: return "bigint";
    case TypeKind::kUInt64: return "numeric(20,0)";
    case TypeKind::kFloat: return "real";
    case TypeKind::kDouble: return "double precision";
    case TypeKind::kDecimal:
      if (type.precision == 0 && type.scale == 0) return "numeric";
      return fmt::format("numeric({},{})", type.precision, type.scale);
    case TypeKind::kString:
      if (is_postgres_own_type(type)) return type.source_type;
      return type.length == 0 || type.length > kLongestVarchar ? "text" : fmt::format("varchar({})", type.length);
    case TypeKind::kBytes:
    case TypeKind::kGeometry: return "bytea";
    case TypeKind::kDate: return "date";
    case TypeKind::kTime: return fmt::format("time({})", type.precision);
    case TypeKind::kTimestamp: return fmt::format("timestamp({})", type.precision);
    case TypeKind::kTimestampTz: return fmt::format("timestamptz({})", type.precision);
    case TypeKind::kJson: return type.source_type == "jsonb" ? "jsonb" : "json";
    case TypeKind::kEnum:
    case TypeKind::kSet: return "text";
    case TypeKind::kBit: return fmt::format("bit({})", std::max(type.length, 1U));
    case TypeKind::kUuid: return "uuid";
  }
  return "text";
}

DataType postgres_data_type(const PostgresColumn& column) {
  const std::string& name = column.type_name;
  const int32_t modifier = column.modifier;
  DataType type;
  if (name == "bool") {
    type.kind = TypeKind::kBoolean;
  } else if (name == "int2") {
    type.kind = TypeKind::kInt16;
  } else if (name == "int4") {
    type.kind = TypeKind::kInt32;
  } else if (name == "int8") {
    type.kind = TypeKind::kInt64;
  } else if (name == "float4") {
    type.kind = TypeKind::kFloat;
  } else if (name == "float8") {
    type.kind = TypeKind::kDouble;
  } else if (name == "numeric" && modifier >= kHeader) {
    type.kind = TypeKind::kDecimal;
    type.precision = static_cast<uint16_t>((modifier - kHeader) >> 16);
    type.scale = static_cast<uint16_t>((modifier - kHeader) & 0x7ff);
  } else if (name == "varchar" || name == "bpchar") {
    type.length = modifier >= kHeader ? static_cast<uint32_t>(modifier - kHeader) : 0;
    type.fixed_length = name == "bpchar";
  } else if (name == "bytea") {
    type.kind = TypeKind::kBytes;
  } else if (name == "date") {
    type.kind = TypeKind::kDate;
  } else if (name == "time" || name == "interval") {
    type = {.kind = TypeKind::kTime, .precision = fraction_digits(modifier)};
  } else if (name == "timestamp") {
    type = {.kind = TypeKind::kTimestamp, .precision = fraction_digits(modifier)};
  } else if (name == "timestamptz") {
    type = {.kind = TypeKind::kTimestampTz, .precision = fraction_digits(modifier)};
  } else if (name == "json" || name == "jsonb") {
    type.kind = TypeKind::kJson;
  } else if (name == "bit" || name == "varbit") {
    type = {.kind = TypeKind::kBit, .length = modifier > 0 ? static_cast<uint32_t>(modifier) : 0};
  } else if (name == "uuid") {
    type.kind = TypeKind::kUuid;
  }
  type.nullable = !column.not_null;
  return type;
}

DataType postgres_source_type(std::string_view name, int32_t modifier, std::string text) {
  PostgresColumn column{.name = {}, .type_name = std::string(name), .bare_type = {}, .modifier = modifier};
  if (name == "oid") return {.kind = TypeKind::kInt64};
  if (name == "money") return {.kind = TypeKind::kDecimal, .precision = 19, .scale = 2};
  if (name == "numeric") {
    // Since version 15 the scale may be negative, or larger than the precision.
    const int precision = modifier < kHeader ? 0 : (modifier - kHeader) >> 16 & 0xffff;
    const int scale = modifier < kHeader ? 0 : (((modifier - kHeader) & 0x7ff) ^ 1024) - 1024;
    if (precision == 0 || precision > kMostDigits || scale < 0 || scale > precision)
      return {.kind = TypeKind::kDecimal};
  }
  if (name == "interval" || name == "varbit") column.type_name.clear();
  DataType type = postgres_data_type(column);
  const bool character = name == "varchar" || name == "bpchar" || name == "text";
  if (type.kind == TypeKind::kString && !character) type.source_type = std::move(text);
  if (name == "jsonb") type.source_type = "jsonb";
  type.fixed_length = false;  // the blanks that fill a char(n) are part of its text; elsewhere CHAR drops them
  return type;
}

std::optional<std::string> postgres_alters(const DataType& type, const PostgresColumn& target) {
  const std::string& name = target.type_name;
  const bool is_binary = type.kind == TypeKind::kBytes || type.kind == TypeKind::kGeometry;
  if (is_binary && name != "bytea") return "would keep bytes as text";
  if (type.kind == TypeKind::kBit && name != "bit" && name != "varbit") return "cannot hold bits";
  if (name == "numeric" && target.modifier >= kHeader) {
    const auto scale = static_cast<uint16_t>((target.modifier - kHeader) & 0x7ff);
    const bool fractional = type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble;
    if (fractional || (type.kind == TypeKind::kDecimal && scale < type.scale)) return "would round values";
  }
  if (is_integer(name) && (type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble)) {
    return "would round values";
  }
  const bool is_clock =
      type.kind == TypeKind::kTime || type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kTimestampTz;
  const bool clock_target = name == "time" || name == "timestamp" || name == "timestamptz" || name == "interval";
  if (is_clock && clock_target && fraction_digits(target.modifier) < type.precision) return "would round values";
  return std::nullopt;
}

PostgresForm postgres_form(const DataType& type, const PostgresColumn& target) {
  switch (type.kind) {
    case TypeKind::kBoolean:
      return target.type_name == "bool" ? PostgresForm::kPlain : PostgresForm::kNumberFromBoolean;
    case TypeKind::kBytes:
    case TypeKind::kGeometry: return PostgresForm::kHex;
    case TypeKind::kBit: return PostgresForm::kBits;
    case TypeKind::kTime: return target.type_name == "time" ? PostgresForm::kTimeOfDay : PostgresForm::kPlain;
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return PostgresForm::kCalendar;
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet: return PostgresForm::kEscaped;
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal:
    case TypeKind::kYear:
    case TypeKind::kUuid: return PostgresForm::kPlain;
  }
  return PostgresForm::kEscaped;
}

bool append_postgres_value(const ColumnVector& values, const DataType& type, PostgresForm form, PostgresQuoting quoting,
                           size_t row, std::string& out) {
  switch (form) {
    case PostgresForm::kTimeOfDay:
      if (values.int_at(row) < 0 || values.int_at(row) > kMicrosPerDay) return false;
      append_value_text(values, type, row, out);
      return true;
    case PostgresForm::kPlain: append_value_text(values, type, row, out); return true;
    case PostgresForm::kCalendar: append_calendar(values, type, row, out); return true;
    case PostgresForm::kNumberFromBoolean: out.push_back(values.int_at(row) != 0 ? '1' : '0'); return true;
    case PostgresForm::kBits:
      append_bits(values.bytes_at(row), type.length != 0 ? type.length : uint32_t(8 * values.bytes_at(row).size()),
                  out);
      return true;
    case PostgresForm::kHex:
      // One backslash for bytea, doubled by both quotings.
      out += quoting == PostgresQuoting::kCopy ? "\\\\x" : "\"\\\\x";
      append_hex(values.bytes_at(row), out);
      if (quoting == PostgresQuoting::kArray) out.push_back('"');
      return true;
    case PostgresForm::kEscaped:
      return quoting == PostgresQuoting::kCopy ? append_copy_text(values.bytes_at(row), out)
                                               : append_array_text(values.bytes_at(row), out);
  }
  return false;
}

Result<> append_postgres_text(ColumnVector& values, const DataType& type, std::string_view text, std::string& scratch) {
  const auto unreadable = [&type] {
    return Error(ErrorCode::kData, fmt::format("a value cannot be read as {}", type_text(type)));
  };
  switch (type.kind) {
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      if (int64_t value = 0; read_calendar(text, type, value)) {
        values.append_int(value);
        return {};
      }
      break;
    case TypeKind::kDecimal:
      if (is_canonical(text, type)) {
        values.append_bytes(text);
        return {};
      }
      if (text.find('$') != std::string_view::npos) {
        append_money(values, type, text, scratch);
        return {};
      }
      break;
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kUuid:
    case TypeKind::kEnum: values.append_bytes(text); return {};
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kBytes:
    case TypeKind::kTime:
    case TypeKind::kYear:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kGeometry: break;
  }
  if (type.kind == TypeKind::kBytes || type.kind == TypeKind::kGeometry) {
    if (!text.starts_with("\\x") || text.size() % 2 != 0) return unreadable();
    scratch.clear();
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    for (size_t i = 2; i < text.size(); i += 2) {
      scratch.push_back(static_cast<char>(digit(text[i]) << 4 | digit(text[i + 1])));
    }
    values.append_bytes(scratch);
    return {};
  }
  if (type.kind == TypeKind::kBit) {
    scratch.assign((text.size() + 7) / 8, '\0');
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '0' && text[i] != '1') return unreadable();
      const size_t bit = text.size() - 1 - i;
      char& byte = scratch[scratch.size() - 1 - bit / 8];
      if (text[i] == '1') byte = static_cast<char>(byte | 1 << (bit % 8));
    }
    values.append_bytes(scratch);
    return {};
  }
  return append_parsed(values, type, text);
}

}  // namespace sluice
