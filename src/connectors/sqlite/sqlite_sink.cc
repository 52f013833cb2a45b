// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/sqlite/sqlite_reader.h"
#include "connectors/sqlite/sqlite_schema.h"
#include "connectors/sqlite/sqlite_types.h"
#include "connectors/sqlite/sqlite_writer.h"
#include "state/sqlite_ledger.h"

namespace sluice {

Result<> SqliteSink::open(Context& context) {
  ASSIGN_OR_RETURN(database_, SqliteDatabase::open(context, path_, ErrorCode::kTarget));
  return {};
}

Result<std::unique_ptr<Ledger>> SqliteSink::open_ledger(Context& context, const std::string& job) {
  ASSIGN_OR_RETURN(auto database, SqliteDatabase::open(context, path_, ErrorCode::kTarget));
  return std::unique_ptr<Ledger>(std::make_unique<SqliteLedger>(std::move(database), job));
}

Result<std::unique_ptr<SinkWriter>> SqliteSink::open_writer(Context& context, const std::string& job, uint64_t epoch) {
  ASSIGN_OR_RETURN(auto database, SqliteDatabase::open(context, path_, ErrorCode::kTarget));
  ASSIGN_OR_RETURN(auto ledger, SqliteLedgerEntryWriter::prepare(*database, job, epoch));
  return std::unique_ptr<SinkWriter>(std::make_unique<SqliteWriter>(std::move(database), std::move(ledger)));
}

Result<> SqliteSink::claim(const TableId& table) {
  std::string name = table.table;
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  const auto [found, is_new] = schemas_.emplace(name, table.schema);
  if (is_new || found->second == table.schema) return {};
  return Error(ErrorCode::kConfig,
               fmt::format("tables {}.{} and {} would both be written to table '{}' of {}", found->second, table.table,
                           table.text(), table.table, path_),
               "Add a route that gives one of them another sink-table.");
}

Result<TableSchemaPtr> SqliteSink::find_table(Context& context, const TableId& table) {
  database_->use(context);
  RETURN_IF_ERROR(claim(table));
  ASSIGN_OR_RETURN(const auto columns, describe_sqlite_table(*database_, table.table));
  if (columns.empty()) return TableSchemaPtr();
  auto schema = std::make_shared<TableSchema>();
  schema->id = table;
  std::vector<std::pair<int64_t, uint32_t>> key;
  for (const SqliteColumn& column : columns) {
    if (column.key_place > 0) key.emplace_back(column.key_place, schema->columns.size());
    schema->columns.push_back({.name = column.name, .type = sqlite_data_type(column.declared_type, column.not_null)});
  }
  std::ranges::sort(key);
  for (const auto& [place, index] : key) schema->key.push_back(index);
  return TableSchemaPtr(std::move(schema));
}

Result<bool> SqliteSink::is_empty(Context& context, const TableId& table) {
  database_->use(context);
  RETURN_IF_ERROR(claim(table));
  ASSIGN_OR_RETURN(const auto columns, describe_sqlite_table(*database_, table.table));
  if (columns.empty()) return true;
  ASSIGN_OR_RETURN(SqliteStatement select,
                   database_->prepare(fmt::format("SELECT 1 FROM {} LIMIT 1", quote_sqlite_identifier(table.table))));
  ASSIGN_OR_RETURN(const bool found, select.step());
  return !found;
}

Result<> SqliteSink::apply(Context& context, const SchemaChange& change) {
  database_->use(context);
  RETURN_IF_ERROR(claim(change.table()));
  return apply_sqlite_change(*database_, change).context("changing table " + change.table().text());
}

std::vector<std::string> SqliteSink::ddl_for(const SchemaChange& change) const { return sqlite_ddl(change); }

Result<std::unique_ptr<TableReader>> SqliteSink::open_table_reader(Context& context) {
  ASSIGN_OR_RETURN(auto database, SqliteDatabase::open(context, path_, ErrorCode::kTarget));
  return std::unique_ptr<TableReader>(std::make_unique<SqliteReader>(std::move(database)));
}

}  // namespace sluice
