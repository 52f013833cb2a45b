// SPDX-License-Identifier: Apache-2.0
// The sink `sqlite`: one file, exactly once. A source table shop.orders becomes the table "orders"; two source schemas
// with a table of the same name need a route, and are refused without one.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "connector/sink.h"
#include "state/sqlite_database.h"

namespace sluice {

class SqliteSink : public Sink {
 public:
  explicit SqliteSink(std::string path) : path_(std::move(path)) {}
  Result<> open(Context& context) override;
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context& context, const std::string& job) override;
  Result<std::unique_ptr<SinkWriter>> open_writer(Context& context, const std::string& job, uint64_t epoch) override;
  int max_writers() const override { return 1; }
  Result<TableSchemaPtr> find_table(Context& context, const TableId& table) override;
  Result<bool> is_empty(Context& context, const TableId& table) override;
  Result<> apply(Context& context, const SchemaChange& change) override;
  std::vector<std::string> ddl_for(const SchemaChange& change) const override;
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context& context) override;

 private:
  Result<> claim(const TableId& table);

  std::string path_;
  std::unique_ptr<SqliteDatabase> database_;
  std::map<std::string, std::string> schemas_;  // table name in lower case -> the schema it came from
};

}  // namespace sluice
