// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink_reader.h"

#include <fmt/format.h>

#include "connector/relational_writing.h"
#include "connectors/mysql/mysql_hash.h"
#include "connectors/mysql/mysql_sink_ledger.h"
#include "connectors/mysql/mysql_sink_schema.h"
#include "connectors/mysql/mysql_sink_types.h"

namespace sluice {
namespace {

constexpr size_t kBatchBytes = 256 << 10;

}  // namespace

Result<std::vector<LedgerEntry>> MysqlReader::begin_snapshot(Context& context, const std::string& job) {
  rows_.reset();
  RETURN_IF_ERROR(connection_->execute(context, "ROLLBACK"));
  RETURN_IF_ERROR(connection_->execute(context, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  RETURN_IF_ERROR(connection_->execute(context, "START TRANSACTION WITH CONSISTENT SNAPSHOT"));
  return read_mysql_ledger(context, *connection_, job);
}

// " FROM t WHERE ...".
std::string MysqlReader::rows_of(const SnapshotChunk& range, const TableSchema& schema) const {
  std::string sql = " FROM " + qualified_mysql(range.table);
  if (!has_integer_key(schema)) return sql;
  const std::string key = MysqlConnection::quote_identifier(schema.columns[schema.key[0]].name);
  const char* joint = " WHERE ";
  for (const auto* bound : {&range.lower, &range.upper}) {
    if (!*bound) continue;
    sql += fmt::format("{}{} {} ", joint, key, bound == &range.lower ? ">=" : "<");
    connection_->append_quoted(**bound, sql);
    joint = " AND ";
  }
  return sql;
}

Result<std::vector<std::string>> MysqlReader::hash_forms(Context&, const TableSchema& schema) {
  return mysql_hash_forms(*connection_, schema);
}

Result<HashedRows> MysqlReader::hash_rows(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) {
  rows_.reset();
  return hash_mysql_rows(context, *connection_, *schema, rows_of(range, *schema))
      .context("hashing " + schema->id.text());
}

Result<> MysqlReader::begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) {
  schema_ = schema;
  rows_.reset();
  std::string sql = "SELECT ";
  for (size_t i = 0; i < schema->columns.size(); ++i) {
    const Column& column = schema->columns[i];
    sql += (i > 0 ? ", " : "") + MysqlConnection::quote_identifier(column.name);
    // The server prints FLOAT with six digits only.
    if (column.type.kind == TypeKind::kFloat) sql += " + 0E0";
  }
  sql += rows_of(range, *schema);
  auto rows = connection_->stream(context, sql).context("reading " + schema->id.text());
  if (!rows) return std::move(rows).error();
  rows_ = std::move(*rows);
  return {};
}

Result<bool> MysqlReader::next(Context& context, ChangeBatch& batch) {
  MysqlRow row;
  while (batch.byte_size() < kBatchBytes) {
    ASSIGN_OR_RETURN(const bool more, rows_->next(context, row));
    if (!more) {
      rows_.reset();
      return false;
    }
    for (unsigned i = 0; i < row.size(); ++i) {
      if (row.is_null(i)) {
        batch.columns[i].append_null();
        continue;
      }
      auto appended = append_mysql_text(batch.columns[i], schema_->columns[i].type, row[i], scratch_);
      if (appended) continue;
      return std::move(appended).error().context(
          fmt::format("reading column '{}' of {}", schema_->columns[i].name, schema_->id.text()));
    }
    batch.kinds.push_back(RowKind::kRead);
  }
  return true;
}

}  // namespace sluice
