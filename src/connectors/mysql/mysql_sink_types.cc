// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "connectors/mysql/mysql_types.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr uint32_t kLongestVarchar = 16'383;  // characters of utf8mb4 in a row of 64 KiB
constexpr uint32_t kLongestVarbinary = 65'535;
constexpr uint32_t kKeyTextLength = 255;

std::string quoted_labels(const DataType& type) {
  std::string sql;
  if (!type.labels) return sql;
  for (const std::string& label : *type.labels) {
    if (!sql.empty()) sql += ',';
    sql += mysql::quoted_label(label);
  }
  return sql;
}

std::string string_sql(const DataType& type, bool in_key) {
  const uint32_t length = type.length == 0 && in_key ? kKeyTextLength : type.length;
  if (type.fixed_length && length > 0 && length <= 255) return fmt::format("char({})", length);
  if (length > 0 && length <= kLongestVarchar) return fmt::format("varchar({})", length);
  return "longtext";
}

std::string bytes_sql(const DataType& type, bool in_key) {
  const uint32_t length = type.length == 0 && in_key ? kKeyTextLength : type.length;
  if (type.fixed_length && length > 0 && length <= 255) return fmt::format("binary({})", length);
  if (length > 0 && length <= kLongestVarbinary) return fmt::format("varbinary({})", length);
  return "longblob";
}

std::string with_precision(std::string_view name, uint16_t precision) {
  return precision == 0 ? std::string(name) : fmt::format("{}({})", name, precision);
}

// PostgreSQL's numeric may have more digits than DECIMAL of any server (65, MySQL 30 of them behind the point), or any
// number of them; it is text then.
bool is_decimal_here(const DataType& type) { return type.precision > 0 && type.precision <= 65 && type.scale <= 30; }

bool is_text(TypeKind kind) {
  return kind == TypeKind::kString || kind == TypeKind::kJson || kind == TypeKind::kEnum || kind == TypeKind::kSet ||
         kind == TypeKind::kUuid || kind == TypeKind::kDecimal;
}

bool is_binary(TypeKind kind) {
  return kind == TypeKind::kBytes || kind == TypeKind::kBit || kind == TypeKind::kGeometry;
}

// The server reads FLOAT values as doubles first: the shortest text of the largest float is beyond the range then.
void append_exact(double value, std::string& out) { fmt::format_to(std::back_inserter(out), "{:.17g}", value); }

void append_escaped(std::string_view text, std::string& out) {
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) > '\r' && c != '\\') continue;
    const char escape = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\0' ? '0' : ' ';
    if (escape == ' ') continue;
    out.append(text.substr(done, i - done));
    out.push_back('\\');
    out.push_back(escape);
    done = i + 1;
  }
  out.append(text.substr(done));
}

}  // namespace

bool is_mysql_type_text(std::string_view source_type) {
  // Names that mean the same to MySQL alone, or to both; PostgreSQL's "text" and "bigint" are fine here, too.
  static constexpr std::array kNames = std::to_array<std::string_view>({"tinyint",
                                                                        "smallint",
                                                                        "mediumint",
                                                                        "int",
                                                                        "bigint",
                                                                        "decimal",
                                                                        "float",
                                                                        "double",
                                                                        "char",
                                                                        "varchar",
                                                                        "tinytext",
                                                                        "mediumtext",
                                                                        "longtext",
                                                                        "text",
                                                                        "binary",
                                                                        "varbinary",
                                                                        "tinyblob",
                                                                        "blob",
                                                                        "mediumblob",
                                                                        "longblob",
                                                                        "date",
                                                                        "time",
                                                                        "datetime",
                                                                        "year",
                                                                        "enum",
                                                                        "set",
                                                                        "json",
                                                                        "geometry",
                                                                        "point",
                                                                        "linestring",
                                                                        "polygon",
                                                                        "multipoint",
                                                                        "multilinestring",
                                                                        "multipolygon",
                                                                        "geometrycollection"});
  const auto end = source_type.find_first_of("( ");
  return std::ranges::find(kNames, source_type.substr(0, end)) != kNames.end();
}

