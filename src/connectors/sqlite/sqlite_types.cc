// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "data/value_text.h"

namespace sluice {
namespace {

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return result;
}

std::string with_number(std::string_view name, uint32_t number) {
  return number == 0 ? std::string(name) : fmt::format("{}({})", name, number);
}

// The numbers of "DECIMAL_TEXT(10,2)".
void read_numbers(std::string_view declared, uint32_t& first, uint32_t& second) {
  const auto open = declared.find('(');
  if (open == std::string_view::npos) return;
  const char* end = declared.data() + declared.size();
  const auto read = std::from_chars(declared.data() + open + 1, end, first);
  const char* comma = std::find(read.ptr, end, ',');
  if (comma == end) return;
  ++comma;
  while (comma != end && *comma == ' ') ++comma;
  std::from_chars(comma, end, second);
}

DataType of_affinity(std::string_view declared) {
  switch (sqlite_affinity(declared)) {
    case SqliteAffinity::kInteger: return {.kind = TypeKind::kInt64};
    case SqliteAffinity::kReal: return {.kind = TypeKind::kDouble};
    case SqliteAffinity::kBlob: return {.kind = TypeKind::kBytes};
    case SqliteAffinity::kText:
    case SqliteAffinity::kNumeric: break;
  }
  return {.kind = TypeKind::kString};
}

}  // namespace

SqliteAffinity sqlite_affinity(std::string_view declared_type) {
  const std::string type = upper(declared_type);
  const auto has = [&type](const char* word) { return type.find(word) != std::string::npos; };
  if (has("INT")) return SqliteAffinity::kInteger;
  if (has("CHAR") || has("CLOB") || has("TEXT")) return SqliteAffinity::kText;
  if (type.empty() || has("BLOB")) return SqliteAffinity::kBlob;
  if (has("REAL") || has("FLOA") || has("DOUB")) return SqliteAffinity::kReal;
  return SqliteAffinity::kNumeric;
}

std::string sqlite_declared_type(const DataType& type, bool sole_integer_key) {
  switch (type.kind) {
    case TypeKind::kBoolean: return "BOOLEAN";
    case TypeKind::kInt8: return sole_integer_key ? "INTEGER" : "TINYINT";
    case TypeKind::kInt16: return sole_integer_key ? "INTEGER" : "SMALLINT";
    case TypeKind::kInt32: return sole_integer_key ? "INTEGER" : "INT";
    case TypeKind::kInt64: return sole_integer_key ? "INTEGER" : "BIGINT";
    case TypeKind::kUInt64: return "DECIMAL_TEXT(20,0)";
    case TypeKind::kFloat: return "FLOAT";
    case TypeKind::kDouble: return "DOUBLE";
    case TypeKind::kDecimal: return fmt::format("DECIMAL_TEXT({},{})", type.precision, type.scale);
    case TypeKind::kString:
      return type.length == 0 ? "TEXT" : with_number(type.fixed_length ? "CHAR" : "VARCHAR", type.length);
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry: return "BLOB";
    case TypeKind::kDate: return "DATE";
    case TypeKind::kTime: return with_number("TIME", type.precision);
    case TypeKind::kTimestamp: return with_number("DATETIME", type.precision);
    case TypeKind::kTimestampTz: return with_number("TIMESTAMP", type.precision);
    case TypeKind::kYear: return "YEAR";
    case TypeKind::kJson: return "JSON_TEXT";
    case TypeKind::kEnum:
    case TypeKind::kSet: return "TEXT";
    case TypeKind::kUuid: return "UUID_TEXT";
  }
  return "TEXT";
}

