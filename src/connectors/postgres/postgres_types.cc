// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_types.h"

#include <fmt/format.h>

#include <algorithm>

#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int32_t kHeader = 4;  // added to lengths in atttypmod
constexpr int64_t kMicrosPerDay = 86'400'000'000;
constexpr uint32_t kLongestVarchar = 10'485'760;

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

}  // namespace

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
    case TypeKind::kDecimal: return fmt::format("numeric({},{})", type.precision, type.scale);
    case TypeKind::kString:
      return type.length == 0 || type.length > kLongestVarchar ? "text" : fmt::format("varchar({})", type.length);
    case TypeKind::kBytes:
    case TypeKind::kGeometry: return "bytea";
    case TypeKind::kDate: return "date";
    case TypeKind::kTime: return fmt::format("time({})", type.precision);
    case TypeKind::kTimestamp: return fmt::format("timestamp({})", type.precision);
    case TypeKind::kTimestampTz: return fmt::format("timestamptz({})", type.precision);
    case TypeKind::kJson: return "json";
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
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
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
    return Error(ErrorCode::kData, fmt::format("a value of the target cannot be read as {}", type_text(type)));
  };
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
