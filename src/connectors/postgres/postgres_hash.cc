// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_hash.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice {
namespace {

std::string form_of(const DataType& type) {
  if (type.kind == TypeKind::kDecimal && type.precision == 0) return "postgres:numeric";
  if (type.kind == TypeKind::kFloat || type.kind == TypeKind::kDouble) return "postgres:float";
  if (type.kind == TypeKind::kJson) return "postgres:json";
  if (type.kind == TypeKind::kBit) return "postgres:bit";
  return shared_hash_form(type);
}

// The settings of our sessions pin what these print.
std::string text_of(const DataType& type, const std::string& name) {
  switch (type.kind) {
    case TypeKind::kBoolean: return name + "::int::text";
    case TypeKind::kDecimal: return name + "::numeric::text";  // money, too
    case TypeKind::kString:
    case TypeKind::kEnum:
    case TypeKind::kSet: return fmt::format("concat({})", name);  // with the blanks that fill a char(n)
    case TypeKind::kBytes: return fmt::format("encode({}, 'hex')", name);
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kYear:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDate:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz:
    case TypeKind::kJson:
    case TypeKind::kBit:
    case TypeKind::kUuid:
    case TypeKind::kGeometry: break;
  }
  return name + "::text";
}

}  // namespace

Result<std::vector<std::string>> postgres_hash_forms(Context& context, PostgresConnection& connection,
                                                     const TableSchema& schema) {
  ASSIGN_OR_RETURN(const PostgresResult encoding, connection.query(context, "SHOW server_encoding"));
  std::vector<std::string> forms(schema.columns.size());
  if (encoding.at(0, 0) != "UTF8") return forms;  // the server hashes the bytes it has
  for (size_t i = 0; i < forms.size(); ++i) forms[i] = form_of(schema.columns[i].type);
  return forms;
}

Result<HashedRows> hash_postgres_rows(Context& context, PostgresConnection& connection, const TableSchema& schema,
                                      const std::string& from, const PostgresParameters& parameters) {
  std::string row;
  for (const Column& column : schema.columns) {
    const std::string name = PostgresConnection::quote_identifier(column.name);
    const std::string text = text_of(column.type, name);
    row += fmt::format("{}CASE WHEN {} IS NULL THEN '-' ELSE octet_length({})::text || ':' || {} END",
                       row.empty() ? "" : " || ", name, text, text);
  }
  const std::string sql = fmt::format(
      "SELECT count(*), coalesce(sum(('x' || left(encode(sha256(convert_to({}, 'UTF8')), 'hex'), "
      "15))::bit(60)::bigint), 0){}",
      row, from);
  ASSIGN_OR_RETURN(const PostgresResult result, connection.query(context, sql, parameters));
  HashedRows hashed{.rows = 0, .sum = std::string(result.at(0, 1))};
  const std::string_view rows = result.at(0, 0);
  std::from_chars(rows.data(), rows.data() + rows.size(), hashed.rows);
  return hashed;
}

}  // namespace sluice
