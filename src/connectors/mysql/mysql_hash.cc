// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_hash.h"

#include <fmt/format.h>

#include <charconv>
#include <random>

namespace sluice {
namespace {

// FLOAT and DOUBLE have no text of all their digits in every version; BIT and geometry none at all.
std::string form_of(const DataType& type, bool mariadb) {
  if (type.kind == TypeKind::kJson) return mariadb ? "mariadb:json" : "mysql:json";
  return shared_hash_form(type);
}

// A fraction of a second without zeros at its end, as PostgreSQL prints it.
std::string clock_text(const std::string& name) {
  const std::string text = fmt::format("CAST({} AS CHAR)", name);
  return fmt::format("IF(LOCATE('.', {0}) > 0, TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {0})), {0})", text);
}

std::string text_of(const DataType& type, const std::string& name) {
  switch (type.kind) {
    case TypeKind::kBoolean: return fmt::format("CAST({} <> 0 AS CHAR)", name);
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kYear: return fmt::format("CAST({} + 0 AS CHAR)", name);  // without the zeros of ZEROFILL
    case TypeKind::kBytes: return fmt::format("LOWER(HEX({}))", name);
    case TypeKind::kTime:
    case TypeKind::kTimestamp: return clock_text(name);
    case TypeKind::kTimestampTz: return fmt::format("CONCAT({}, '+00')", clock_text(name));
    case TypeKind::kDecimal:
    case TypeKind::kDate:
    case TypeKind::kUuid: return fmt::format("CAST({} AS CHAR)", name);
    case TypeKind::kString:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kJson:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kBit:
    case TypeKind::kGeometry: break;
  }
  return fmt::format("CONVERT({} USING utf8mb4)", name);
}

}  // namespace

std::vector<std::string> mysql_hash_forms(const MysqlConnection& connection, const TableSchema& schema) {
  std::vector<std::string> forms;
  for (const Column& column : schema.columns) forms.push_back(form_of(column.type, connection.is_mariadb()));
  return forms;
}

Result<HashedRows> hash_mysql_rows(Context& context, MysqlConnection& connection, const TableSchema& schema,
                                   const std::string& from) {
  std::string row;
  for (const Column& column : schema.columns) {
    const std::string name = MysqlConnection::quote_identifier(column.name);
    const std::string text = text_of(column.type, name);
    row += fmt::format("{}IF({} IS NULL, '-', CONCAT(LENGTH({}), ':', {}))", row.empty() ? "" : ", ", name, text, text);
  }
  // Text longer than max_allowed_packet is NULL to the server's functions: a number that nobody else has stands for it.
  std::random_device random;
  const uint64_t unknown = (uint64_t{random()} << 27) + random();
  const std::string sql = fmt::format(
      "SELECT COUNT(*), IFNULL(SUM(IFNULL(CAST(CONV(LEFT(SHA2(CONCAT({}), 256), 15), 16, 10) AS UNSIGNED), {})), 0){}",
      row, unknown, from);
  ASSIGN_OR_RETURN(const auto result, connection.query(context, sql));
  HashedRows hashed{.rows = 0, .sum = result.at(0).at(1).value_or("")};
  const std::string rows = result.at(0).at(0).value_or("");
  std::from_chars(rows.data(), rows.data() + rows.size(), hashed.rows);
  return hashed;
}

}  // namespace sluice
