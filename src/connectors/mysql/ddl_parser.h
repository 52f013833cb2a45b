// SPDX-License-Identifier: Apache-2.0
// Reads the SQL of QUERY events as far as it concerns the shape of tables, in the dialects of MySQL and MariaDB,
// including executed comments. A statement on a table that cannot be read is an error, never skipped. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "data/types.h"

namespace sluice::mysql {

struct DdlOptions {
  std::string default_database;
  bool ansi_quotes = false;
  bool no_backslash_escapes = false;
  bool mariadb = false;           // JSON is LONGTEXT, defaults are printed quoted
  bool lower_case_names = false;  // lower_case_table_names != 0: database and table names are folded
};

// A column as written; what was not written is absent and follows from the table when applied.
struct DdlColumn {
  std::string name;
  std::string type;  // in information_schema's form: "varchar(10)", "int unsigned", "enum('a','b')"
  std::string charset;
  std::string collation;
  bool binary_collation = false;  // attribute BINARY of a text column
  std::optional<bool> nullable;
  std::optional<std::string> default_expression;  // nullopt: none, or DEFAULT NULL
  std::string comment;
  bool primary_key = false;
  bool unique_key = false;
  bool generated = false;
  bool generated_virtual = false;
  bool auto_increment = false;
  bool invisible = false;
};

// Where a column goes: at the end, first, or after another one.
struct ColumnPlace {
  bool first = false;
  std::string after;
};

// PRIMARY KEY or UNIQUE.
struct DdlKey {
  std::string name;  // of a unique index; empty: the server makes one of the first column's name
  std::vector<std::string> columns;
  bool primary = false;
  bool prefix = false;  // a part is only the beginning of its column
  bool other = false;   // neither primary nor unique, or of expressions: tells nothing but takes a name
};

struct CreateTable {
  TableId table;
  bool if_not_exists = false;
  bool or_replace = false;
  bool temporary = false;
  bool columns_unknown = false;  // AS SELECT without a column list that says all
  std::optional<TableId> like;
  std::vector<DdlColumn> columns;
  std::vector<DdlKey> keys;  // PRIMARY KEY and UNIQUE
  std::string charset;
  std::string collation;
  std::string comment;
};

struct AddColumn {
  DdlColumn column;
  ColumnPlace place;
  bool if_not_exists = false;
};
struct ChangeColumn {  // MODIFY (both names equal) and CHANGE
  std::string old_name;
  DdlColumn column;
  std::optional<ColumnPlace> place;
  bool if_exists = false;
};
struct RenameColumn {
  std::string old_name;
  std::string new_name;
  bool if_exists = false;
};
struct DropColumn {
  std::string name;
  bool if_exists = false;
};
struct SetColumnDefault {  // nullopt: DROP DEFAULT
  std::string name;
  std::optional<std::string> default_expression;
};
struct AddKey {
  DdlKey key;
};
struct DropPrimaryKey {};
struct DropIndex {
  std::string name;
};
struct RenameIndex {
  std::string old_name;
  std::string new_name;
};
struct RenameTo {
  TableId table;
};
struct ConvertCharset {  // CONVERT TO: columns too
  std::string charset;
  std::string collation;
};
struct SetTableCharset {
  std::string charset;
  std::string collation;
};
struct SetTableComment {
  std::string comment;
};
struct TruncatePartition {};  // ALTER TABLE ... TRUNCATE/DROP/EXCHANGE PARTITION: rows change without row events
using AlterAction =
    std::variant<AddColumn, ChangeColumn, RenameColumn, DropColumn, SetColumnDefault, AddKey, DropPrimaryKey, DropIndex,
                 RenameIndex, RenameTo, ConvertCharset, SetTableCharset, SetTableComment, TruncatePartition>;

struct AlterTable {
  TableId table;
  bool if_exists = false;
  std::vector<AlterAction> actions;  // empty: only constraints, engine and the like
};
struct DropTable {
  std::vector<TableId> tables;
  bool temporary = false;
};
struct TruncateTable {
  TableId table;
};
struct RenameTable {
  std::vector<std::pair<TableId, TableId>> pairs;
};
struct CreateDatabase {
  std::string name;
  std::string charset;
  std::string collation;
};
struct AlterDatabase {
  std::string name;
  std::string charset;
  std::string collation;
};
struct DropDatabase {
  std::string name;
};
struct TransactionControl {  // as statements in the log
  enum class Kind {
    kBegin,
    kCommit,
    kRollback,
    kSavepoint,
    kRollbackTo,
    kXaStart,
    kXaEnd,
    kXaPrepare,
    kXaCommit,
    kXaRollback
  };
  Kind kind = Kind::kBegin;
  std::string xid;  // of XA statements, as the server prints it: X'6162',X'',1
};
struct HarmlessStatement {};  // concerns no rows and no columns
struct RowStatement {         // INSERT, UPDATE, DELETE, ... as text: the server does not log rows (binlog_format)
  std::string verb;
};
using DdlStatement = std::variant<CreateTable, AlterTable, DropTable, TruncateTable, RenameTable, CreateDatabase,
                                  AlterDatabase, DropDatabase, TransactionControl, HarmlessStatement, RowStatement>;

// One statement of a QUERY event (the server logs one per event); `sql` in UTF-8.
Result<DdlStatement> parse_ddl(std::string_view sql, const DdlOptions& options);

}  // namespace sluice::mysql
