// SPDX-License-Identifier: Apache-2.0
#include "connector/relational_writing.h"

#include "data/column_vector.h"
#include "data/value_text.h"

namespace sluice {
namespace {

// "'it''s'" without its quotes; backslash escapes as MariaDB prints them.
std::string unquote(std::string_view text) {
  constexpr std::string_view kEscapes = "nr0";
  constexpr std::string_view kEscaped("\n\r\0", 3);
  std::string value;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    const char c = text[i];
    if ((c == '\'' || c == '\\') && i + 2 < text.size()) ++i;
    const size_t escape = c == '\\' ? kEscapes.find(text[i]) : std::string_view::npos;
    value += escape == std::string_view::npos ? text[i] : kEscaped[escape];
  }
  return value;
}

std::string zero_of(const DataType& type) {
  switch (type.kind) {
    case TypeKind::kBoolean: return "false";
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kYear:
    case TypeKind::kDecimal: return "0";
    case TypeKind::kTime: return "00:00:00";
    case TypeKind::kEnum: return type.labels && !type.labels->empty() ? type.labels->front() : std::string();
    case TypeKind::kBit: return std::string((type.length + 7) / 8, '\0');
    case TypeKind::kBytes: return type.fixed_length ? std::string(type.length, '\0') : std::string();
    case TypeKind::kString:
    case TypeKind::kSet: return {};
    case TypeKind::kJson: return "null";
    case TypeKind::kUuid: return "00000000-0000-0000-0000-000000000000";
    // MySQL's zero date is no date anywhere else; the source's policy for it decides what later rows hold.
    case TypeKind::kDate: return "1970-01-01";
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return "1970-01-01 00:00:00";
    case TypeKind::kGeometry: return {};
  }
  return {};
}

}  // namespace

std::optional<std::string> value_of_added_column(const Column& column) {
  const auto fallback = [&column]() -> std::optional<std::string> {
    if (column.type.nullable) return std::nullopt;
    return zero_of(column.type);
  };
  if (!column.default_expression) return fallback();
  const std::string& expression = *column.default_expression;
  if (expression == "NULL" || expression == "null") return fallback();
  std::string value = expression;
  if (expression.size() >= 2 && expression.front() == '\'' && expression.back() == '\'') value = unquote(expression);
  // Whatever the type cannot be read from (current_timestamp(), uuid()) is an expression.
  ColumnVector parsed(column.type.kind);
  if (!append_parsed(parsed, column.type, value)) return fallback();
  if (parsed.storage() == Storage::kBytes && value == expression && value.ends_with(')')) return fallback();
  if (column.type.kind == TypeKind::kBit) return fallback();
  if (parsed.storage() == Storage::kBytes) return std::string(parsed.bytes_at(0));
  std::string canonical;
  append_value_text(parsed, column.type, 0, canonical);
  return canonical;
}

bool has_integer_key(const TableSchema& schema) {
  if (schema.key.empty()) return false;
  const TypeKind kind = schema.columns[schema.key[0]].type.kind;
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64 ||
         kind == TypeKind::kUInt64;
}

}  // namespace sluice
