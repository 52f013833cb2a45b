// SPDX-License-Identifier: Apache-2.0
// The unit that moves through a job: rows of one table in one schema version, column by column.
//
// Rows of one batch are in source order. Batches of one *group* (everything between two GroupEnd elements) may
// concern many tables; RowOrigin::sequence restores the source order among them. A group ends only where a source
// transaction ends, so a sink that commits at group ends never shows half a transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "data/column_vector.h"
#include "data/position.h"
#include "data/types.h"

namespace sluice {

// An update is two consecutive rows, kUpdateBefore then kUpdateAfter, always in the same batch. kRead is a row of a
// snapshot.
enum class RowKind : uint8_t { kInsert, kUpdateBefore, kUpdateAfter, kDelete, kRead };

struct RowOrigin {
  uint32_t transaction = 0;  // index into ChangeBatch::transactions
  uint32_t event = 0;        // ordinal of the row event: if a GTID names the transaction in that, else at its place
  uint32_t row = 0;          // ordinal of the row change in its event
  uint32_t sequence = 0;     // ordinal of the row change in its group, over all tables
  uint64_t place = 0;        // of the row event in the log; MySQL: offset in the transaction's file, PostgreSQL: LSN
};

using TransactionList = std::vector<Transaction>;

struct ChangeBatch {
  TableSchemaPtr schema;
  std::vector<RowKind> kinds;
  std::vector<ColumnVector> columns;                    // one per schema column, each kinds.size() long
  std::vector<RowOrigin> origins;                       // per row; empty for snapshot rows
  std::shared_ptr<const TransactionList> transactions;  // of the group; snapshot rows: null, or the snapshot alone

  explicit ChangeBatch(TableSchemaPtr table_schema);
  size_t rows() const { return kinds.size(); }
  size_t byte_size() const;
  void append_row_from(const ChangeBatch& other, size_t row);  // same column storages; copies the origin too
  void clear();
};

// What a DDL did to one table, in the vocabulary of Flink CDC's schema change events.
enum class SchemaChangeKind : uint8_t {
  kCreateTable,
  kAddColumns,
  kAlterColumnType,
  kRenameColumn,
  kDropColumns,
  kTruncateTable,
  kDropTable,
  kAlterTableComment,
};

struct SchemaChange {
  SchemaChangeKind kind = SchemaChangeKind::kCreateTable;
  TableSchemaPtr before;               // null for kCreateTable
  TableSchemaPtr after;                // null for kDropTable; equals before for kTruncateTable
  std::vector<std::string> columns;    // added, altered (new definition in `after`), renamed (old names), dropped
  std::vector<std::string> new_names;  // kRenameColumn: new names, parallel to `columns`
  const TableId& table() const { return (after ? after : before)->id; }
};

// A statement that changed tables: everything before it belongs to the old schemas, everything after to the new.
// Travels alone between two groups. `position` is behind the statement.
struct SchemaChangeEvent {
  std::vector<SchemaChange> changes;  // in the statement's order; empty if only untracked details changed
  // What the source wants to find again about its tables after a restart at `position` (its own form; empty forgets the
  // table).
  std::vector<std::pair<TableId, std::string>> tracked;
  // Tables whose rows are not in the log and must be copied (again), e.g. renamed into the captured names.
  std::vector<TableId> needs_copy;
  Position position;
  std::string ddl;
  Transaction transaction;  // that made the change; without a start if none did
  uint64_t place = 0;       // of the statement, as RowOrigin::place
};

// Tables of the target whose source was emptied by one statement, or within one transaction.
struct Truncation {
  std::vector<TableSchemaPtr> tables;
  Transaction transaction;
  uint64_t place = 0;  // as SchemaChangeEvent::place
};

// All changes up to `position` have been sent; no transaction is open here.
struct GroupEnd {
  Position position;
  int64_t source_time_ms = 0;  // commit time of the last transaction, or of the heartbeat
};

using StreamElement = std::variant<ChangeBatch, GroupEnd, SchemaChangeEvent>;

}  // namespace sluice