std::string mysql_type_sql(const DataType& type, bool in_key) {
  const bool long_key = in_key && (is_text(type.kind) || is_binary(type.kind)) && type.length == 0;
  // A PostgreSQL "point" or "time with time zone" is text here.
  const bool foreign_text = type.kind == TypeKind::kString && type.source_type.find("char") == std::string::npos &&
                            type.source_type.find("text") == std::string::npos;
  if (is_mysql_type_text(type.source_type) && !long_key && !foreign_text) return type.source_type;
  switch (type.kind) {
    case TypeKind::kBoolean: return "tinyint(1)";
    case TypeKind::kInt8: return "tinyint";
    case TypeKind::kInt16: return "smallint";
    case TypeKind::kInt32: return "int";
    case TypeKind::kInt64: return "bigint";
    case TypeKind::kUInt64: return "bigint unsigned";
    case TypeKind::kFloat: return "float";
    case TypeKind::kDouble: return "double";
    case TypeKind::kDecimal:
      return is_decimal_here(type) ? fmt::format("decimal({},{})", type.precision, type.scale) : string_sql({}, in_key);
    case TypeKind::kString: return string_sql(type, in_key);
    case TypeKind::kBytes: return bytes_sql(type, in_key);
    case TypeKind::kDate: return "date";
    case TypeKind::kTime: return with_precision("time", type.precision);
    case TypeKind::kTimestamp:
    // TIMESTAMP ends in 2038 and begins in 1970; the session's zone is UTC, so DATETIME holds the same instant.
    case TypeKind::kTimestampTz: return with_precision("datetime", type.precision);
    case TypeKind::kYear: return "year";
    case TypeKind::kJson: return "longtext";
    case TypeKind::kEnum: return type.labels && !in_key ? fmt::format("enum({})", quoted_labels(type)) : "varchar(255)";
    case TypeKind::kSet: return type.labels && !in_key ? fmt::format("set({})", quoted_labels(type)) : "varchar(255)";
    case TypeKind::kBit:
      return type.length <= 64 ? fmt::format("bit({})", std::max(type.length, 1U))
                               : fmt::format("varbinary({})", (type.length + 7) / 8);
    case TypeKind::kUuid: return "char(36)";
    case TypeKind::kGeometry: return in_key ? "varbinary(255)" : "geometry";
  }
  return "longtext";
}

DataType mysql_data_type(std::string_view data_type, std::string_view column_type, int64_t length, int64_t precision,
                         int64_t scale, int64_t datetime_precision) {
  DataType type;
  type.source_type = std::string(column_type);
  const bool is_unsigned = column_type.find("unsigned") != std::string_view::npos;
  const auto fraction = static_cast<uint16_t>(std::max<int64_t>(datetime_precision, 0));
  if (data_type == "tinyint") {
    type.kind = column_type == "tinyint(1)" ? TypeKind::kBoolean : is_unsigned ? TypeKind::kInt16 : TypeKind::kInt8;
  } else if (data_type == "smallint") {
    type.kind = is_unsigned ? TypeKind::kInt32 : TypeKind::kInt16;
  } else if (data_type == "mediumint") {
    type.kind = TypeKind::kInt32;
  } else if (data_type == "int") {
    type.kind = is_unsigned ? TypeKind::kInt64 : TypeKind::kInt32;
  } else if (data_type == "bigint") {
    type.kind = is_unsigned ? TypeKind::kUInt64 : TypeKind::kInt64;
  } else if (data_type == "float") {
    type.kind = TypeKind::kFloat;
  } else if (data_type == "double") {
    type.kind = TypeKind::kDouble;
  } else if (data_type == "decimal") {
    type.kind = TypeKind::kDecimal;
    type.precision = static_cast<uint16_t>(precision);
    type.scale = static_cast<uint16_t>(scale);
  } else if (data_type == "char" || data_type == "varchar") {
    type.length = static_cast<uint32_t>(length);
    type.fixed_length = data_type == "char";
  } else if (data_type == "binary" || data_type == "varbinary") {
    type.kind = TypeKind::kBytes;
    type.length = static_cast<uint32_t>(length);
    type.fixed_length = data_type == "binary";
  } else if (data_type.ends_with("blob")) {
    type.kind = TypeKind::kBytes;
  } else if (data_type == "date") {
    type.kind = TypeKind::kDate;
  } else if (data_type == "time") {
    type.kind = TypeKind::kTime;
    type.precision = fraction;
  } else if (data_type == "datetime" || data_type == "timestamp") {
    type.kind = data_type == "datetime" ? TypeKind::kTimestamp : TypeKind::kTimestampTz;
    type.precision = fraction;
  } else if (data_type == "year") {
    type.kind = TypeKind::kYear;
  } else if (data_type == "json") {
    type.kind = TypeKind::kJson;
  } else if (data_type == "enum") {
    type.kind = TypeKind::kEnum;
  } else if (data_type == "set") {
    type.kind = TypeKind::kSet;
  } else if (data_type == "bit") {
    type.kind = TypeKind::kBit;
    type.length = static_cast<uint32_t>(precision);
  } else if (data_type == "uuid") {
    type.kind = TypeKind::kUuid;
  } else if (is_mysql_type_text(data_type) && !data_type.ends_with("text")) {
    type.kind = TypeKind::kGeometry;
  }
  return type;
}

