// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_reader.h"

#include <fmt/format.h>

#include "connector/relational_writing.h"
#include "connectors/postgres/postgres_hash.h"
#include "connectors/postgres/postgres_ledger.h"
#include "connectors/postgres/postgres_schema.h"
#include "connectors/postgres/postgres_types.h"

namespace sluice {
namespace {

constexpr size_t kBatchBytes = 256 << 10;

// " FROM t WHERE ...", whose parameters are added to `bounds`.
std::string rows_of(const SnapshotChunk& range, const TableSchema& schema, PostgresParameters& bounds) {
  std::string sql = " FROM " + qualified(range.table);
  if (!has_integer_key(schema)) return sql;
  const std::string key = PostgresConnection::quote_identifier(schema.columns[schema.key[0]].name);
  for (const auto* bound : {&range.lower, &range.upper}) {
    if (!*bound) continue;
    bounds.push_back(*bound);
    sql += fmt::format(" {} {} {} ${}::numeric", bounds.size() == 1 ? "WHERE" : "AND", key,
                       bound == &range.lower ? ">=" : "<", bounds.size());
    // Integers of at most eight bytes are compared as such, so that the index is used.
    if (schema.columns[schema.key[0]].type.kind != TypeKind::kUInt64) sql += "::bigint";
  }
  return sql;
}

}  // namespace

Result<std::vector<LedgerEntry>> PostgresReader::begin_snapshot(Context& context, const std::string& job) {
  if (in_snapshot_) RETURN_IF_ERROR(connection_->execute(context, "ROLLBACK"));
  RETURN_IF_ERROR(connection_->execute(context, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  in_snapshot_ = true;
  return read_postgres_ledger(context, *connection_, job);
}

Result<> PostgresReader::begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) {
  schema_ = schema;
  std::string sql = "SELECT ";
  for (size_t i = 0; i < schema->columns.size(); ++i) {
    sql += (i > 0 ? ", " : "") + PostgresConnection::quote_identifier(schema->columns[i].name);
  }
  PostgresParameters bounds;
  sql += rows_of(range, *schema, bounds);
  return connection_->begin_rows(context, sql, bounds).context("reading " + schema->id.text());
}

Result<std::vector<std::string>> PostgresReader::hash_forms(Context& context, const TableSchema& schema) {
  return postgres_hash_forms(context, *connection_, schema);
}

Result<HashedRows> PostgresReader::hash_rows(Context& context, const SnapshotChunk& range,
                                             const TableSchemaPtr& schema) {
  PostgresParameters bounds;
  const std::string from = rows_of(range, *schema, bounds);
  return hash_postgres_rows(context, *connection_, *schema, from, bounds).context("hashing " + schema->id.text());
}

Result<bool> PostgresReader::next(Context& context, ChangeBatch& batch) {
  while (batch.byte_size() < kBatchBytes) {
    auto next = connection_->next_row(context);
    if (!next) return std::move(next).error().context("reading " + schema_->id.text());
    const auto& row = *next;
    if (!row) return false;
    for (size_t i = 0; i < schema_->columns.size(); ++i) {
      const int column = static_cast<int>(i);
      if (row->is_null(0, column)) {
        batch.columns[i].append_null();
        continue;
      }
      auto appended = append_postgres_text(batch.columns[i], schema_->columns[i].type, row->at(0, column), scratch_);
      if (appended) continue;
      return std::move(appended).error().context(
          fmt::format("reading column '{}' of {}", schema_->columns[i].name, schema_->id.text()));
    }
    batch.kinds.push_back(RowKind::kRead);
  }
  return true;
}

}  // namespace sluice
