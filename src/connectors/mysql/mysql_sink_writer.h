// SPDX-License-Identifier: Apache-2.0
// Writes batches into MySQL or MariaDB in one transaction with the ledger: multi-row statements built as text, LOAD
// DATA from memory for the rows of a snapshot if the server allows it.
//
// ON DUPLICATE KEY UPDATE would overwrite another row if a secondary unique key matched. Tables with such keys get
// DELETE + INSERT instead or, where the target has columns or references of its own, UPDATE and else INSERT row by row;
// so do rows of which only some columns are known.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "connector/relational_batch.h"
#include "connector/sink.h"
#include "connector/writes_ahead.h"
#include "connectors/mysql/mysql_connection.h"

namespace sluice {

class MysqlWriter : public SinkWriter, public AheadWriter {
 public:
  struct Limits {
    bool load_data = false;
    size_t statement_bytes = 1 << 20;
  };
  MysqlWriter(std::unique_ptr<MysqlConnection> connection, std::string job, uint64_t epoch, Limits limits)
      : connection_(std::move(connection)), job_(std::move(job)), epoch_(epoch), limits_(limits) {}
  Result<> write(Context& context, const ChangeBatch& batch, bool into_empty_table) override;
  Result<> commit(Context& context, const LedgerEntry& entry) override;
  Result<bool> wants_source_order(Context& context, const TableSchemaPtr& schema) override;
  Result<> truncate(Context& context, const Truncation& truncation) override;
  Result<bool> may_write_ahead(Context& context, const TableSchemaPtr& schema) override;
  Result<> settle(Context&) override { return {}; }  // every statement is answered at once

 private:
  enum class Upsert : uint8_t { kOnDuplicateKey, kDeleteInsert, kRowByRow };
  // What is known of one table in one shape.
  struct Plan {
    TableSchemaPtr schema;                 // keeps the address that the plan is found by
    std::string table;                     // quoted
    std::string doing;                     // "writing shop.orders"
    std::vector<std::string> names;        // quoted
    std::vector<bool> is_json;             // MySQL's JSON, which does not equal its text
    std::vector<std::string> error_index;  // of columns that are an ENUM here too, as mysql_enum_error_index
    std::vector<uint32_t> all_columns;
    Upsert upsert = Upsert::kOnDuplicateKey;
    bool in_order = false;          // constraints hold at every step only if changes are made one after the other
    bool refers_to_itself = false;  // a DELETE of several rows takes them in the order of an index
    std::optional<bool> triggers;   // once somebody has asked
    std::string load_sql;
  };

  Result<> open_transaction(Context& context);
  Result<> write_rows(Context& context, Plan& plan, const ChangeBatch& batch, bool append_only);
  Result<> write_keyed(Context& context, Plan& plan, const ChangeBatch& batch);
  Result<> write_keyless(Context& context, Plan& plan, const ChangeBatch& batch);
  Result<> load(Context& context, Plan& plan, const ChangeBatch& batch);
  Result<> insert(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows,
                  const std::vector<uint32_t>& columns, bool on_duplicate_key);
  Result<> update_or_insert(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows,
                            const std::vector<uint32_t>& columns);
  Result<> remove(Context& context, Plan& plan, const ChangeBatch& batch, std::span<const uint32_t> rows);
  // Updates one row found by the key of `key_row`; returns the rows matched.
  Result<uint64_t> update(Context& context, Plan& plan, const ChangeBatch& batch, size_t row, size_t key_row,
                          const std::vector<uint32_t>& columns);
  // To compare with, and to store.
  Result<> append_value(const Plan& plan, const ChangeBatch& batch, uint32_t column, size_t row);
  Result<> append_new_value(const Plan& plan, const ChangeBatch& batch, uint32_t column, size_t row);
  static bool is_error_value(const Plan& plan, const ColumnVector& values, uint32_t column, size_t row) {
    return !plan.error_index[column].empty() && values.has_value(row) && values.bytes_at(row).empty();
  }
  Result<std::string_view> error_index(const Plan& plan, uint32_t column) const;
  Result<> append_assignments(const Plan& plan, const ChangeBatch& batch, size_t row,
                              const std::vector<uint32_t>& columns);
  Result<> append_whole_row(const Plan& plan, const ChangeBatch& batch, size_t row);
  Result<Plan*> plan_for(Context& context, const TableSchemaPtr& schema);

  std::unique_ptr<MysqlConnection> connection_;
  std::string job_;
  uint64_t epoch_;
  Limits limits_;
  bool open_ = false;
  std::unordered_map<const TableSchema*, std::unique_ptr<Plan>> plans_;
  // Database to its tables with foreign keys, where they were asked for.
  std::map<std::string, std::map<std::string, bool>> foreign_keys_;
  NetChanges net_;
  std::vector<uint32_t> rows_;
  std::string sql_;
};

}  // namespace sluice
