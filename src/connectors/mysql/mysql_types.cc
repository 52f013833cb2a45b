// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "connectors/mysql/charset.h"
#include "data/value_text.h"

namespace sluice::mysql {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A type's text in parts: base "decimal", arguments {"10", "2"}, words {"unsigned"}.
struct TypeText {
  std::string base;
  std::vector<std::string> arguments;
  std::vector<std::string> words;

  bool has(std::string_view word) const { return std::find(words.begin(), words.end(), word) != words.end(); }
};

// What stands behind the backslash for each character that does not stand for itself in quotes.
constexpr std::string_view kEscapes = "\\nr0";
constexpr std::string_view kEscaped("\\\n\r\0", 4);

// The other way of quoted_label: reads it at the front of `text`.
bool take_quoted(std::string_view& text, std::string& out) {
  text.remove_prefix(1);
  while (!text.empty()) {
    char c = text[0];
    text.remove_prefix(1);
    if (c == '\'') {
      if (text.empty() || text[0] != '\'') return true;
      text.remove_prefix(1);
    } else if (c == '\\' && !text.empty()) {
      const size_t escape = kEscapes.find(text[0]);
      c = escape == std::string_view::npos ? text[0] : kEscaped[escape];
      text.remove_prefix(1);
    }
    out += c;
  }
  return false;
}

void skip_blanks_and_comments(std::string_view& text) {
  while (!text.empty()) {
    if (text[0] == ' ') {
      text.remove_prefix(1);
    } else if (text.substr(0, 2) == "/*") {
      size_t end = text.find("*/");
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    } else {
      return;
    }
  }
}

bool split_type(std::string_view text, TypeText& out) {
  auto take_word = [&text] {
    std::string word;
    while (!text.empty() && text[0] != ' ' && text[0] != '(' && text[0] != '/') {
      word += lower(text[0]);
      text.remove_prefix(1);
    }
    return word;
  };
  skip_blanks_and_comments(text);
  out.base = take_word();
  skip_blanks_and_comments(text);
  if (!text.empty() && text[0] == '(') {
    do {
      text.remove_prefix(1);
      skip_blanks_and_comments(text);
      std::string argument;
      if (!text.empty() && text[0] == '\'') {
        if (!take_quoted(text, argument)) return false;
      } else {
        while (!text.empty() && text[0] != ',' && text[0] != ')') {
          argument += text[0];
          text.remove_prefix(1);
        }
      }
      out.arguments.push_back(std::move(argument));
      skip_blanks_and_comments(text);
    } while (!text.empty() && text[0] == ',');
    if (text.empty() || text[0] != ')') return false;
    text.remove_prefix(1);
  }
  for (skip_blanks_and_comments(text); !text.empty(); skip_blanks_and_comments(text)) {
    std::string word = take_word();
    if (word.empty()) return false;
    out.words.push_back(std::move(word));
  }
  return !out.base.empty();
}

// The canonical text: no display width (servers differ in showing it) except where it carries meaning.
std::string source_type_text(const TypeText& type) {
  bool integer = type.base.find("int") != std::string::npos && type.base != "point";
  bool keep =
      !integer || type.has("zerofill") || (type.base == "tinyint" && type.arguments == std::vector<std::string>{"1"});
  if (type.base == "year") keep = false;
  bool quoted = type.base == "enum" || type.base == "set";
  std::string text = type.base;
  for (size_t i = 0; keep && i < type.arguments.size(); ++i) {
    text += i == 0 ? "(" : ",";
    text += quoted ? quoted_label(type.arguments[i]) : type.arguments[i];
  }
  if (keep && !type.arguments.empty()) text += ')';
  if (type.has("unsigned") || type.has("zerofill")) text += " unsigned";
  if (type.has("zerofill")) text += " zerofill";
  return text;
}

uint32_t number_argument(const TypeText& type, size_t index, uint32_t fallback) {
  uint32_t value = fallback;
  if (index < type.arguments.size()) {
    const std::string& text = type.arguments[index];
    std::from_chars(text.data(), text.data() + text.size(), value);
  }
  return value;
}

struct FixedKind {
  std::string_view base;
  TypeKind kind;
  TypeKind unsigned_kind;
};
constexpr FixedKind kFixedKinds[] = {
    {"tinyint", TypeKind::kInt8, TypeKind::kInt16},
    {"smallint", TypeKind::kInt16, TypeKind::kInt32},
    {"mediumint", TypeKind::kInt32, TypeKind::kInt32},
    {"int", TypeKind::kInt32, TypeKind::kInt64},
    {"integer", TypeKind::kInt32, TypeKind::kInt64},
    {"bigint", TypeKind::kInt64, TypeKind::kUInt64},
    {"float", TypeKind::kFloat, TypeKind::kFloat},
    {"double", TypeKind::kDouble, TypeKind::kDouble},
    {"real", TypeKind::kDouble, TypeKind::kDouble},
    {"date", TypeKind::kDate, TypeKind::kDate},
    {"time", TypeKind::kTime, TypeKind::kTime},
    {"datetime", TypeKind::kTimestamp, TypeKind::kTimestamp},
    {"timestamp", TypeKind::kTimestampTz, TypeKind::kTimestampTz},
    {"year", TypeKind::kYear, TypeKind::kYear},
    {"json", TypeKind::kJson, TypeKind::kJson},
    {"uuid", TypeKind::kUuid, TypeKind::kUuid},
    {"inet4", TypeKind::kString, TypeKind::kString},
    {"inet6", TypeKind::kString, TypeKind::kString},
    {"vector", TypeKind::kBytes, TypeKind::kBytes},
    {"geometry", TypeKind::kGeometry, TypeKind::kGeometry},
    {"point", TypeKind::kGeometry, TypeKind::kGeometry},
    {"linestring", TypeKind::kGeometry, TypeKind::kGeometry},
    {"polygon", TypeKind::kGeometry, TypeKind::kGeometry},
    {"multipoint", TypeKind::kGeometry, TypeKind::kGeometry},
    {"multilinestring", TypeKind::kGeometry, TypeKind::kGeometry},
    {"multipolygon", TypeKind::kGeometry, TypeKind::kGeometry},
    {"geometrycollection", TypeKind::kGeometry, TypeKind::kGeometry},
    {"geomcollection", TypeKind::kGeometry, TypeKind::kGeometry},
    {"decimal", TypeKind::kDecimal, TypeKind::kDecimal},
    {"numeric", TypeKind::kDecimal, TypeKind::kDecimal},
    {"enum", TypeKind::kEnum, TypeKind::kEnum},
    {"set", TypeKind::kSet, TypeKind::kSet},
    {"binary", TypeKind::kBytes, TypeKind::kBytes},
    {"varbinary", TypeKind::kBytes, TypeKind::kBytes},
    {"tinyblob", TypeKind::kBytes, TypeKind::kBytes},
    {"blob", TypeKind::kBytes, TypeKind::kBytes},
    {"mediumblob", TypeKind::kBytes, TypeKind::kBytes},
    {"longblob", TypeKind::kBytes, TypeKind::kBytes},
    {"char", TypeKind::kString, TypeKind::kString},
    {"varchar", TypeKind::kString, TypeKind::kString},
    {"tinytext", TypeKind::kString, TypeKind::kString},
    {"text", TypeKind::kString, TypeKind::kString},
    {"mediumtext", TypeKind::kString, TypeKind::kString},
    {"longtext", TypeKind::kString, TypeKind::kString},
};

// Fills what follows from the arguments once the kind is known.
void fill_details(const TypeText& text, std::string_view charset, DataType& type) {
  if (type.kind == TypeKind::kDecimal) {
    type.precision = static_cast<uint16_t>(number_argument(text, 0, 10));
    type.scale = static_cast<uint16_t>(number_argument(text, 1, 0));
  } else if (type.kind == TypeKind::kTime || type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kTimestampTz) {
    type.precision = static_cast<uint16_t>(number_argument(text, 0, 0));
  } else if (type.kind == TypeKind::kEnum || type.kind == TypeKind::kSet) {
    type.labels = std::make_shared<const std::vector<std::string>>(text.arguments);
  } else if (type.kind == TypeKind::kString || type.kind == TypeKind::kBytes) {
    if (text.base == "char" || text.base == "varchar" || text.base == "binary" || text.base == "varbinary") {
      type.length = number_argument(text, 0, 1);
    }
    type.fixed_length = text.base == "char" || text.base == "binary";
    if (charset == "binary") type.kind = TypeKind::kBytes;
  }
}

// "2024-02-29" with all parts in range and such a day in the calendar? Sets zero for dates with a zero part.
bool is_zero_date(std::string_view text) {
  auto digits = [&](size_t from, size_t count) {
    uint32_t value = 0;
    std::from_chars(text.data() + from, text.data() + from + count, value);
    return value;
  };
  return text.size() >= 10 && !valid_date(digits(0, 4), digits(5, 2), digits(8, 2));
}

}  // namespace

