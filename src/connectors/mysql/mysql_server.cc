// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace sluice::mysql {
namespace {

Result<std::string> required_setting(Context& context, MysqlConnection& connection, std::string_view name) {
  ASSIGN_OR_RETURN(auto value, connection.query_value(context, fmt::format("SELECT @@global.{}", name)));
  return value.value_or("");
}

uint64_t to_number(const std::optional<std::string>& text) {
  uint64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string log_status_statement(const MysqlConnection& connection) {
  return !connection.is_mariadb() && connection.version() >= 80200 ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
}

constexpr std::string_view kTableTypes = "TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";

// Another one may drop and create tables while these are read: then a definition is put together from two tables.
constexpr int kReadings = 10;

struct Definitions {
  std::map<TableId, MysqlTable> tables;
  std::map<TableId, TableSchema> schemas;
  std::set<TableId> lack_indexes;  // their columns say that there are some
};

Result<> read_table_rows(Context& context, MysqlConnection& connection, const std::string& where,
                         const std::set<TableId>& wanted, Definitions& out) {
  ASSIGN_OR_RETURN(const auto rows,
                   connection.query(context,
                                    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_COMMENT, TABLE_COLLATION, ENGINE, "
                                    "TABLE_TYPE FROM information_schema.TABLES WHERE " +
                                        std::string(kTableTypes) + " AND " + where));
  for (const auto& row : rows) {
    const TableId id{row[0].value_or(""), row[1].value_or("")};
    if (!wanted.contains(id)) continue;
    if (row[5] == "SYSTEM VERSIONED") {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("table {} is system-versioned: its log tells old rows as it tells new ones", id.text()),
                   "Leave it out with tables.exclude.");
    }
    out.schemas[id].id = id;
    out.schemas[id].comment = row[2].value_or("");
    MysqlTable& table = out.tables[id];
    table.collation = row[3].value_or("");
    const std::string engine = row[4].value_or("");
    table.transactional = engine != "MyISAM" && engine != "Aria" && engine != "MEMORY" && engine != "CSV" &&
                          engine != "ARCHIVE" && engine != "MRG_MyISAM";
    table.charset = table.collation.substr(0, table.collation.find('_'));
  }
  return {};
}

Result<> read_column_rows(Context& context, MysqlConnection& connection, const std::string& where,
                          const TypeOptions& options, Definitions& out) {
  ASSIGN_OR_RETURN(
      const auto rows,
      connection.query(context,
                       "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, CHARACTER_SET_NAME, "
                       "COLLATION_NAME, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_COMMENT, EXTRA, COLUMN_KEY FROM "
                       "information_schema.COLUMNS WHERE " +
                           where + " ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION"));
  for (const auto& row : rows) {
    const TableId id{row[0].value_or(""), row[1].value_or("")};
    const auto found = out.schemas.find(id);
    if (found == out.schemas.end()) continue;  // a view
    Column column;
    column.name = row[2].value_or("");
    auto type = mysql_data_type(row[3].value_or(""), row[4].value_or(""), row[6] == "YES", options);
    if (!type) return std::move(type).error().context(fmt::format("table {}, column {}", id.text(), column.name));
    column.type = std::move(type).value();
    column.default_expression = row[7];
    if (column.default_expression == "NULL") column.default_expression.reset();
    column.comment = row[8].value_or("");
    const std::string extra = row[9].value_or("");
    const bool computed_default = is_computed_default(column.type.source_type, column.default_expression);
    found->second.columns.push_back(std::move(column));
    if (row[10] == "PRI") out.lack_indexes.insert(id);
    out.tables[id].columns.push_back({.charset = row[4].value_or(""),
                                      .collation = row[5].value_or(""),
                                      .generated_virtual = extra.find("VIRTUAL GENERATED") != std::string::npos,
                                      .invisible = extra.find("INVISIBLE") != std::string::npos,
                                      .computed = extra.find("GENERATED") != std::string::npos ||
                                                  extra.find("auto_increment") != std::string::npos ||
                                                  computed_default});
  }
  return {};
}

// The primary key, else the first unique index whose columns cannot be NULL.
Result<> read_key_rows(Context& context, MysqlConnection& connection, const std::string& where, Definitions& out) {
  ASSIGN_OR_RETURN(const auto rows,
                   connection.query(context,
                                    "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART FROM "
                                    "information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND " +
                                        where +
                                        " ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME = 'PRIMARY' DESC, "
                                        "INDEX_NAME, SEQ_IN_INDEX"));
  struct Index {
    std::vector<uint32_t> columns;
    bool usable = true;
  };
  std::map<TableId, std::vector<std::pair<std::string, Index>>> indexes;
  for (const auto& row : rows) {
    const TableId id{row[0].value_or(""), row[1].value_or("")};
    const auto found = out.schemas.find(id);
    if (found == out.schemas.end()) continue;
    out.lack_indexes.erase(id);
    auto& list = indexes[id];
    const std::string name = row[2].value_or("");
    if (list.empty() || list.back().first != name) list.emplace_back(name, Index{});
    const auto column = found->second.find_column(row[3].value_or(""));
    // Prefix parts and expressions do not identify a row.
    if (!column || row[4]) {
      list.back().second.usable = false;
      continue;
    }
    list.back().second.columns.push_back(*column);
    if (found->second.columns[*column].type.nullable) list.back().second.usable = false;
  }
  for (auto& [id, list] : indexes) {
    const auto best = std::ranges::find_if(list, [](const auto& index) { return index.second.usable; });
    if (best == list.end()) continue;
    out.schemas[id].key = std::move(best->second.columns);
    out.tables[id].key_index = std::move(best->first);
  }
  return {};
}

Result<Definitions> read_definitions(Context& context, MysqlConnection& connection, const std::string& where,
                                     const std::set<TableId>& wanted, const TypeOptions& options) {
  for (int reading = 1;; ++reading) {
    Definitions definitions;
    RETURN_IF_ERROR(read_table_rows(context, connection, where, wanted, definitions));
    RETURN_IF_ERROR(read_column_rows(context, connection, where, options, definitions));
    RETURN_IF_ERROR(read_key_rows(context, connection, where, definitions));
    std::erase_if(definitions.tables, [](const auto& entry) { return entry.second.columns.empty(); });
    if (definitions.lack_indexes.empty()) return definitions;
    if (reading == kReadings) {
      return Error(ErrorCode::kSchemaChanged,
                   fmt::format("table {} is altered again and again while its definition is read",
                               definitions.lack_indexes.begin()->text()));
    }
  }
}

}  // namespace

