// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_binary.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace sluice {
namespace {

constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr int64_t kDaysTo2000 = 10'957;  // PostgreSQL counts from 2000-01-01
// "infinity" and "-infinity", in all three types that have them.
constexpr int64_t kInfinity = std::numeric_limits<int64_t>::max();
constexpr int64_t kMinusInfinity = std::numeric_limits<int64_t>::min();
constexpr int64_t kPow10[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000};
constexpr int32_t kNull = -1;

template <typename T>
T big_endian(T value) {
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
}

template <typename T>
void append_raw(T value, std::string& out) {
  const T swapped = big_endian(value);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &swapped, sizeof(T));
  out.append(bytes, sizeof(T));
}

// The length and the number.
template <typename T>
void append_number(T value, std::string& out) {
  const auto length = big_endian(static_cast<int32_t>(sizeof(T)));
  const T swapped = big_endian(value);
  char bytes[4 + sizeof(T)];
  std::memcpy(bytes, &length, 4);
  std::memcpy(bytes + 4, &swapped, sizeof(T));
  out.append(bytes, sizeof bytes);
}

void append_sized(std::string_view bytes, std::string& out) {
  append_raw(static_cast<int32_t>(bytes.size()), out);
  out.append(bytes);
}

std::optional<uint16_t> special_sign(std::string_view text) {
  if (text == "NaN") return uint16_t{0xC000};
  if (text == "Infinity") return uint16_t{0xD000};
  if (text == "-Infinity") return uint16_t{0xF000};
  return std::nullopt;
}

// Digits in groups of four, counted from the point: "-12345.6" is 1 2345 . 6000.
void append_numeric(std::string_view text, std::string& out) {
  constexpr uint16_t kNegative = 0x4000;
  if (const auto special = special_sign(text)) {
    append_raw(int32_t{8}, out);
    append_raw(int32_t{0}, out);  // groups and weight
    append_raw(*special, out);
    append_raw(uint16_t{0}, out);
    return;
  }
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction = point < text.size() ? text.substr(point + 1) : std::string_view();
  const size_t whole_groups = (whole.size() + 3) / 4;
  const size_t groups = whole_groups + (fraction.size() + 3) / 4;
  append_raw(static_cast<int32_t>(8 + 2 * groups), out);
  append_raw(static_cast<int16_t>(groups), out);
  append_raw(static_cast<int16_t>(static_cast<int>(whole_groups) - 1), out);
  append_raw(negative ? kNegative : uint16_t{0}, out);
  append_raw(static_cast<uint16_t>(fraction.size()), out);
  const auto append_group = [&out](std::string_view digits, size_t missing) {
    int value = 0;
    for (const char digit : digits) value = value * 10 + (digit - '0');
    append_raw(static_cast<int16_t>(value * kPow10[missing]), out);
  };
  const size_t first = whole.size() % 4;
  if (first > 0) append_group(whole.substr(0, first), 0);
  for (size_t i = first; i < whole.size(); i += 4) append_group(whole.substr(i, 4), 0);
  for (size_t i = 0; i < fraction.size(); i += 4) {
    const std::string_view digits = fraction.substr(i, 4);
    append_group(digits, 4 - digits.size());
  }
}

// From the right end of the bytes to the left end of PostgreSQL's.
void append_bits(std::string_view bytes, uint32_t length, std::string& out) {
  const size_t taken = (length + 7) / 8;
  bytes = bytes.substr(bytes.size() - taken);
  const unsigned shift = static_cast<unsigned>(8 * taken) - length;
  append_raw(static_cast<int32_t>(4 + taken), out);
  append_raw(static_cast<int32_t>(length), out);
  for (size_t i = 0; i < taken; ++i) {
    const unsigned next = i + 1 < taken ? static_cast<unsigned char>(bytes[i + 1]) : 0U;
    const unsigned both = static_cast<unsigned>(static_cast<unsigned char>(bytes[i])) << 8 | next;
    out.push_back(static_cast<char>(both << shift >> 8));
  }
}

// As much of the fraction as the value's text would have.
int64_t cut_to_precision(int64_t micros, const DataType& type) {
  if (type.precision >= 6 || micros == kInfinity || micros == kMinusInfinity) return micros;
  const int64_t unit = kPow10[6 - type.precision];
  const int64_t rest = micros % unit;
  return micros - (rest < 0 ? rest + unit : rest);
}

bool append_timestamp(int64_t micros, std::string& out) {
  int64_t since_2000 = micros;
  const bool infinite = micros == kInfinity || micros == kMinusInfinity;
  if (!infinite && __builtin_sub_overflow(micros, kDaysTo2000 * kMicrosPerDay, &since_2000)) return false;
  append_number(since_2000, out);
  return true;
}

bool append_uuid(std::string_view text, std::string& out) {
  std::array<char, 16> bytes{};
  size_t digits = 0;
  for (const char c : text) {
    if (c == '-') continue;
    const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (value < 0 || digits == 32) return false;
    char& byte = bytes[digits / 2];
    byte = static_cast<char>(byte << 4 | value);
    ++digits;
  }
  if (digits != 32) return false;
  append_sized({bytes.data(), bytes.size()}, out);
  return true;
}

PostgresBinary binary_of_integer(TypeKind kind, std::string_view target) {
  if (target == "numeric") {
    return kind == TypeKind::kUInt64 ? PostgresBinary::kNumericOfUnsigned : PostgresBinary::kNumericOfInteger;
  }
  // A narrower target would have to check ranges.
  const int width = kind == TypeKind::kInt32 ? 4 : kind == TypeKind::kInt64 ? 8 : kind == TypeKind::kUInt64 ? 16 : 2;
  if (target == "int2" && width <= 2) return PostgresBinary::kInt2;
  if (target == "int4" && width <= 4) return PostgresBinary::kInt4;
  return target == "int8" && width <= 8 ? PostgresBinary::kInt8 : PostgresBinary::kNone;
}

}  // namespace

