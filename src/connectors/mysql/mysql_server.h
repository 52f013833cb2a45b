// SPDX-License-Identifier: Apache-2.0
// What the source asks of a server beside rows and log: settings, positions, table definitions. Pure functions over a
// connection.
#pragma once

#include <vector>

#include "connector/source.h"
#include "connectors/mysql/ddl_apply.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_position.h"
#include "connectors/mysql/mysql_types.h"

namespace sluice::mysql {

// Errors name the setting, its value and the statement that corrects it.
Result<> check_server_settings(Context& context, MysqlConnection& connection);

// Where the log stands; consistent in itself.
Result<BinlogPosition> current_binlog_position(Context& context, MysqlConnection& connection);
// The beginning of the oldest log file.
Result<BinlogPosition> earliest_binlog_position(Context& context, MysqlConnection& connection);
// A file and offset completed with what the server knows of its GTIDs (MariaDB).
Result<BinlogPosition> complete_position(Context& context, MysqlConnection& connection, BinlogPosition position);

// All tables outside the system databases.
Result<std::vector<TableId>> list_tables(Context& context, MysqlConnection& connection);
struct NamedTable {
  TableId id;
  MysqlTable table;
};
// The definitions of these tables (those that still exist). kUnsupported if one is system-versioned.
Result<std::vector<NamedTable>> read_tables(Context& context, MysqlConnection& connection,
                                            const std::vector<TableId>& tables, const TypeOptions& options);

// The name of the index that each key is made of, for tables of ledgers of earlier versions, which do not tell it.
Result<> learn_key_indexes(Context& context, MysqlConnection& connection, SchemaCatalog& catalog);
// MariaDB's unique indexes of long text have a column of hashes each, behind all others, that only the log shows.
Result<size_t> count_hidden_columns(Context& context, MysqlConnection& connection, const TableId& table);
Result<bool> is_sequence(Context& context, MysqlConnection& connection, const TableId& table);

std::string quoted(const TableId& table);

}  // namespace sluice::mysql