std::string quoted(const TableId& table) {
  return MysqlConnection::quote_identifier(table.schema) + "." + MysqlConnection::quote_identifier(table.table);
}

Result<> check_server_settings(Context& context, MysqlConnection& connection) {
  ASSIGN_OR_RETURN(const std::string log_bin, required_setting(context, connection, "log_bin"));
  if (log_bin != "1") {
    return Error(ErrorCode::kConfig, "the source server writes no binary log (log_bin is OFF)",
                 "Start the server with log-bin and a server-id of its own.");
  }
  ASSIGN_OR_RETURN(const std::string format, required_setting(context, connection, "binlog_format"));
  if (format != "ROW") {
    return Error(ErrorCode::kConfig,
                 fmt::format("the source server logs statements, not rows (binlog_format is {})", format),
                 "Run SET GLOBAL binlog_format = 'ROW' and let applications reconnect.");
  }
  return {};
}

Result<BinlogPosition> complete_position(Context& context, MysqlConnection& connection, BinlogPosition position) {
  if (!connection.is_mariadb() || !position.gtid_pos.empty()) return position;
  std::string sql = "SELECT BINLOG_GTID_POS(";
  connection.append_quoted(position.file, sql);
  sql += fmt::format(", {})", position.offset);
  ASSIGN_OR_RETURN(const auto gtids, connection.query_value(context, sql));
  if (gtids && !gtids->empty()) {
    ASSIGN_OR_RETURN(position.gtid_pos, MariadbGtidPosition::parse(*gtids));
  }
  return position;
}

Result<BinlogPosition> current_binlog_position(Context& context, MysqlConnection& connection) {
  ASSIGN_OR_RETURN(const auto rows, connection.query(context, log_status_statement(connection)));
  if (rows.empty())
    return Error(ErrorCode::kConfig, "the source server writes no binary log", "Start it with log-bin.");
  BinlogPosition position;
  position.file = rows[0][0].value_or("");
  position.offset = to_number(rows[0][1]);
  if (!connection.is_mariadb() && rows[0].size() > 4) {
    ASSIGN_OR_RETURN(position.gtid_set, GtidSet::parse(rows[0][4].value_or("")));
  }
  return complete_position(context, connection, std::move(position));
}

