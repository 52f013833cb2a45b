// SPDX-License-Identifier: Apache-2.0
// Reads a table of a SQLite file back, for verification, row by row.
#pragma once

#include <memory>

#include "connector/sink.h"
#include "state/sqlite_database.h"

namespace sluice {

class SqliteReader : public TableReader {
 public:
  explicit SqliteReader(std::unique_ptr<SqliteDatabase> database) : database_(std::move(database)) {}
  Result<std::vector<LedgerEntry>> begin_snapshot(Context& context, const std::string& job) override;
  Result<> begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) override;
  Result<bool> next(Context& context, ChangeBatch& batch) override;

 private:
  std::unique_ptr<SqliteDatabase> database_;
  TableSchemaPtr schema_;
  SnapshotChunk range_;
  SqliteStatement rows_;
};

}  // namespace sluice
