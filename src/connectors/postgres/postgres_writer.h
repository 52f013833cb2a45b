// SPDX-License-Identifier: Apache-2.0
// Writes batches into PostgreSQL in one transaction with the ledger.
//
// Rows of a snapshot into an empty table stream through one COPY, kept open until another table or the commit comes.
// Changes are statements over arrays (unnest), sent down a pipeline whose answers are read at the commit, so that a
// small group costs one round trip; many rows at once go through COPY into a temporary table first. Errors of a
// pipelined statement appear at a later write or at the commit, with the statement's table.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "connector/relational_batch.h"
#include "connector/sink.h"
#include "connector/writes_ahead.h"
#include "connectors/postgres/postgres_binary.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_types.h"

namespace sluice {

class PostgresWriter : public SinkWriter, public AheadWriter {
 public:
  PostgresWriter(std::unique_ptr<PostgresConnection> connection, std::string job, uint64_t epoch)
      : connection_(std::move(connection)), job_(std::move(job)), epoch_(std::to_string(epoch)) {}
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  Result<bool> wants_source_order(Context& context, const TableSchemaPtr& schema) override;
  Result<> truncate(Context& context, const Truncation& truncation) override;
  Result<> finish_copy(Context& context, const TableId& table) override;
  Result<bool> may_write_ahead(Context& context, const TableSchemaPtr& schema) override;
  Result<> settle(Context& context) override;

 private:
  // One array parameter: a column of the row, or of the row in front of it (the before image).
  struct Field {
    uint32_t column;
    bool before = false;
    friend bool operator==(const Field&, const Field&) = default;
  };
  struct Statement {
    std::string sql;
    std::vector<Field> fields;
    PostgresConnection::IfMissing if_missing = PostgresConnection::IfMissing::kImpossible;
    std::string name;  // empty: not prepared yet
  };
  struct PartialPlan {
    bool insert = false;
    bool move = false;  // of one row to another key
    std::vector<uint32_t> columns;
    Statement statement;
  };
  struct TargetColumn {
    std::string name;   // quoted
    std::string array;  // the cast of a parameter: "bigint[]"
    std::string cast;   // of its elements, where they go as text: "::integer[]"
    bool by_text;       // compared as text: the type has no equality, or one that takes unlike values for the same
    PostgresForm form;
    PostgresBinary binary;
  };
  // The statements of one table in one shape.
  struct Plan {
    TableSchemaPtr schema;  // keeps the address that the plan is found by
    std::string table;      // quoted
    std::string doing;      // "writing shop.orders"
    std::vector<TargetColumn> columns;
    bool foreign_keys = false;   // from it or to it
    bool in_order = false;       // constraints hold at every step only if changes are made one after the other
    bool other_unique = false;   // indexes beside the key
    bool triggers = false;       // see postgres_schema.h
    bool lacks_key = false;      // see postgres_schema.h
    bool binary = false;         // rows are copied in COPY's binary format
    bool replace_whole = false;  // delete + insert, because another unique key could be in the way of an upsert
    Statement upsert;
    Statement insert;
    Statement remove;
    Statement update;  // without a key
    std::vector<PartialPlan> partial;
    std::string names;  // of the columns, quoted
    std::string stage;  // temporary table; empty until it is made
  };

  Result<> begin();
  Result<> write_keyed(Context& context, Plan& plan, const ChangeBatch& batch);
  Result<> write_keyless(Context& context, Plan& plan, const ChangeBatch& batch);
  Result<> write_partial(Context& context, Plan& plan, const ChangeBatch& batch, const PartialRows& rows);
  Result<> write_move(Context& context, Plan& plan, const ChangeBatch& batch, uint32_t row);
  Result<> write_staged(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows);
  Result<> send_rows(Context& context, Plan& plan, Statement& statement, const ChangeBatch& batch,
                     std::span<const uint32_t> rows);
  Result<> begin_copy(Context& context, const Plan& plan, const std::string& table);
  Result<> copy_row(Context& context, const Plan& plan, const ChangeBatch& batch, size_t row);
  Result<> end_copy(Context& context, const Plan& plan);
  Result<> append_copy_row(const Plan& plan, const ChangeBatch& batch, size_t row);
  Result<> close_copy(Context& context);

  Result<Plan*> plan_for(Context& context, const TableSchemaPtr& schema);
  Result<std::unique_ptr<Plan>> make_plan(Context& context, const TableSchemaPtr& schema);
  void make_statements(Plan& plan) const;
  Statement upsert_statement(const Plan& plan, const std::vector<uint32_t>& columns, bool on_conflict) const;
  Statement update_statement(const Plan& plan, const std::vector<Field>& set, const std::vector<Field>& where) const;
  std::string unnest_sql(const Plan& plan, const std::vector<Field>& fields) const;
  Error unstorable(const Plan& plan, size_t column) const;

  std::unique_ptr<PostgresConnection> connection_;
  std::string job_;
  std::string epoch_;
  bool open_ = false;  // BEGIN was sent
  bool ledger_prepared_ = false;
  Plan* copying_ = nullptr;      // the table of the open COPY
  size_t unanswered_bytes_ = 0;  // in the pipeline
  uint64_t names_ = 0;           // of prepared statements and temporary tables
  std::unordered_map<const TableSchema*, std::unique_ptr<Plan>> plans_;
  NetChanges net_;
  std::vector<std::string> arrays_;
  std::vector<const char*> parameters_;
  std::vector<uint32_t> all_rows_;
  std::string buffer_;  // of COPY
};

}  // namespace sluice
