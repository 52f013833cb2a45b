// SPDX-License-Identifier: Apache-2.0
#include "codec/postgres_array.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>

#include "data/value_text.h"

namespace sluice {
namespace {

using std::string_view;

constexpr string_view kBrackets = "[]";

struct Named {
  string_view name;
  TypeKind kind;
};
constexpr std::array kPlain = {
    Named{"smallint", TypeKind::kInt16},
    Named{"integer", TypeKind::kInt32},
    Named{"bigint", TypeKind::kInt64},
    Named{"oid", TypeKind::kInt64},
    Named{"real", TypeKind::kFloat},
    Named{"double precision", TypeKind::kDouble},
    Named{"boolean", TypeKind::kBoolean},
    Named{"numeric", TypeKind::kDecimal},
    Named{"text", TypeKind::kString},
    Named{"character varying", TypeKind::kString},
    Named{"character", TypeKind::kString},
    Named{"bpchar", TypeKind::kString},
    Named{"date", TypeKind::kDate},
    Named{"uuid", TypeKind::kUuid},
    Named{"json", TypeKind::kJson},
    Named{"jsonb", TypeKind::kJson},
    Named{"bytea", TypeKind::kBytes},
    Named{"time without time zone", TypeKind::kTime},
    Named{"timestamp without time zone", TypeKind::kTimestamp},
    Named{"timestamp with time zone", TypeKind::kTimestampTz},
};
// Whose elements are text of the server's with the type's name.
constexpr std::array<string_view, 14> kOwn = {"inet",      "cidr",     "macaddr", "macaddr8",           "int4range",
                                              "int8range", "numrange", "tsrange", "tstzrange",          "daterange",
                                              "citext",    "ltree",    "hstore",  "time with time zone"};

// Splits "numeric(10,2)" and "timestamp(3) without time zone" into the name and the numbers.
std::string without_numbers(string_view text, int& first, int& second) {
  const size_t open = text.find('(');
  const size_t close = text.find(')');
  if (open == string_view::npos || close == string_view::npos) return std::string(text);
  const std::string numbers(text.substr(open + 1, close - open - 1));
  char* rest = nullptr;
  first = static_cast<int>(std::strtol(numbers.c_str(), &rest, 10));
  if (*rest == ',') second = static_cast<int>(std::strtol(rest + 1, nullptr, 10));
  return std::string(text.substr(0, open)) + std::string(text.substr(close + 1));
}

int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

std::optional<DataType> postgres_element_type(const DataType& array) {
  string_view text = array.source_type;
  if (!text.ends_with(kBrackets)) return std::nullopt;
  text.remove_suffix(kBrackets.size());
  if (array.labels) return DataType{.kind = TypeKind::kEnum, .labels = array.labels, .source_type = std::string(text)};
  int first = -1;
  int second = 0;
  const std::string name = without_numbers(text, first, second);
  for (const Named& plain : kPlain) {
    if (name != plain.name) continue;
    DataType type{.kind = plain.kind};
    if (plain.kind == TypeKind::kDecimal && first > 0) {
      type.precision = static_cast<uint16_t>(first);
      type.scale = static_cast<uint16_t>(second);
    }
    const bool clock =
        plain.kind == TypeKind::kTime || plain.kind == TypeKind::kTimestamp || plain.kind == TypeKind::kTimestampTz;
    if (clock) type.precision = first < 0 ? 6 : static_cast<uint16_t>(first);
    return type;
  }
  const size_t dot = name.rfind('.');
  const string_view last = string_view(name).substr(dot == std::string::npos ? 0 : dot + 1);
  for (const string_view own : kOwn) {
    if (last == own) return DataType{.kind = TypeKind::kString, .source_type = std::string(text)};
  }
  return std::nullopt;
}

bool for_each_array_element(string_view text, const std::function<Result<>(std::optional<string_view>)>& take,
                            Result<>& result) {
  // "[0:2]={1,2,3}"
  if (text.starts_with('[')) text.remove_prefix(std::min(text.find('=') + 1, text.size()));
  if (text.size() < 2 || text.front() != '{' || text.back() != '}') return false;
  text = text.substr(1, text.size() - 2);
  std::string unquoted;
  while (!text.empty()) {
    const bool quoted = text.front() == '"';
    size_t end = quoted ? 1 : 0;
    unquoted.clear();
    for (; end < text.size() && text[end] != (quoted ? '"' : ','); ++end) {
      if (!quoted && text[end] == '{') return false;
      if (text[end] == '\\' && ++end == text.size()) return false;
      unquoted += text[end];
    }
    if (quoted && end++ >= text.size()) return false;
    const bool null = !quoted && unquoted == "NULL";
    result = take(null ? std::nullopt : std::optional<string_view>(unquoted));
    if (!result) return true;
    text.remove_prefix(end);
    if (text.empty()) break;
    if (text.front() != ',') return false;
    text.remove_prefix(1);
  }
  return true;
}

bool append_array_element(ColumnVector& values, const DataType& type, string_view text) {
  if (type.kind == TypeKind::kBytes) {
    if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
    std::string bytes;
    for (size_t i = 2; i < text.size(); i += 2) {
      bytes += static_cast<char>(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
    }
    values.append_bytes(bytes);
    return true;
  }
  return append_parsed(values, type, text).has_value();
}

}  // namespace sluice
