// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_sink.h"

#include <fmt/format.h>

#include <algorithm>

#include "connectors/postgres/postgres_ledger.h"
#include "connectors/postgres/postgres_reader.h"
#include "connectors/postgres/postgres_schema.h"
#include "connectors/postgres/postgres_writer.h"

namespace sluice {

Result<> PostgresSink::open(Context& context) {
  ASSIGN_OR_RETURN(connection_, PostgresConnection::connect(context, options_));
  return {};
}

Result<std::unique_ptr<Ledger>> PostgresSink::open_ledger(Context& context, const std::string& job) {
  ASSIGN_OR_RETURN(auto connection, PostgresConnection::connect(context, options_));
  return std::unique_ptr<Ledger>(std::make_unique<PostgresLedger>(std::move(connection), job));
}

Result<std::unique_ptr<SinkWriter>> PostgresSink::open_writer(Context& context, const std::string& job,
                                                              uint64_t epoch) {
  ASSIGN_OR_RETURN(auto connection, PostgresConnection::connect(context, options_));
  return std::unique_ptr<SinkWriter>(std::make_unique<PostgresWriter>(std::move(connection), job, epoch));
}

Result<TableSchemaPtr> PostgresSink::find_table(Context& context, const TableId& table) {
  ASSIGN_OR_RETURN(const PostgresTarget found, describe_postgres_table(context, *connection_, table));
  if (found.columns.empty()) return TableSchemaPtr();
  auto schema = std::make_shared<TableSchema>();
  schema->id = table;
  std::vector<std::pair<int, uint32_t>> key;
  for (const PostgresColumn& column : found.columns) {
    if (column.generated) continue;
    if (column.key_place > 0) key.emplace_back(column.key_place, schema->columns.size());
    schema->columns.push_back({.name = column.name, .type = postgres_data_type(column)});
  }
  std::ranges::sort(key);
  for (const auto& [place, index] : key) schema->key.push_back(index);
  return TableSchemaPtr(std::move(schema));
}

Result<bool> PostgresSink::is_empty(Context& context, const TableId& table) {
  ASSIGN_OR_RETURN(const PostgresTarget found, describe_postgres_table(context, *connection_, table));
  if (found.columns.empty()) return true;
  ASSIGN_OR_RETURN(const PostgresResult row,
                   connection_->query(context, fmt::format("SELECT FROM {} LIMIT 1", qualified(table))));
  return row.rows() == 0;
}

Result<> PostgresSink::apply(Context& context, const SchemaChange& change) {
  return apply_postgres_change(context, *connection_, change).context("changing table " + change.table().text());
}

Result<> PostgresSink::create_for_copy(Context& context, const TableSchemaPtr& table) {
  return create_postgres_table_for_copy(context, *connection_, table).context("creating table " + table->id.text());
}

Result<std::vector<TableId>> PostgresSink::unfinished_copies(Context& context) {
  return postgres_tables_without_key(context, *connection_);
}

bool PostgresSink::confines(const TableSchema& schema) const {
  return std::ranges::any_of(schema.key,
                             [&](uint32_t column) { return !postgres_compares_bytewise(schema.columns[column].type); });
}

Result<std::set<TableId>> PostgresSink::confined_tables(Context& context, std::span<const TableSchemaPtr> tables) {
  ASSIGN_OR_RETURN(const auto found, postgres_tables_to_confine(context, *connection_));
  const std::set<TableId> known(found.begin(), found.end());
  std::set<TableId> confined;
  for (const auto& table : tables) {
    if (known.contains(table->id)) confined.insert(table->id);
  }
  return confined;
}

std::vector<std::string> PostgresSink::ddl_for(const SchemaChange& change) const { return postgres_ddl(change); }

Result<std::unique_ptr<TableReader>> PostgresSink::open_table_reader(Context& context) {
  ASSIGN_OR_RETURN(auto connection, PostgresConnection::connect(context, options_));
  return std::unique_ptr<TableReader>(std::make_unique<PostgresReader>(std::move(connection)));
}

}  // namespace sluice