PostgresBinary postgres_binary(const DataType& type, const PostgresColumn& target) {
  const std::string& name = target.type_name;
  const auto if_target = [&name](std::string_view wanted, PostgresBinary form) {
    return name == wanted ? form : PostgresBinary::kNone;
  };
  const bool text = name == "varchar" || name == "text" || name == "bpchar" || name == "json";
  switch (type.kind) {
    case TypeKind::kBoolean: return name == "bool" ? PostgresBinary::kBoolean : binary_of_integer(type.kind, name);
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kYear: return binary_of_integer(type.kind, name);
    case TypeKind::kFloat: return if_target("float4", PostgresBinary::kFloat4);
    case TypeKind::kDouble: return if_target("float8", PostgresBinary::kFloat8);
    case TypeKind::kDecimal: return if_target("numeric", PostgresBinary::kNumericOfText);
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet: return text ? PostgresBinary::kText : if_target("jsonb", PostgresBinary::kJsonb);
    case TypeKind::kBytes:
    case TypeKind::kGeometry: return if_target("bytea", PostgresBinary::kBytes);
    case TypeKind::kDate: return if_target("date", PostgresBinary::kDate);
    case TypeKind::kTime: return if_target("time", PostgresBinary::kTime);
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      return name == "timestamptz" ? PostgresBinary::kTimestamp : if_target("timestamp", PostgresBinary::kTimestamp);
    case TypeKind::kBit: return name == "varbit" ? PostgresBinary::kBits : if_target("bit", PostgresBinary::kBits);
    case TypeKind::kUuid: return if_target("uuid", PostgresBinary::kUuid);
  }
  return PostgresBinary::kNone;
}

std::string_view postgres_binary_header() {
  static constexpr char kHeader[] =
      "PGCOPY\n\377\r\n\0"
      "\0\0\0\0"
      "\0\0\0\0";  // no flags, no extension
  return {kHeader, sizeof kHeader - 1};
}

std::string_view postgres_binary_trailer() { return "\377\377"; }

void begin_postgres_binary_row(size_t columns, std::string& out) { append_raw(static_cast<int16_t>(columns), out); }

void append_postgres_binary_null(std::string& out) { append_raw(kNull, out); }

bool append_postgres_binary(const ColumnVector& values, const DataType& type, PostgresBinary form, size_t row,
                            std::string& out) {
  const auto has_nul = [](std::string_view text) { return text.find('\0') != std::string_view::npos; };
  switch (form) {
    case PostgresBinary::kNone: return false;
    case PostgresBinary::kBoolean:
      append_sized(values.int_at(row) != 0 ? std::string_view("\1", 1) : std::string_view("\0", 1), out);
      return true;
    case PostgresBinary::kInt2: append_number(static_cast<int16_t>(values.int_at(row)), out); return true;
    case PostgresBinary::kInt4: append_number(static_cast<int32_t>(values.int_at(row)), out); return true;
    case PostgresBinary::kInt8: append_number(values.int_at(row), out); return true;
    case PostgresBinary::kFloat4:
      append_number(std::bit_cast<uint32_t>(static_cast<float>(values.double_at(row))), out);
      return true;
    case PostgresBinary::kFloat8: append_number(std::bit_cast<uint64_t>(values.double_at(row)), out); return true;
    case PostgresBinary::kNumericOfInteger:
      append_numeric(fmt::format_int(values.int_at(row)).c_str(), out);
      return true;
    case PostgresBinary::kNumericOfUnsigned:
      append_numeric(fmt::format_int(static_cast<uint64_t>(values.int_at(row))).c_str(), out);
      return true;
    case PostgresBinary::kNumericOfText: append_numeric(values.bytes_at(row), out); return true;
    case PostgresBinary::kText:
      if (has_nul(values.bytes_at(row))) return false;
      append_sized(values.bytes_at(row), out);
      return true;
    case PostgresBinary::kJsonb:
      if (has_nul(values.bytes_at(row))) return false;
      append_raw(static_cast<int32_t>(values.bytes_at(row).size() + 1), out);
      out.push_back('\1');  // the format's version
      out.append(values.bytes_at(row));
      return true;
    case PostgresBinary::kBytes: append_sized(values.bytes_at(row), out); return true;
    case PostgresBinary::kBits: {
      const std::string_view bytes = values.bytes_at(row);
      append_bits(bytes, type.length != 0 ? type.length : static_cast<uint32_t>(8 * bytes.size()), out);
      return true;
    }
    case PostgresBinary::kDate: {
      const int64_t days = values.int_at(row);
      if (days == kInfinity || days == kMinusInfinity) {
        using Limits = std::numeric_limits<int32_t>;
        append_number(days > 0 ? Limits::max() : Limits::min(), out);
        return true;
      }
      const int64_t since_2000 = days - kDaysTo2000;
      if (since_2000 != static_cast<int32_t>(since_2000)) return false;
      append_number(static_cast<int32_t>(since_2000), out);
      return true;
    }
    case PostgresBinary::kTime: {
      const int64_t micros = cut_to_precision(values.int_at(row), type);
      if (micros < 0 || micros > kMicrosPerDay) return false;
      append_number(micros, out);
      return true;
    }
    case PostgresBinary::kTimestamp: return append_timestamp(cut_to_precision(values.int_at(row), type), out);
    case PostgresBinary::kUuid: return append_uuid(values.bytes_at(row), out);
  }
  return false;
}

}  // namespace sluice
