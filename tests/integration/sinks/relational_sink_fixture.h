// SPDX-License-Identifier: Apache-2.0
// What every relational sink must do is checked on real servers: each case of RelationalSinkTest runs for SQLite,
// PostgreSQL, MariaDB and MySQL, with tables, rows and a writer of its own.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/context.h"
#include "connector/sink.h"
#include "support/mysql_server.h"
#include "support/postgres_server.h"
#include "support/temp_folder.h"

namespace sluice {

using Cell = std::optional<std::string>;
using Row = std::vector<Cell>;
using Rows = std::vector<Row>;
const Cell kNull = std::nullopt;
const Cell kGone = std::string("\x01gone");  // an absent value
const std::string kNastyText =
    "it's \"a\" \\ back\\\\slash \\N \\. \t tab \n line \r {,} NULL \xF0\x9F\x98\x80 \xC3\xA9 $1 %s ?";

Column column(std::string name, DataType type);
DataType not_null(DataType type);
TableSchemaPtr make_schema(std::string table, std::vector<Column> columns, std::vector<uint32_t> key);
// shop.t (id int primary key, name text, amount bigint)
TableSchemaPtr simple_schema(const std::string& table = "t");

// A batch from text in the form of data/value_text.h; bytes are raw.
class Batch {
 public:
  explicit Batch(const TableSchemaPtr& schema) : batch(schema) {}
  Batch& add(RowKind kind, const Row& row);
  Batch& read(const Row& row) { return add(RowKind::kRead, row); }
  Batch& insert(const Row& row) { return add(RowKind::kInsert, row); }
  Batch& erase(const Row& row) { return add(RowKind::kDelete, row); }
  Batch& update(const Row& before, const Row& after) {
    return add(RowKind::kUpdateBefore, before).add(RowKind::kUpdateAfter, after);
  }
  ChangeBatch batch;
};

// The servers of the whole run.
support::PostgresServer& postgres();
support::MariadbServer& mariadb();
support::MysqlServer& mysql();

class RelationalSinkTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  static support::DatabaseServer& server();  // of the MySQL family
  std::unique_ptr<Sink> make_sink();
  std::unique_ptr<SinkWriter> open_writer(uint64_t epoch);

  void create(const TableSchemaPtr& schema);
  // On the column "amount" of the table of simple_schema().
  void create_other_unique_key();
  void write(const Batch& batch, bool into_empty_table = false);
  void commit(const std::string& position);
  // Some sinks notice what is wrong with a row only at the commit.
  std::optional<Error> write_error(const Batch& batch);
  Rows table(const TableSchemaPtr& schema, SnapshotChunk range = {});
  std::string position_of(const std::string& entry);

  support::TempFolder folder_;
  Context context_;
  std::unique_ptr<Sink> sink_;
  std::unique_ptr<Ledger> ledger_;
  uint64_t epoch_ = 0;
  std::unique_ptr<SinkWriter> writer_;
};

}  // namespace sluice
