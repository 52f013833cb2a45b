// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "connector/relational_writing.h"
#include "connectors/mysql/mysql_sink_types.h"

namespace sluice {
namespace {

std::string quote(std::string_view name) { return MysqlConnection::quote_identifier(name); }

// A string literal that means the same with and without NO_BACKSLASH_ESCAPES: bytes, read as utf8mb4.
std::string literal(std::string_view text) {
  if (text.empty()) return "''";
  std::string sql = "_utf8mb4 ";
  MysqlConnection::append_hex_literal(text, sql);
  return sql;
}

int64_t number(const std::optional<std::string>& text) {
  int64_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string column_sql(const TableSchema& schema, uint32_t index, bool with_default) {
  const Column& column = schema.columns[index];
  const bool in_key = schema.is_key(index);
  std::string sql = fmt::format("{} {}", quote(column.name), mysql_type_sql(column.type, in_key));
  // TIMESTAMP is NOT NULL with an automatic default unless told otherwise.
  sql += column.type.nullable && !in_key ? " NULL" : " NOT NULL";
  if (!with_default) return sql;
  const std::string type = mysql_type_sql(column.type, in_key);
  const bool can_have_default = type.find("text") == std::string::npos && type.find("blob") == std::string::npos &&
                                column.type.kind != TypeKind::kGeometry && column.type.kind != TypeKind::kJson &&
                                column.type.kind != TypeKind::kBit && column.type.kind != TypeKind::kBytes;
  if (!column.default_expression || !can_have_default) return sql;
  auto value = value_of_added_column(column);
  if (!value) return sql;
  if (column.type.kind == TypeKind::kBoolean) value = *value == "true" ? "1" : "0";
  std::string quoted = "'";
  for (const char c : *value) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return sql + " DEFAULT " + quoted + "'";
}

std::string create_sql(const TableSchema& schema, const MysqlTableForm& form) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {} (", qualified_mysql(schema.id));
  for (uint32_t i = 0; i < schema.columns.size(); ++i) sql += (i > 0 ? ", " : "") + column_sql(schema, i, false);
  if (!schema.key.empty()) {
    sql += ", PRIMARY KEY (";
    for (size_t i = 0; i < schema.key.size(); ++i) {
      sql += (i > 0 ? ", " : "") + quote(schema.columns[schema.key[i]].name);
    }
    sql += ")";
  }
  return fmt::format("{}) ENGINE={} ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE {}", sql, form.engine,
                     form.collation);
}

std::string comment_sql(const SchemaChange& change) {
  std::string text = "'";
  for (const char c : change.after->comment) {
    if (c == '\'' || c == '\\') text += c;
    text += c;
  }
  return fmt::format("ALTER TABLE {} COMMENT = {}'", qualified_mysql(change.table()), text);
}

std::string rename_sql(const SchemaChange& change, size_t i) {
  return fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", qualified_mysql(change.table()), quote(change.columns[i]),
                     quote(change.new_names[i]));
}

Error lacks_column(const SchemaChange& change, const std::string& name) {
  return Error(ErrorCode::kInternal, fmt::format("a change of {} names column '{}', which its new schema lacks",
                                                 change.table().text(), name));
}

bool has(const MysqlTargetTable& table, const std::string& name) { return table.schema.find_column(name).has_value(); }

std::string lower_case(std::string name) {
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return name;
}

}  // namespace

std::string qualified_mysql(const TableId& table) {
  return table.schema.empty() ? quote(table.table) : quote(table.schema) + "." + quote(table.table);
}

Result<MysqlTargetTable> describe_mysql_table(Context& context, MysqlConnection& connection, const TableId& table) {
  const std::string schema = table.schema.empty() ? "DATABASE()" : literal(table.schema);
  const std::string where = fmt::format("TABLE_SCHEMA = {} AND TABLE_NAME = {}", schema, literal(table.table));
  ASSIGN_OR_RETURN(
      const MysqlRows columns,
      connection.query(context,
                       "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_MAXIMUM_LENGTH, "
                       "NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, EXTRA FROM "
                       "information_schema.COLUMNS WHERE " +
                           where + " ORDER BY ORDINAL_POSITION"));
  MysqlTargetTable result;
  result.schema.id = table;
  for (const auto& row : columns) {
    if (lower(row[8].value_or("")).find("generated") != std::string::npos &&
        lower(row[8].value_or("")).find("default_generated") == std::string::npos) {
      continue;
    }
    Column column{.name = row[0].value_or("")};
    column.type = mysql_data_type(lower(row[1].value_or("")), lower(row[2].value_or("")), number(row[4]),
                                  number(row[5]), number(row[6]), number(row[7]));
    column.type.source_type = row[2].value_or("");
    column.type.nullable = row[3] == "YES";
    result.schema.columns.push_back(std::move(column));
  }
  if (result.schema.columns.empty()) return result;
  ASSIGN_OR_RETURN(
      const MysqlRows indexes,
      connection.query(context, "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE " + where +
                                    " AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"));
  for (const auto& row : indexes) {
    if (row[0] != "PRIMARY") {
      result.other_unique = true;
    } else if (const auto column = result.schema.find_column(row[1].value_or(""))) {
      result.schema.key.push_back(*column);
    }
  }
  if (!result.other_unique) return result;
  // Only this database's constraints: the server opens every table that the condition does not rule out.
  ASSIGN_OR_RETURN(const MysqlRows references,
                   connection.query(context, fmt::format("SELECT 1 FROM information_schema.REFERENTIAL_CONSTRAINTS "
                                                         "WHERE CONSTRAINT_SCHEMA = {} AND REFERENCED_TABLE_NAME = {} "
                                                         "LIMIT 1",
                                                         schema, literal(table.table))));
  result.referenced = !references.empty();
  return result;
}

Result<std::set<TableId>> mysql_tables_to_confine(Context& context, MysqlConnection& connection,
                                                  std::span<const TableSchemaPtr> tables) {
  std::set<std::string> databases;
  for (const auto& table : tables) {
    databases.insert(table->id.schema.empty() ? "DATABASE()" : literal(table->id.schema));
  }
  if (databases.empty()) return std::set<TableId>();
  ASSIGN_OR_RETURN(const MysqlRows rows,
                   connection.query(context, fmt::format("SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, "
                                                         "SUB_PART IS NULL, TABLE_SCHEMA = DATABASE(), "
                                                         "@@lower_case_table_names <> 0 FROM "
                                                         "information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND "
                                                         "TABLE_SCHEMA IN ({})",
                                                         fmt::join(databases, ", "))));
  const bool folds = !rows.empty() && rows[0][6] == "1";
  const auto folded = [folds](const std::string& name) { return folds ? lower_case(name) : name; };
  std::map<TableId, std::map<std::string, std::set<std::string>>> indexes;
  for (const auto& row : rows) {
    const bool whole = row[4] == "1" || row[2] == "PRIMARY";
    const std::string column = whole ? row[3].value_or("") : "";
    for (const bool unnamed : {false, true}) {
      if (unnamed && row[5] != "1") continue;
      indexes[{unnamed ? "" : folded(row[0].value_or("")), folded(row[1].value_or(""))}][row[2].value_or("")].insert(
          column);
    }
  }
  std::set<TableId> confined;
  for (const auto& table : tables) {
    auto& of_table = indexes[{folded(table->id.schema), folded(table->id.table)}];
    const std::set<std::string> key = of_table["PRIMARY"];
    // One that contains the primary key holds if that does.
    const bool other = std::ranges::any_of(of_table, [&](const auto& index) {
      return index.first != "PRIMARY" && (key.empty() || !std::ranges::includes(index.second, key));
    });
    if (other) confined.insert(table->id);
  }
  return confined;
}

Result<std::map<std::string, bool>> mysql_tables_with_foreign_keys(Context& context, MysqlConnection& connection,
                                                                   const std::string& database) {
  const std::string schema = database.empty() ? "DATABASE()" : literal(database);
  ASSIGN_OR_RETURN(const MysqlRows rows,
                   connection.query(context,
                                    "SELECT TABLE_NAME, REFERENCED_TABLE_NAME FROM "
                                    "information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = " +
                                        schema));
  std::map<std::string, bool> tables;
  for (const auto& row : rows) {
    tables[row[0].value_or("")] |= row[0] == row[1];
    tables.try_emplace(row[1].value_or(""), false);
  }
  return tables;
}

Result<bool> mysql_has_triggers(Context& context, MysqlConnection& connection, const TableId& table) {
  ASSIGN_OR_RETURN(
      const MysqlRows rows,
      connection.query(context,
                       fmt::format("SELECT 1 FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = {} AND "
                                   "EVENT_OBJECT_TABLE = {} LIMIT 1",
                                   table.schema.empty() ? "DATABASE()" : literal(table.schema), literal(table.table))));
  return !rows.empty();
}

Result<bool> mysql_referred_to_by_none_else(Context& context, MysqlConnection& connection,
                                            std::span<const TableSchemaPtr> tables) {
  std::string names;
  for (const auto& table : tables) {
    const std::string& database = table->id.schema;
    names += fmt::format("{}({}, {})", names.empty() ? "" : ", ", database.empty() ? "DATABASE()" : literal(database),
                         literal(table->id.table));
  }
  ASSIGN_OR_RETURN(const MysqlRows rows,
                   connection.query(context, fmt::format("SELECT COUNT(*) FROM information_schema.KEY_COLUMN_USAGE "
                                                         "WHERE (REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME) IN "
                                                         "({0}) AND (TABLE_SCHEMA, TABLE_NAME) NOT IN ({0})",
                                                         names)));
  return rows.at(0)[0] == "0";
}

Result<MysqlTableForm> mysql_table_form(Context& context, MysqlConnection& connection) {
  ASSIGN_OR_RETURN(const MysqlRows innodb,
                   connection.query(context,
                                    "SELECT 1 FROM information_schema.ENGINES WHERE ENGINE = 'InnoDB' AND SUPPORT IN "
                                    "('YES', 'DEFAULT')"));
  if (innodb.empty()) return MysqlTableForm{"RocksDB", "utf8mb4_bin"};
  return MysqlTableForm{"InnoDB", connection.is_mariadb() ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin"};
}

std::vector<std::string> mysql_ddl(const SchemaChange& change, const MysqlTableForm& form) {
  const std::string table = qualified_mysql(change.table());
  std::vector<std::string> statements;
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
      if (!change.table().schema.empty()) {
        statements.push_back("CREATE DATABASE IF NOT EXISTS " + quote(change.table().schema));
      }
      statements.push_back(create_sql(*change.after, form));
      if (!change.after->comment.empty()) statements.push_back(comment_sql(change));
      break;
    case SchemaChangeKind::kAddColumns:
    case SchemaChangeKind::kAlterColumnType:
      for (const std::string& name : change.columns) {
        const auto index = change.after->find_column(name);
        if (!index) continue;
        const bool adds = change.kind == SchemaChangeKind::kAddColumns;
        statements.push_back(fmt::format("ALTER TABLE {} {} COLUMN {}", table, adds ? "ADD" : "MODIFY",
                                         column_sql(*change.after, *index, adds)));
      }
      break;
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) statements.push_back(rename_sql(change, i));
      break;
    case SchemaChangeKind::kDropColumns:
      for (const std::string& name : change.columns) {
        statements.push_back(fmt::format("ALTER TABLE {} DROP COLUMN {}", table, quote(name)));
      }
      break;
    case SchemaChangeKind::kTruncateTable: statements.push_back("TRUNCATE TABLE " + table); break;
    case SchemaChangeKind::kDropTable: statements.push_back("DROP TABLE IF EXISTS " + table); break;
    case SchemaChangeKind::kAlterTableComment: statements.push_back(comment_sql(change)); break;
  }
  return statements;
}

