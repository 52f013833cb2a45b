// SPDX-License-Identifier: Apache-2.0
// Reads a table of a PostgreSQL target back, for verification, row by row.
#pragma once

#include <memory>
#include <string>

#include "connector/row_hasher.h"
#include "connector/sink.h"
#include "connectors/postgres/postgres_connection.h"

namespace sluice {

class PostgresReader : public TableReader, public RowHasher {
 public:
  explicit PostgresReader(std::unique_ptr<PostgresConnection> connection) : connection_(std::move(connection)) {}
  Result<std::vector<LedgerEntry>> begin_snapshot(Context& context, const std::string& job) override;
  Result<> begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) override;
  Result<bool> next(Context& context, ChangeBatch& batch) override;
  Result<std::vector<std::string>> hash_forms(Context& context, const TableSchema& schema) override;
  Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) override;

 private:
  std::unique_ptr<PostgresConnection> connection_;
  bool in_snapshot_ = false;
  TableSchemaPtr schema_;
  std::string scratch_;
};

}  // namespace sluice
