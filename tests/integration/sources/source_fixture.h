// SPDX-License-Identifier: Apache-2.0
// What the cases of the suite share: a schema of their own on the source's server, rows as text, and a model of the
// tables that refuses a change which does not fit: an insert of a row that is there, a change of a row that is not.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "connector/source.h"
#include "integration/sources/source_under_test.h"
#include "support/ok.h"

namespace sluice::support {

using Cell = std::optional<std::string>;
using Row = std::vector<Cell>;

const Cell kNullCell = std::nullopt;
const Cell kAbsentCell = "\x01 absent";

// Values as data/value_text.h writes them.
Cell cell_of(const ChangeBatch& batch, size_t column, size_t row);
Row row_of(const ChangeBatch& batch, size_t row);

// One row change of the log; an update is one change with both images.
struct LoggedChange {
  RowKind kind = RowKind::kInsert;  // kInsert, kUpdateAfter, kDelete
  TableSchemaPtr schema;
  Row before;
  Row after;
  Transaction transaction;
  friend bool operator==(const LoggedChange& a, const LoggedChange& b) {
    return a.kind == b.kind && *a.schema == *b.schema && a.before == b.before && a.after == b.after &&
           a.transaction.start == b.transaction.start && a.transaction.id == b.transaction.id;
  }
};

// The rows of tables, changed as the log says.
class TableModel {
 public:
  void add_read(const ChangeBatch& batch);
  void apply(const LoggedChange& change);
  // Ordered.
  std::vector<Row> rows(const TableId& table) const;

 private:
  struct Table {
    std::multimap<Row, Row> rows;  // by key, or whole row
  };
  static Row key_of(const TableSchema& schema, const Row& row);
  std::map<TableId, Table> tables_;
};

// Follows the log from a place, checking on the way what holds for every log: a group's batches are numbered without
// gaps in their order, and nothing comes behind the last group's end but rows of the next.
class LogFollower {
 public:
  struct End {
    Position position;
    size_t changes;  // before it
    size_t schema_changes;
  };

  LogFollower(Context& context, Source& source, LogStart start);
  // Until everything is here that is committed now; false, and a failed test, if it does not come.
  bool catch_up();
  bool poll_until(const std::function<bool()>& condition);
  LogReader& reader() { return *reader_; }

  std::vector<LoggedChange> changes;
  std::vector<SchemaChangeEvent> schema_changes;
  std::vector<End> ends;

 private:
  void take(StreamElement element);
  void take_batch(const ChangeBatch& batch);
  void end_part();

  Context& context_;
  Source& source_;
  std::unique_ptr<LogReader> reader_;
  std::multimap<uint32_t, LoggedChange> group_;  // by sequence
};

// Transactions on tables (id INT PRIMARY KEY, n INT, v VARCHAR(40)) whose rows with id % writers == writer it owns:
// inserts, updates, deletes and changed keys in several tables, and some that are rolled back.
class Writer {
 public:
  Writer(DatabaseServer& server, std::vector<std::string> tables, int writers, int writer);
  void commit_one();

 private:
  std::unique_ptr<SqlSession> session_;
  const std::vector<std::string> tables_;
  const int writers_;
  int next_id_;
  int transactions_ = 0;
  std::map<std::string, std::vector<int>> present_;
};

// Writers that commit all the time, each in a thread of its own.
class BusyWriters {
 public:
  BusyWriters(DatabaseServer& server, const std::vector<std::string>& tables, int count);
  ~BusyWriters() { stop(); }
  bool wait_for_commits(int count);
  void stop();

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> commits_{0};
  std::vector<std::jthread> threads_;
};

class SourceTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override;

  DatabaseServer& server() { return source_under_test(GetParam()).server(); }
  std::string name(const std::string& table) const { return schema_ + "." + table; }
  TableId id(const std::string& table) const { return {schema_, table}; }
  void execute(const std::string& sql) { ASSERT_OK(server().execute(sql)); }
  // id INT PRIMARY KEY, n INT, v VARCHAR(40)
  void create_simple(const std::string& table, int rows = 0);
  std::unique_ptr<Source> open(SourceOptions options = {});
  std::map<TableId, SourceTable> discover(Source& source);
  // Where the log stands, with the tables as they are now.
  LogStart log_start(Source& source);
  LogStart log_start(Source& source, Position position);
  std::vector<std::unique_ptr<ChunkReader>> open_readers(Source& source, int count);
  std::vector<SnapshotChunk> split(Source& source, const TableSchemaPtr& schema);
  // All rows of a chunk, checked to be what the contract says of their batches.
  std::vector<ChangeBatch> read_chunk(ChunkReader& reader, const SnapshotChunk& chunk, const TableSchemaPtr& schema);
  // What the server says the simple table holds.
  std::vector<Row> server_rows(const std::string& table);

  std::string schema_;
  Context context_;
};

}  // namespace sluice::support
