// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_reader.h"

#include <fmt/format.h>

#include "connector/relational_writing.h"
#include "connectors/sqlite/sqlite_types.h"
#include "state/sqlite_ledger.h"

namespace sluice {
namespace {

constexpr size_t kBatchBytes = 256 << 10;

// A comparison of the key with a bound in the order of numbers; unsigned bigints are kept as text without leading
// zeros.
std::string bound_sql(const TableSchema& schema, const char* comparison) {
  const Column& column = schema.columns[schema.key[0]];
  const std::string name = quote_sqlite_identifier(column.name);
  if (column.type.kind == TypeKind::kUInt64) {
    return fmt::format("(length({}), {}) {} (length(?), CAST(? AS TEXT))", name, name, comparison);
  }
  return fmt::format("{} {} CAST(? AS INTEGER)", name, comparison);
}

}  // namespace

Result<std::vector<LedgerEntry>> SqliteReader::begin_snapshot(Context& context, const std::string& job) {
  database_->use(context);
  rows_ = SqliteStatement();
  if (database_->in_transaction()) RETURN_IF_ERROR(database_->execute("ROLLBACK"));
  RETURN_IF_ERROR(database_->execute("BEGIN"));  // its first SELECT fixes what it sees
  return read_sqlite_ledger(*database_, job);
}

Result<> SqliteReader::begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) {
  database_->use(context);
  schema_ = schema;
  range_ = range;
  std::string sql = "SELECT ";
  for (size_t i = 0; i < schema->columns.size(); ++i) {
    sql += (i > 0 ? ", " : "") + quote_sqlite_identifier(schema->columns[i].name);
  }
  sql += " FROM " + quote_sqlite_identifier(range.table.table);
  std::vector<std::string_view> bounds;
  if (has_integer_key(*schema)) {
    const bool doubled = schema->columns[schema->key[0]].type.kind == TypeKind::kUInt64;
    for (const auto* bound : {&range_.lower, &range_.upper}) {
      if (!*bound) continue;
      sql += (bounds.empty() ? " WHERE " : " AND ") + bound_sql(*schema, bound == &range_.lower ? ">=" : "<");
      bounds.insert(bounds.end(), doubled ? 2 : 1, **bound);
    }
  }
  ASSIGN_OR_RETURN(rows_, database_->prepare(sql));
  for (size_t i = 0; i < bounds.size(); ++i) rows_.bind_text(static_cast<int>(i) + 1, bounds[i]);
  return {};
}

Result<bool> SqliteReader::next(Context& context, ChangeBatch& batch) {
  database_->use(context);
  while (batch.byte_size() < kBatchBytes) {
    ASSIGN_OR_RETURN(const bool more, rows_.step());
    if (!more) {
      rows_ = SqliteStatement();  // ends the read transaction that began with it
      return false;
    }
    for (size_t i = 0; i < schema_->columns.size(); ++i) {
      const Column& column = schema_->columns[i];
      auto appended = append_sqlite_value(rows_, static_cast<int>(i), column.type, batch.columns[i]);
      if (appended) continue;
      return std::move(appended).error().context(
          fmt::format("reading column '{}' of {}", column.name, schema_->id.text()));
    }
    batch.kinds.push_back(RowKind::kRead);
  }
  return true;
}

}  // namespace sluice
