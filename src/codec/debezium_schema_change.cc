// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_schema_change.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec/connect_schema.h"
#include "codec/source_type.h"
#include "data/json_value.h"

namespace sluice {
namespace {

struct JdbcType {
  std::string_view name;
  int code;
};
// java.sql.Types as Debezium's parser gives them to MySQL's types; which one each gets is not described.
constexpr std::array kJdbcTypes = {
    JdbcType{"BIT", -7},        JdbcType{"BOOLEAN", 16},     JdbcType{"TINYINT", 5},
    JdbcType{"SMALLINT", 5},    JdbcType{"MEDIUMINT", 4},    JdbcType{"INT", 4},
    JdbcType{"BIGINT", -5},     JdbcType{"FLOAT", 6},        JdbcType{"DOUBLE", 8},
    JdbcType{"DECIMAL", 3},     JdbcType{"CHAR", 1},         JdbcType{"VARCHAR", 12},
    JdbcType{"TINYTEXT", 12},   JdbcType{"TEXT", 12},        JdbcType{"MEDIUMTEXT", 12},
    JdbcType{"LONGTEXT", 12},   JdbcType{"BINARY", -2},      JdbcType{"VARBINARY", -3},
    JdbcType{"TINYBLOB", 2004}, JdbcType{"BLOB", 2004},      JdbcType{"MEDIUMBLOB", 2004},
    JdbcType{"LONGBLOB", 2004}, JdbcType{"DATE", 91},        JdbcType{"TIME", 92},
    JdbcType{"DATETIME", 93},   JdbcType{"TIMESTAMP", 2014}, JdbcType{"YEAR", 4},
    JdbcType{"ENUM", 1},        JdbcType{"SET", 1}};
constexpr int kOther = 1111;

int jdbc_type(std::string_view name) {
  const auto found = std::ranges::find(kJdbcTypes, name.substr(0, name.find(' ')), &JdbcType::name);
  return found == kJdbcTypes.end() ? kOther : found->code;
}

std::string named(std::string_view name, bool optional, std::string fields, std::string_view field) {
  return connect_schema_json({.type = "struct", .name = name, .fields = std::move(fields)}, optional, "", field);
}
std::string array_of(std::string items, bool optional, std::string_view field) {
  return connect_schema_json({.type = "array", .items = std::move(items)}, optional, "", field);
}

std::string column_schema() {
  const auto field = connect_field_json;
  const std::vector<std::string> fields = {field("string", false, "name"),
                                           field("int32", false, "jdbcType"),
                                           field("int32", true, "nativeType"),
                                           field("string", false, "typeName"),
                                           field("string", true, "typeExpression"),
                                           field("string", true, "charsetName"),
                                           field("int32", true, "length"),
                                           field("int32", true, "scale"),
                                           field("int32", false, "position"),
                                           field("boolean", true, "optional"),
                                           field("boolean", true, "autoIncremented"),
                                           field("boolean", true, "generated"),
                                           field("string", true, "comment"),
                                           field("string", true, "defaultValueExpression"),
                                           array_of(field("string", false, ""), true, "enumValues")};
  return named("io.debezium.connector.schema.Column", false, fmt::format("{}", fmt::join(fields, ",")), "");
}

std::string change_schema() {
  const auto field = connect_field_json;
  const std::string table =
      named("io.debezium.connector.schema.Table", true,
            fmt::format("{},{},{},{}", field("string", true, "defaultCharsetName"),
                        array_of(field("string", false, ""), true, "primaryKeyColumnNames"),
                        array_of(column_schema(), false, "columns"), field("string", true, "comment")),
            "table");
  return named("io.debezium.connector.schema.Change", false,
               fmt::format("{},{},{}", field("string", false, "type"), field("string", false, "id"), table), "");
}

void append_texts(const std::vector<std::string>& texts, std::string& out) {
  out += '[';
  for (const std::string& text : texts) {
    if (out.back() != '[') out += ',';
    append_json_string(text, out);
  }
  out += ']';
}

void append_column(const Column& column, size_t position, std::string& out) {
  const SourceType type = parse_source_type(column.type.source_type);
  out += "{\"name\":";
  append_json_string(column.name, out);
  fmt::format_to(std::back_inserter(out), ",\"jdbcType\":{},\"nativeType\":null,\"typeName\":", jdbc_type(type.name));
  append_json_string(type.name, out);
  out += ",\"typeExpression\":";
  append_json_string(type.name, out);
  fmt::format_to(std::back_inserter(out),
                 ",\"charsetName\":null,\"length\":{},\"scale\":{},\"position\":{},\"optional\":{},"
                 "\"autoIncremented\":null,\"generated\":null,\"comment\":null,\"defaultValueExpression\":",
                 type.length.empty() ? "null" : type.length, type.scale.empty() ? "null" : type.scale, position,
                 column.type.nullable);
  if (column.default_expression) {
    append_json_string(*column.default_expression, out);
  } else {
    out += "null";
  }
  out += ",\"enumValues\":";
  if (column.type.labels) {
    append_texts(*column.type.labels, out);
  } else {
    out += "null";
  }
  out += '}';
}

void append_table(const TableSchema& table, std::string& out) {
  std::vector<std::string> key;
  for (const uint32_t column : table.key) key.push_back(table.columns[column].name);
  out += "{\"defaultCharsetName\":null,\"primaryKeyColumnNames\":";
  append_texts(key, out);
  out += ",\"columns\":[";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    if (i > 0) out += ',';
    append_column(table.columns[i], i + 1, out);
  }
  out += "],\"comment\":null}";
}

}  // namespace

