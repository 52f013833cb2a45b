// SPDX-License-Identifier: Apache-2.0
// The schemas of a server's tables as of one position of its log: begins with what information_schema said, moves on
// with each DDL statement, and says what changed in the vocabulary of SchemaChange. One thread at a time.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/ddl_parser.h"
#include "connectors/mysql/mysql_types.h"
#include "data/change_batch.h"
#include "data/types.h"

namespace sluice::mysql {

inline constexpr std::string_view kPrimaryIndex = "PRIMARY";

struct MysqlTable {
  TableSchemaPtr schema;                 // null: the table exists, its columns are not known (CREATE ... LIKE unknown)
  std::vector<MysqlColumnInfo> columns;  // parallel to schema->columns
  std::string charset;                   // the table's default
  std::string collation;
  // The index that schema->key is made of; kPrimaryIndex for the primary key. Empty: there is none, or it is not known
  // (ledgers of earlier versions).
  std::string key_index;
  bool transactional = true;  // as the server says; not followed, and not kept in ledgers
  // Of the helper table of an online schema change: a column that the old table has too holds other values than there
  // (names were passed on, or it is computed anew).
  bool other_values = false;

  friend bool operator==(const MysqlTable& a, const MysqlTable& b);
};
// One line of JSON with numbered format, for ledgers, and back.
std::string mysql_table_to_json(const MysqlTable& table);
Result<MysqlTable> mysql_table_from_json(std::string_view json);

struct CharsetChoice {
  std::string charset;
  std::string collation;
};

// True for the names that online schema changes give to their helper tables: _t_gho, _t_ghc, _t_del (gh-ost), _t_new,
// _t_old (pt-online-schema-change). A table that takes its place under the old name holds the same rows.
bool is_schema_change_helper(std::string_view table);

// True for a default, as printed by the server or written in a statement, whose value only the server knows. That of a
// TIMESTAMP is a moment in the time zone of the session that adds the column.
bool is_computed_default(std::string_view column_type, const std::optional<std::string>& expression);

std::vector<std::string> key_names(const TableSchema& schema);

// Rows are found again by key in the target, whose key stays what it is; its columns may be renamed. An error if the
// statement, which made `now` (null: nothing) of `before`, takes the key away or makes another one.
Result<> check_key_stays(const DdlStatement& statement, const MysqlTable& before, const MysqlTable* now);

// The tables whose rows or shape a statement concerns; none for one that concerns a whole database.
std::vector<TableId> tables_of(const DdlStatement& statement);

// Everything a statement did.
struct DdlEffect {
  std::vector<SchemaChange>
      changes;                   // in the statement's order; a repeated statement that finds its work done has none
  std::vector<TableId> touched;  // tables whose entry in the catalog is new, different or gone
  std::vector<TableId> unknown;  // tables that the statement changes and the catalog does not know
  // Tables whose rows the log does not tell: they appeared under this name with rows in them (RENAME), or the server
  // computed values of rows that were there. And tables whose columns passed names on to one another: a statement that
  // is read again over its own result would do it a second time.
  std::vector<TableId> needs_copy;
  std::vector<TableId> rows_changed;  // rows changed without row events (partition dropped, truncated, exchanged)
};

class SchemaCatalog {
 public:
  explicit SchemaCatalog(TypeOptions options) : options_(options) {}

  const TypeOptions& options() const { return options_; }
  const MysqlTable* find(const TableId& id) const;
  void put(const TableId& id, MysqlTable table) { tables_[id] = std::move(table); }
  void erase(const TableId& id) { tables_.erase(id); }
  const std::map<TableId, MysqlTable>& tables() const { return tables_; }
  // The default character set of new tables in a database; without it the server's.
  void put_database(const std::string& name, CharsetChoice choice) { databases_[name] = std::move(choice); }
  const std::map<std::string, CharsetChoice>& databases() const { return databases_; }
  void set_server_charset(CharsetChoice choice) { server_ = std::move(choice); }

  // Moves the catalog over the statement. An error (kUnsupported: a type or clause we cannot place) leaves it
  // unchanged.
  Result<DdlEffect> apply(const DdlStatement& statement);

 private:
  friend class DdlApplier;
  CharsetChoice database_charset(const std::string& name) const;
  TypeOptions options_;
  std::map<TableId, MysqlTable> tables_;
  std::map<std::string, CharsetChoice> databases_;
  CharsetChoice server_{"utf8mb4", ""};
};

}  // namespace sluice::mysql