Result<> apply_mysql_change(Context& context, MysqlConnection& connection, const SchemaChange& change,
                            const MysqlTableForm& form) {
  ASSIGN_OR_RETURN(const MysqlTargetTable existing, describe_mysql_table(context, connection, change.table()));
  const bool exists = !existing.schema.columns.empty();
  if (change.kind == SchemaChangeKind::kCreateTable) {
    if (exists) return {};
  } else if (!exists) {
    if (change.kind == SchemaChangeKind::kDropTable) return {};
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", change.table().text()),
                 "Create the table, or let the job copy it anew.");
  }
  const std::vector<std::string> statements = mysql_ddl(change, form);
  for (size_t i = 0; i < statements.size(); ++i) {
    // Statements of these kinds are one per column, in the order of `columns`.
    bool done = false;
    switch (change.kind) {
      case SchemaChangeKind::kAddColumns: done = has(existing, change.columns[i]); break;
      case SchemaChangeKind::kDropColumns: done = !has(existing, change.columns[i]); break;
      case SchemaChangeKind::kAlterColumnType:
        if (!change.after->find_column(change.columns[i])) return lacks_column(change, change.columns[i]);
        done = !has(existing, change.columns[i]);
        break;
      case SchemaChangeKind::kRenameColumn:
        // A column that was added under the old name by the same statement, before a kill, is not the one.
        done = !has(existing, change.columns[i]) ||
               (has(existing, change.new_names[i]) && lower_case(change.columns[i]) != lower_case(change.new_names[i]));
        break;
      case SchemaChangeKind::kCreateTable:
      case SchemaChangeKind::kTruncateTable:
      case SchemaChangeKind::kDropTable:
      case SchemaChangeKind::kAlterTableComment: break;
    }
    if (!done) RETURN_IF_ERROR(connection.execute(context, statements[i]));
  }
  return {};
}

}  // namespace sluice
