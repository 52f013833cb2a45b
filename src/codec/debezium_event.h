// SPDX-License-Identifier: Apache-2.0
// Row changes as Debezium's change events: the bytes of key and value that Debezium 3.6 and Kafka Connect's
// JsonConverter would write. An insert, an update or a row of the copy is one record; a deletion is one and a
// tombstone; an update that changes the key is the deletion of the old row, its tombstone and the creation of the new
// one. TRUNCATE is a record without a key.
//
// Used by one thread. What does not change from row to row is prepared once for each shape of a table, so that a row
// costs no allocation once the buffers have grown.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "codec/debezium_field.h"
#include "codec/debezium_options.h"
#include "codec/debezium_transaction.h"
#include "data/change_batch.h"

namespace sluice {

struct DebeziumRecord {
  std::string_view key;    // data() null: none
  std::string_view value;  // data() null: a tombstone
  // The other key of an update that changed it, as a header's value; empty: none.
  std::string_view new_key;
  std::string_view old_key;
  size_t row = 0;  // that origin and kind are of
  int part = 0;    // of the row change, or what else it is
  // Where the record goes if not to the topic of its table, and whose it is if not its row's; empty and null: those.
  std::string_view topic{};
  const Transaction* transaction = nullptr;
};
// Parts that are no row changes.
constexpr int kBeginPart = 3;
constexpr int kEndPart = 4;
constexpr int kTruncatePart = 5;
constexpr int kSchemaPart = 6;

class DebeziumEncoder {
 public:
  explicit DebeziumEncoder(DebeziumOptions options);
  ~DebeziumEncoder();

  // The records of the row change that begins at `row`, which is moved behind it; views are valid during the call.
  // `topic` names the schemas.
  using Emit = std::function<Result<>(const DebeziumRecord&)>;
  Result<> encode(const ChangeBatch& batch, const std::string& topic, size_t& row, const Emit& emit);
  // The record of one of the emptied tables.
  Result<> encode_truncation(const Truncation& truncation, size_t table, const std::string& topic, const Emit& emit);
  // The records of a statement for the topic of schema changes, one for each database.
  Result<> encode_schema_change(const SchemaChangeEvent& event, const Emit& emit);
  // No event of the transaction follows.
  Result<> end_transaction(const Emit& emit);
  // What rows of a copy say in source.snapshot: "true" or "incremental".
  void mark_copied_rows(std::string_view mark) { copy_mark_ = mark; }
  const DebeziumOptions& options() const { return options_; }
  // kUnsupported if the table has a column that cannot be carried yet.
  Result<> check(const TableSchema& schema) const;

 private:
  struct Table;
  // What does not change in the blocks `source` of a table.
  struct SourceText {
    std::string start;  // ,"source":{"version":..,"name":..
    std::string db;     // ,"db":..,"sequence":
    std::string table;  // ,"table":.. with the schema in front
  };
  struct Origin {
    const Transaction& transaction;
    uint64_t place = 0;
    uint32_t row = 0;
    bool copied = false;
  };
  enum class Image { kBefore, kAfter };
  Result<> prepare_columns(const TableSchema& schema, Table& table) const;
  Result<> prepare_key(const TableSchema& schema, Table& table) const;
  Result<FieldExtras> extras_of(const TableSchema& schema, const Column& column) const;
  bool shows(const TableSchema& schema, uint32_t column) const;
  bool is_skipped(char operation) const;
  bool is_skipped(const Table& table, const ChangeBatch& batch, size_t before, size_t after, char operation) const;
  Result<Table*> prepared(const TableSchemaPtr& schema, const std::string& topic);
  Result<> append_image(const Table& table, const ChangeBatch& batch, size_t row, Image image);
  Result<> make_key(const Table& table, const ChangeBatch& batch, size_t row, std::string& out, size_t& payload_at);
  Result<> make_value(const Table& table, const ChangeBatch& batch, size_t before, size_t after, char operation);
  Result<> encode_key_change(const Table& table, const ChangeBatch& batch, size_t before, size_t after,
                             const Emit& emit);
  SourceText source_text(const std::string& schema, const std::string& table) const;
  void append_source(const SourceText& source, const Origin& origin);
  void append_mysql_source(const Origin& origin);
  void append_postgres_source(const Origin& origin);
  void append_clock(char operation);
  Result<> encode_logical(const Table& table, const ChangeBatch& batch, size_t row, const Emit& emit);
  Result<> prepare_rows(const std::string& topic, Table& table) const;
  Result<> prepare_logical(Table& table) const;
  Origin origin_of(const ChangeBatch& batch, size_t row);
  void read_start(const Transaction& transaction);
  Result<> enter_transaction(const ChangeBatch& batch, size_t row, const Emit& emit);

  DebeziumOptions options_;
  std::map<std::pair<TableSchemaPtr, std::string>, std::unique_ptr<Table>> tables_;
  Table* last_ = nullptr;
  std::string copy_mark_ = "true";
  // The transaction whose place was read last.
  std::shared_ptr<const TransactionList> transactions_;
  uint32_t transaction_ = 0;
  std::string file_;                               // MySQL
  uint64_t place_ = 0;                             // MySQL: where it begins; PostgreSQL: the LSN
  std::unique_ptr<TransactionMetadata> metadata_;  // null: none
  std::string key_;
  std::string other_key_;
  std::string value_;
};

}  // namespace sluice