Result<BinlogPosition> earliest_binlog_position(Context& context, MysqlConnection& connection) {
  ASSIGN_OR_RETURN(const auto rows, connection.query(context, "SHOW BINARY LOGS"));
  if (rows.empty())
    return Error(ErrorCode::kConfig, "the source server has no binary log files", "Start it with log-bin.");
  BinlogPosition position;
  position.file = rows[0][0].value_or("");
  if (!connection.is_mariadb()) {
    ASSIGN_OR_RETURN(const auto purged, connection.query_value(context, "SELECT @@global.gtid_purged"));
    ASSIGN_OR_RETURN(position.gtid_set, GtidSet::parse(purged.value_or("")));
  }
  return complete_position(context, connection, std::move(position));
}

Result<std::vector<TableId>> list_tables(Context& context, MysqlConnection& connection) {
  ASSIGN_OR_RETURN(
      const auto rows,
      connection.query(context, fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES WHERE "
                                            "{} AND TABLE_SCHEMA NOT IN ('mysql', "
                                            "'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2",
                                            kTableTypes)));
  std::vector<TableId> tables;
  for (const auto& row : rows) tables.push_back({row[0].value_or(""), row[1].value_or("")});
  return tables;
}

Result<std::vector<NamedTable>> read_tables(Context& context, MysqlConnection& connection,
                                            const std::vector<TableId>& tables, const TypeOptions& options) {
  // A server opens only the tables of a database, or one table, when these are constants in the condition.
  std::map<std::string, std::set<TableId>> by_schema;
  for (const auto& table : tables) by_schema[table.schema].insert(table);
  std::vector<NamedTable> result;
  for (const auto& [schema, wanted] : by_schema) {
    std::string where = "TABLE_SCHEMA = ";
    connection.append_quoted(schema, where);
    if (wanted.size() == 1) {
      where += " AND TABLE_NAME = ";
      connection.append_quoted(wanted.begin()->table, where);
    }
    ASSIGN_OR_RETURN(Definitions definitions, read_definitions(context, connection, where, wanted, options));
    for (auto& [id, table] : definitions.tables) {
      table.schema = std::make_shared<const TableSchema>(std::move(definitions.schemas[id]));
      result.push_back({id, std::move(table)});
    }
  }
  return result;
}

Result<> learn_key_indexes(Context& context, MysqlConnection& connection, SchemaCatalog& catalog) {
  std::vector<TableId> unknown;
  for (const auto& [id, table] : catalog.tables()) {
    if (table.schema && !table.schema->key.empty() && table.key_index.empty()) unknown.push_back(id);
  }
  ASSIGN_OR_RETURN(const auto tables, read_tables(context, connection, unknown, catalog.options()));
  for (const auto& [id, now] : tables) {
    MysqlTable table = *catalog.find(id);
    if (key_names(*now.schema) != key_names(*table.schema)) continue;
    table.key_index = now.key_index;
    catalog.put(id, std::move(table));
  }
  return {};
}

Result<size_t> count_hidden_columns(Context& context, MysqlConnection& connection, const TableId& table) {
  std::string sql =
      "SELECT COUNT(DISTINCT INDEX_NAME) FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND "
      "INDEX_TYPE = 'HASH' AND TABLE_SCHEMA = ";
  connection.append_quoted(table.schema, sql);
  sql += " AND TABLE_NAME = ";
  connection.append_quoted(table.table, sql);
  ASSIGN_OR_RETURN(const auto count, connection.query_value(context, sql));
  return to_number(count);
}

Result<bool> is_sequence(Context& context, MysqlConnection& connection, const TableId& table) {
  std::string sql = "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ";
  connection.append_quoted(table.schema, sql);
  sql += " AND TABLE_NAME = ";
  connection.append_quoted(table.table, sql);
  ASSIGN_OR_RETURN(const auto type, connection.query_value(context, sql));
  return type == "SEQUENCE";
}

}  // namespace sluice::mysql
