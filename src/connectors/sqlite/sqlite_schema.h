// SPDX-License-Identifier: Apache-2.0
// Tables of a SQLite target: reading their shape, and making schema changes. A TableId's schema part has no place in
// SQLite; a table is found under its table name alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"
#include "state/sqlite_database.h"

namespace sluice {

struct SqliteColumn {
  std::string name;
  std::string declared_type;
  bool not_null = false;
  int64_t key_place = 0;  // from 1; 0: not in the primary key
};

// Columns that can be written, in order; empty if the table does not exist.
Result<std::vector<SqliteColumn>> describe_sqlite_table(SqliteDatabase& database, const std::string& table);
// True if a unique index beside the primary key exists.
Result<bool> has_other_unique_index(SqliteDatabase& database, const std::string& table);

std::string create_sqlite_table_sql(const TableSchema& schema, std::string_view name);
// The statements that make the change to a table in the state `before`.
std::vector<std::string> sqlite_ddl(const SchemaChange& change);
// Makes the change as far as it is not made yet, in one transaction.
Result<> apply_sqlite_change(SqliteDatabase& database, const SchemaChange& change);

}  // namespace sluice
