// SPDX-License-Identifier: Apache-2.0
// Writes batches into a SQLite file with prepared statements, in one transaction with the ledger.
//
// SQLite has one writer at a time: the transaction takes the write lock with its first row and keeps it until commit.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "connector/relational_batch.h"
#include "connector/sink.h"
#include "state/sqlite_database.h"
#include "state/sqlite_ledger.h"

namespace sluice {

class SqliteWriter : public SinkWriter {
 public:
  SqliteWriter(std::unique_ptr<SqliteDatabase> database, SqliteLedgerEntryWriter ledger)
      : database_(std::move(database)), ledger_(std::move(ledger)) {}
  ~SqliteWriter() override;
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  Result<> truncate(Context& context, const Truncation& truncation) override;

 private:
  struct PartialPlan {
    bool insert = false;
    std::vector<uint32_t> columns;
    SqliteStatement statement;
  };
  // The statements of one table in one shape.
  struct Plan {
    TableSchemaPtr schema;       // keeps the address that the plan is found by
    bool in_order = false;       // other unique keys hold at every step only if changes are made one after the other
    bool replace_whole = false;  // delete + insert, because another unique key could be in the way of an upsert
    std::vector<uint32_t> all_columns;
    SqliteStatement insert;
    SqliteStatement upsert;
    SqliteStatement remove;  // by key, or by whole row
    SqliteStatement update;  // without a key: whole row by whole row
    std::vector<PartialPlan> partial;
  };

  Result<> write_rows(const ChangeBatch& batch, bool into_empty_table);
  Result<> write_keyed(Plan& plan, const ChangeBatch& batch);
  Result<> write_keyless(Plan& plan, const ChangeBatch& batch);
  Result<> write_partial(Plan& plan, const ChangeBatch& batch, const PartialRows& rows);
  Result<> move_row(const ChangeBatch& batch, size_t row);
  Result<Plan*> plan_for(const TableSchemaPtr& schema);
  Result<> check_target(const TableSchema& schema, Plan& plan);
  Result<> prepare_statements(const TableSchema& schema, Plan& plan);
  Result<SqliteStatement*> partial_statement(Plan& plan, const PartialRows& rows);
  Result<> bind(SqliteStatement& statement, const ChangeBatch& batch, size_t row, const std::vector<uint32_t>& columns,
                int& parameter);
  Result<> run_one(SqliteStatement& statement, const ChangeBatch& batch, size_t row,
                   const std::vector<uint32_t>& columns);

  std::unique_ptr<SqliteDatabase> database_;
  SqliteLedgerEntryWriter ledger_;
  std::unordered_map<const TableSchema*, std::unique_ptr<Plan>> plans_;
  NetChanges net_;
  std::vector<std::string> scratch_;  // texts that bound parameters point to
};

}  // namespace sluice
