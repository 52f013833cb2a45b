// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_default.h"

#include <optional>

#include "data/value_text.h"

namespace sluice {
namespace {

bool is_temporal(TypeKind kind) {
  return kind == TypeKind::kDate || kind == TypeKind::kTime || kind == TypeKind::kTimestamp ||
         kind == TypeKind::kTimestampTz;
}

bool starts_like_a_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text[0] >= '0' && text[0] <= '9';
}

// 'it''s' without its quotes.
std::optional<std::string> unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '\'' || text.back() != '\'') return std::nullopt;
  std::string out;
  for (size_t i = 1; i + 1 < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\'') ++i;
  }
  return out;
}

// The constant's text as a value's; nothing if it is an expression.
std::optional<std::string> constant(const Column& column, EventSource source) {
  const std::string& text = *column.default_expression;
  if (auto quoted = unquoted(text)) return quoted;
  const TypeKind kind = column.type.kind;
  const bool words = kind == TypeKind::kString || kind == TypeKind::kEnum || kind == TypeKind::kSet;
  // MySQL alone prints them without quotes, and functions alike.
  if (words) return source == EventSource::kMysql && !text.ends_with(')') ? std::optional(text) : std::nullopt;
  if (kind == TypeKind::kBoolean) {
    if (text == "true" || text == "TRUE" || text == "1" || text == "b'1'") return "true";
    if (text == "false" || text == "FALSE" || text == "0" || text == "b'0'") return "false";
    return std::nullopt;
  }
  if (kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry || kind == TypeKind::kJson) {
    return std::nullopt;
  }
  return starts_like_a_number(text) ? std::optional(text) : std::nullopt;
}

// "12.5" for a DECIMAL(10,2) is "12.50".
std::string padded(std::string text, const DataType& type) {
  if (type.kind != TypeKind::kDecimal || type.precision == 0 || type.scale == 0) return text;
  const size_t point = text.find('.');
  size_t digits = point == std::string::npos ? 0 : text.size() - point - 1;
  if (point == std::string::npos) text += '.';
  for (; digits < type.scale; ++digits) text += '0';
  return text;
}

}  // namespace

std::string event_default(const Column& column, const EventField& field, const DebeziumOptions& options,
                          std::string_view zero) {
  if (!column.default_expression) return {};
  const auto text = constant(column, options.source);
  if (!text) {
    const bool clock = is_temporal(column.type.kind) && options.source != EventSource::kPostgres;
    return clock && !column.type.nullable ? std::string(zero) : std::string();
  }
  ColumnVector value(column.type.kind);
  std::string out;
  if (!append_parsed(value, column.type, padded(*text, column.type))) return {};
  if (!append_event_value(field, value, 0, out)) return {};
  return out;
}

}  // namespace sluice