bool is_internet_address(const DataType& type) { return type.source_type == "inet4" || type.source_type == "inet6"; }

std::string quoted_label(std::string_view label) {
  std::string out = "'";
  for (const char c : label) {
    const size_t escape = kEscaped.find(c);
    if (c == '\'') out += c;
    if (escape != std::string_view::npos) out += '\\';
    out += escape == std::string_view::npos ? c : kEscapes[escape];
  }
  return out + "'";
}

Result<DataType> mysql_data_type(std::string_view column_type, std::string_view charset, bool nullable,
                                 const TypeOptions& options) {
  TypeText text;
  if (!split_type(column_type, text)) {
    return Error(ErrorCode::kUnsupported, fmt::format("column type '{}' cannot be read", column_type.substr(0, 200)));
  }
  DataType type;
  type.nullable = nullable;
  type.source_type = source_type_text(text);
  uint32_t width = number_argument(text, 0, 0);
  if (text.base == "bit") {
    // As Flink CDC has it: one bit is a truth value.
    type.kind = width <= 1 ? TypeKind::kBoolean : TypeKind::kBit;
    type.length = width <= 1 ? 0 : width;
    return type;
  }
  bool truth = text.base == "bool" || text.base == "boolean";
  if (truth || (text.base == "tinyint" && text.arguments.size() == 1 && width == 1)) {
    if (truth) type.source_type = "tinyint(1)";
    bool is_unsigned = text.has("unsigned") || text.has("zerofill");
    type.kind = options.tinyint1_as_boolean ? TypeKind::kBoolean : is_unsigned ? TypeKind::kInt16 : TypeKind::kInt8;
    return type;
  }
  for (const FixedKind& entry : kFixedKinds) {
    if (entry.base != text.base) continue;
    bool is_unsigned = text.has("unsigned") || text.has("zerofill");
    type.kind = is_unsigned ? entry.unsigned_kind : entry.kind;
    fill_details(text, canonical_charset(charset), type);
    return type;
  }
  return Error(ErrorCode::kUnsupported, fmt::format("column type '{}' is not known", column_type.substr(0, 200)),
               "Leave the column out with a projection, or convert it on the source.");
}

