// SPDX-License-Identifier: Apache-2.0
// Turns the rows of one table in one shape of the log into columns of a batch: which column comes from where is decided
// once per shape. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "connector/group_builder.h"
#include "connectors/postgres/pgoutput_message.h"
#include "connectors/postgres/postgres_catalog.h"
#include "data/change_batch.h"

namespace sluice {

class PostgresRowPlan {
 public:
  PostgresRowPlan() = default;
  // Columns go by name, and by what `before` says of those that the transaction of the rows changed (null: it changed
  // none). Columns that the shape lacks, because that transaction added them later, get what rows got that were there.
  PostgresRowPlan(const PgoutputRelation& shape, const PostgresTable& table, const PostgresColumnsBefore* before);

  const TableSchemaPtr& schema() const { return schema_; }
  // False if a column of the shape may be another one than that of its name, or one whose name the table lacks.
  bool certain() const { return certain_; }
  // Appends an insert, update or delete. Columns that the log did not carry are absent.
  Result<> append(const PgoutputMessage& message, const RowsOrigin& origin, ChangeBatch& out);

 private:
  struct Source {
    int column = -1;                  // of the shape; -1: it has none
    bool identity = false;            // part of the replica identity
    std::optional<std::string> fill;  // for -1
  };
  void match(const PgoutputRelation& shape, const PostgresTable& table, const PostgresColumnsBefore* before);
  Result<> append_row(RowKind kind, const std::vector<PgoutputField>& row, const std::vector<PgoutputField>* old_row,
                      bool only_identity, const RowsOrigin& origin, ChangeBatch& out);
  Result<> append_field(const Source& source, const PgoutputField& field, size_t column, ChangeBatch& out);
  Error no_old_key() const;

  TableSchemaPtr schema_;
  std::vector<Source> sources_;  // parallel to the schema's columns
  size_t width_ = 0;             // columns of the shape
  bool has_old_key_ = false;     // updates and deletes tell which row they mean
  bool certain_ = true;
  std::string scratch_;
};

}  // namespace sluice