DataType sqlite_data_type(std::string_view declared_type, bool not_null) {
  const std::string declared = upper(declared_type);
  const std::string name = declared.substr(0, declared.find('('));
  uint32_t first = 0;
  uint32_t second = 0;
  read_numbers(declared, first, second);
  const auto precision = static_cast<uint16_t>(std::min(first, 65U));
  DataType type;
  if (name == "BOOLEAN") {
    type.kind = TypeKind::kBoolean;
  } else if (name == "TINYINT") {
    type.kind = TypeKind::kInt8;
  } else if (name == "SMALLINT") {
    type.kind = TypeKind::kInt16;
  } else if (name == "INT") {
    type.kind = TypeKind::kInt32;
  } else if (name == "FLOAT") {
    type.kind = TypeKind::kFloat;
  } else if (name == "DECIMAL_TEXT") {
    type = {.kind = TypeKind::kDecimal, .precision = precision, .scale = static_cast<uint16_t>(std::min(second, 65U))};
  } else if (name == "VARCHAR" || name == "CHAR") {
    type = {.kind = TypeKind::kString, .length = first, .fixed_length = name == "CHAR"};
  } else if (name == "DATE") {
    type.kind = TypeKind::kDate;
  } else if (name == "TIME") {
    type = {.kind = TypeKind::kTime, .precision = precision};
  } else if (name == "DATETIME") {
    type = {.kind = TypeKind::kTimestamp, .precision = precision};
  } else if (name == "TIMESTAMP") {
    type = {.kind = TypeKind::kTimestampTz, .precision = precision};
  } else if (name == "YEAR") {
    type.kind = TypeKind::kYear;
  } else if (name == "JSON_TEXT") {
    type.kind = TypeKind::kJson;
  } else if (name == "UUID_TEXT") {
    type.kind = TypeKind::kUuid;
  } else {
    type = of_affinity(declared);
  }
  type.nullable = !not_null;
  return type;
}

bool sqlite_keeps(const DataType& type, SqliteAffinity affinity) {
  const bool numeric =
      affinity == SqliteAffinity::kInteger || affinity == SqliteAffinity::kNumeric || affinity == SqliteAffinity::kReal;
  switch (type.kind) {
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kYear: return true;
    case TypeKind::kInt64: return affinity != SqliteAffinity::kReal;
    case TypeKind::kFloat:
    case TypeKind::kDouble: return affinity != SqliteAffinity::kText;
    case TypeKind::kUInt64:
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet: return !numeric;
    case TypeKind::kDecimal: return !numeric || (type.scale == 0 && type.precision <= 15);
    // Their text is never a number, and blobs are never converted.
    case TypeKind::kUuid:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry: return true;
  }
  return true;
}

Result<> bind_sqlite_value(SqliteStatement& statement, int parameter, const ColumnVector& values, size_t row,
                           const TableSchema& schema, size_t column, std::string& scratch) {
  if (!values.has_value(row)) {
    statement.bind_null(parameter);
    return {};
  }
  const DataType& type = schema.columns[column].type;
  switch (type.kind) {
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kYear: statement.bind_int(parameter, values.int_at(row)); break;
    case TypeKind::kFloat:
    case TypeKind::kDouble:
      if (std::isnan(values.double_at(row))) {
        return Error(ErrorCode::kData,
                     fmt::format("column '{}' of {} holds NaN, which SQLite cannot store", schema.columns[column].name,
                                 schema.id.text()),
                     "Replace NaN by a projection, for example NULLIF, or use another target.");
      }
      statement.bind_double(parameter, values.double_at(row));
      break;
    case TypeKind::kUInt64:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
      scratch.clear();
      append_value_text(values, type, row, scratch);
      statement.bind_text(parameter, scratch);
      break;
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry: statement.bind_blob(parameter, values.bytes_at(row)); break;
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid: statement.bind_text(parameter, values.bytes_at(row)); break;
  }
  return {};
}

Result<> append_sqlite_value(const SqliteStatement& statement, int column, const DataType& type, ColumnVector& values) {
  if (statement.is_null(column)) {
    values.append_null();
    return {};
  }
  switch (type.kind) {
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kYear: values.append_int(statement.int_at(column)); return {};
    case TypeKind::kFloat:
    case TypeKind::kDouble: values.append_double(statement.double_at(column)); return {};
    case TypeKind::kBoolean:
    case TypeKind::kUInt64:
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return append_parsed(values, type, statement.text_at(column));
}

}  // namespace sluice
