// SPDX-License-Identifier: Apache-2.0
// Tables of a MySQL or MariaDB target: reading their shape, and making schema changes. DDL commits by itself here, so
// each change first looks whether it is made already.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/mysql_connection.h"
#include "data/change_batch.h"

namespace sluice {

struct MysqlTargetTable {
  TableSchema schema;         // columns that can be written, the primary key
  bool other_unique = false;  // a unique index beside the primary key
  bool referenced = false;    // by a foreign key
};
// No columns: the table does not exist.
Result<MysqlTargetTable> describe_mysql_table(Context& context, MysqlConnection& connection, const TableId& table);

// The tables of a database that have foreign keys, or that foreign keys refer to; true for those that refer to
// themselves. Opens every one of them.
Result<std::map<std::string, bool>> mysql_tables_with_foreign_keys(Context& context, MysqlConnection& connection,
                                                                   const std::string& database);

// As far as the user may see triggers.
Result<bool> mysql_has_triggers(Context& context, MysqlConnection& connection, const TableId& table);

// Whether no other tables have foreign keys to these.
Result<bool> mysql_referred_to_by_none_else(Context& context, MysqlConnection& connection,
                                            std::span<const TableSchemaPtr> tables);

// Those of the tables in which rows of different keys get into each other's way: by another unique index.
Result<std::set<TableId>> mysql_tables_to_confine(Context& context, MysqlConnection& connection,
                                                  std::span<const TableSchemaPtr> tables);

std::string qualified_mysql(const TableId& table);
// How tables are made. In the collation texts are equal only if they are the same bytes, trailing blanks included; but
// MyRocks has no such one for keys, and there 'a' and 'a ' are the same key.
struct MysqlTableForm {
  std::string_view engine = "InnoDB", collation = "utf8mb4_nopad_bin";
};
// MyRocks is taken only where there is no InnoDB.
Result<MysqlTableForm> mysql_table_form(Context& context, MysqlConnection& connection);
std::vector<std::string> mysql_ddl(const SchemaChange& change, const MysqlTableForm& form);
Result<> apply_mysql_change(Context& context, MysqlConnection& connection, const SchemaChange& change,
                            const MysqlTableForm& form);

}  // namespace sluice