std::string mysql_enum_error_index(const DataType& type) {
  const auto is_label = [&](const std::string& text) {
    return type.labels && std::ranges::find(*type.labels, text) != type.labels->end();
  };
  if (type.kind != TypeKind::kEnum || is_label("")) return {};
  std::string index = "0";
  while (is_label(index)) index += '0';
  return index;
}

void append_mysql_literal(const MysqlConnection& connection, const ColumnVector& values, const DataType& type,
                          size_t row, std::string& sql) {
  if (is_binary(type.kind)) {
    MysqlConnection::append_hex_literal(values.bytes_at(row), sql);
  } else if (type.kind == TypeKind::kFloat) {
    append_exact(values.double_at(row), sql);
  } else if (type.kind == TypeKind::kDouble ||
             (type.kind == TypeKind::kDecimal && is_decimal_here(type) && values.bytes_at(row) != "NaN")) {
    append_value_text(values, type, row, sql);
  } else if (is_text(type.kind)) {
    connection.append_quoted(values.bytes_at(row), sql);
  } else if (type.kind == TypeKind::kBoolean) {
    sql += values.int_at(row) != 0 ? '1' : '0';
  } else {
    const bool quoted = type.kind == TypeKind::kDate || type.kind == TypeKind::kTime ||
                        type.kind == TypeKind::kTimestamp || type.kind == TypeKind::kTimestampTz;
    if (quoted) sql += '\'';
    append_value_text(values, type, row, sql);
    if (quoted) sql += '\'';
  }
}

void append_mysql_field(const ColumnVector& values, const DataType& type, size_t row, std::string& out) {
  if (is_text(type.kind) && type.kind != TypeKind::kDecimal) {
    append_escaped(values.bytes_at(row), out);
  } else if (is_binary(type.kind)) {
    append_hex(values.bytes_at(row), out);
  } else if (type.kind == TypeKind::kBoolean) {
    out += values.int_at(row) != 0 ? '1' : '0';
  } else if (type.kind == TypeKind::kFloat) {
    append_exact(values.double_at(row), out);
  } else if (type.kind == TypeKind::kYear && values.int_at(row) == 0) {
    out += "0000";  // the text '0' means 2000
  } else {
    append_value_text(values, type, row, out);
  }
}

Result<> append_mysql_text(ColumnVector& values, const DataType& type, std::string_view text, std::string& scratch) {
  if (type.kind != TypeKind::kBit) return append_parsed(values, type, text);
  // BIT arrives as bytes, without leading zero bytes in some versions.
  scratch.assign((type.length + 7) / 8, '\0');
  const size_t kept = std::min(scratch.size(), text.size());
  std::copy(text.end() - static_cast<std::ptrdiff_t>(kept), text.end(),
            scratch.end() - static_cast<std::ptrdiff_t>(kept));
  values.append_bytes(scratch);
  return {};
}

}  // namespace sluice
