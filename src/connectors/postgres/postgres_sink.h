// SPDX-License-Identifier: Apache-2.0
// The sink `postgres`, exactly once: rows and ledger share a transaction.
#pragma once

#include <memory>
#include <string>

#include "connector/confines_tables.h"
#include "connector/sink.h"
#include "connector/writes_ahead.h"
#include "connectors/postgres/postgres_connection.h"

namespace sluice {

class PostgresSink : public Sink, public ConfinesTables, public WritesAhead {
 public:
  explicit PostgresSink(PostgresConnectOptions options) : options_(std::move(options)) {}
  Result<> open(Context& context) override;
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context& context, const std::string& job) override;
  Result<std::unique_ptr<SinkWriter>> open_writer(Context& context, const std::string& job, uint64_t epoch) override;
  Result<TableSchemaPtr> find_table(Context& context, const TableId& table) override;
  Result<bool> is_empty(Context& context, const TableId& table) override;
  Result<> apply(Context& context, const SchemaChange& change) override;
  Result<> create_for_copy(Context& context, const TableSchemaPtr& table) override;
  Result<std::vector<TableId>> unfinished_copies(Context& context) override;
  std::vector<std::string> ddl_for(const SchemaChange& change) const override;
  bool keys_compare_bytewise() const override { return true; }  // but for tables that it confines
  bool confines(const TableSchema& schema) const override;
  Result<std::set<TableId>> confined_tables(Context& context, std::span<const TableSchemaPtr> tables) override;
  Result<std::unique_ptr<TableReader>> open_table_reader(Context& context) override;

 private:
  PostgresConnectOptions options_;
  std::unique_ptr<PostgresConnection> connection_;
};

}  // namespace sluice