std::vector<DatabaseChange> changes_by_database(const SchemaChangeEvent& event) {
  std::vector<DatabaseChange> databases;
  for (const SchemaChange& change : event.changes) {
    if (change.kind == SchemaChangeKind::kTruncateTable) continue;
    const TableId& id = change.table();
    auto database = std::ranges::find(databases, id.schema, &DatabaseChange::database);
    if (database == databases.end())
      database = databases.insert(database, {.database = id.schema, .tables = {}, .changes = {}});
    auto table = std::ranges::find(database->changes, id, &TableChange::id);
    if (table == database->changes.end()) {
      const bool created = change.kind == SchemaChangeKind::kCreateTable;
      table = database->changes.insert(table, {.type = created ? "CREATE" : "ALTER", .id = id, .table = nullptr});
      database->tables += (database->tables.empty() ? "" : ",") + id.table;
    }
    table->table = change.after;
    if (!change.after) table->type = "DROP";
  }
  return databases;
}

std::string schema_change_key_start(const std::string& name) {
  return "{\"schema\":" +
         named(name + ".SchemaChangeKey", false, connect_field_json("string", false, "databaseName"), "") +
         ",\"payload\":";
}

std::string schema_change_value_start(const std::string& name, const std::string& source_schema) {
  const auto field = connect_field_json;
  return "{\"schema\":" +
         named(name + ".SchemaChangeValue", false,
               fmt::format("{},{},{},{},{},{}", source_schema, field("int64", false, "ts_ms"),
                           field("string", true, "databaseName"), field("string", true, "schemaName"),
                           field("string", true, "ddl"), array_of(change_schema(), false, "tableChanges")),
               "") +
         ",\"payload\":";
}

void append_schema_change(const DatabaseChange& change, const std::string& ddl, std::string& out) {
  out += ",\"databaseName\":";
  append_json_string(change.database, out);
  out += ",\"schemaName\":null,\"ddl\":";
  append_json_string(ddl, out);
  out += ",\"tableChanges\":[";
  for (const TableChange& table : change.changes) {
    if (out.back() != '[') out += ',';
    fmt::format_to(std::back_inserter(out), "{{\"type\":\"{}\",\"id\":", table.type);
    append_json_string(fmt::format("\"{}\".\"{}\"", table.id.schema, table.id.table), out);
    out += ",\"table\":";
    if (table.table) {
      append_table(*table.table, out);
    } else {
      out += "null";
    }
    out += '}';
  }
  out += ']';
}

}  // namespace sluice