std::string snapshot_expression(const DataType& type, std::string_view quoted_name) {
  bool rounded = type.kind == TypeKind::kFloat ||
                 (type.kind == TypeKind::kDouble && type.source_type.find('(') != std::string::npos);
  return rounded ? fmt::format("{}+0e0", quoted_name) : std::string(quoted_name);
}

bool valid_date(uint32_t year, uint32_t month, uint32_t day) {
  if (year == 0 || month == 0 || month > 12 || day == 0) return false;
  constexpr uint8_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return day <= kDays[month - 1] + (month == 2 && leap ? 1u : 0u);
}

void append_zero_date(ColumnVector& column, const DataType& type) {
  if (type.nullable) {
    column.append_null();
  } else {
    column.append_int(0);
  }
}

Result<> append_mysql_text(ColumnVector& column, const DataType& type, std::string_view text) {
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kYear: {
      int64_t value = 0;
      auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
      if (code != std::errc() || end != text.data() + text.size()) break;
      column.append_int(value);
      return {};
    }
    case TypeKind::kBoolean:
      // BIT(1) comes as a byte, TINYINT(1) as a digit.
      if (text.size() == 1 && (text[0] == '\0' || text[0] == '\1' || text[0] == '0' || text[0] == '1')) {
        column.append_int(text[0] & 1);
        return {};
      }
      return Error(
          ErrorCode::kData, "a TINYINT(1) column holds a number other than 0 and 1",
          "Set treat-tinyint1-as-boolean.enabled: false, drop the target table, and start the job with --reset.");
    case TypeKind::kDate:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      if (is_zero_date(text)) {
        append_zero_date(column, type);
        return {};
      }
      break;
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: column.append_bytes(text); return {};
    case TypeKind::kUInt64:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal:
    case TypeKind::kTime: break;
  }
  return append_parsed(column, type, text);
}

}  // namespace sluice::mysql
