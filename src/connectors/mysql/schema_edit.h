// SPDX-License-Identifier: Apache-2.0
// Changes of one table's definition as ALTER TABLE lists them. Internal to ddl_apply.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/ddl_apply.h"
#include "connectors/mysql/ddl_parser.h"

namespace sluice::mysql {

TableSchemaPtr with_id(const TableSchema& schema, const TableId& id);

// The old and the new name that CHANGE or RENAME COLUMN gives a column, perhaps the same; empty for other actions.
struct ColumnRename {
  std::string old_name;
  std::string new_name;
};
ColumnRename rename_of(const AlterAction& action);

Result<MysqlTable> new_table(const CreateTable& create, const CharsetChoice& charset, const TypeOptions& options);

// Appends what turns `before` into `after`: dropped, added, altered columns, comment. The last change ends at `after`.
void append_difference(const TableSchema& before, const TableSchemaPtr& after, std::vector<SchemaChange>& changes);

// True if rows that are there have the same values in any database when their columns become what the change says, so
// that ALTER does there what it did at the source.
bool keeps_values(const SchemaChange& change);

class SchemaEdit {
 public:
  SchemaEdit(const MysqlTable& table, CharsetChoice database_charset, const TypeOptions& options);

  // All of one statement, once. What is dropped, renamed or changed goes by the names that columns had before the
  // statement, what is added by those behind it: first everything is dropped, then renamed, then come the others in
  // their order. A change that finds its work done does nothing. RenameTo and TruncatePartition are the caller's.
  Result<> apply(const std::vector<AlterAction>& actions);
  // Hands over the table and appends the changes made.
  MysqlTable finish(std::vector<SchemaChange>& changes);

 private:
  friend struct ActionVisitor;
  void record(SchemaChangeKind kind, std::string column);
  Result<> add(const AddColumn& add);
  Result<> change(const ChangeColumn& change);
  void rename(const std::vector<AlterAction>& actions);
  void drop(const std::string& name);
  void drop_index(const std::string& name);
  void add_index(const DdlKey& key);
  void move(uint32_t from, const ColumnPlace& place);
  Result<> convert(const ConvertCharset& convert);
  Result<> set_primary_key(const std::vector<std::string>& columns);

  const bool has_key_;  // before the statement
  TableSchema schema_;
  MysqlTable table_;  // its schema is the one before the change at hand
  CharsetChoice database_charset_;
  const TypeOptions& options_;
  std::vector<SchemaChange> changes_;
};

}  // namespace sluice::mysql
