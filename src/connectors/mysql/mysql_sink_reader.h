// SPDX-License-Identifier: Apache-2.0
// Reads a table of a MySQL or MariaDB target back, for verification, row by row.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "connector/row_hasher.h"
#include "connector/sink.h"
#include "connectors/mysql/mysql_connection.h"

namespace sluice {

class MysqlReader : public TableReader, public RowHasher {
 public:
  explicit MysqlReader(std::unique_ptr<MysqlConnection> connection) : connection_(std::move(connection)) {}
  Result<std::vector<LedgerEntry>> begin_snapshot(Context& context, const std::string& job) override;
  Result<> begin(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) override;
  Result<bool> next(Context& context, ChangeBatch& batch) override;
  Result<std::vector<std::string>> hash_forms(Context& context, const TableSchema& schema) override;
  Result<HashedRows> hash_rows(Context& context, const SnapshotChunk& range, const TableSchemaPtr& schema) override;

 private:
  std::string rows_of(const SnapshotChunk& range, const TableSchema& schema) const;

  std::unique_ptr<MysqlConnection> connection_;
  TableSchemaPtr schema_;
  std::optional<MysqlStream> rows_;
  std::string scratch_;
};

}  // namespace sluice
