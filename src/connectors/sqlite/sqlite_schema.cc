// SPDX-License-Identifier: Apache-2.0
#include "connectors/sqlite/sqlite_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "connector/relational_writing.h"
#include "connectors/sqlite/sqlite_types.h"
#include "data/value_text.h"

namespace sluice {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, [&lower](char x, char y) { return lower(x) == lower(y); });
}

const SqliteColumn* find(const std::vector<SqliteColumn>& columns, std::string_view name) {
  for (const SqliteColumn& column : columns) {
    if (same_name(column.name, name)) return &column;
  }
  return nullptr;
}

bool is_sole_integer_key(const TableSchema& schema, uint32_t column) {
  return schema.key.size() == 1 && schema.key[0] == column;
}

std::string column_sql(const TableSchema& schema, uint32_t index) {
  const Column& column = schema.columns[index];
  return fmt::format("{} {}{}", quote_sqlite_identifier(column.name),
                     sqlite_declared_type(column.type, is_sole_integer_key(schema, index)),
                     column.type.nullable && !schema.is_key(index) ? "" : " NOT NULL");
}

std::string literal(const DataType& type, const std::string& value) {
  if (type.kind == TypeKind::kBoolean) return value == "true" ? "1" : "0";
  if (sqlite_affinity(sqlite_declared_type(type, false)) == SqliteAffinity::kBlob) {
    std::string text = "x'";
    append_hex(value, text);
    return text + "'";
  }
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'') text += '\'';
    text += c;
  }
  return text + "'";
}

std::string add_column_sql(const TableSchema& schema, uint32_t index) {
  std::string sql =
      fmt::format("ALTER TABLE {} ADD COLUMN {}", quote_sqlite_identifier(schema.id.table), column_sql(schema, index));
  if (const auto value = value_of_added_column(schema.columns[index])) {
    sql += " DEFAULT " + literal(schema.columns[index].type, *value);
  }
  return sql;
}

Error unknown_column(const SchemaChange& change, const std::string& name) {
  return Error(ErrorCode::kInternal, fmt::format("a change of {} names column '{}', which its new schema lacks",
                                                 change.table().text(), name));
}

std::string drop_column_sql(const SchemaChange& change, const std::string& name) {
  return fmt::format("ALTER TABLE {} DROP COLUMN {}", quote_sqlite_identifier(change.table().table),
                     quote_sqlite_identifier(name));
}

std::string rename_column_sql(const SchemaChange& change, size_t index) {
  return fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", quote_sqlite_identifier(change.table().table),
                     quote_sqlite_identifier(change.columns[index]), quote_sqlite_identifier(change.new_names[index]));
}

// SQLite cannot change a column's type: the table is built anew with its rows, indexes and triggers. Columns that the
// target has beyond the schema stay.
Result<> rebuild(SqliteDatabase& database, const TableSchema& schema, const std::vector<SqliteColumn>& existing) {
  const std::string name = quote_sqlite_identifier(schema.id.table);
  const std::string temporary = quote_sqlite_identifier(schema.id.table + "_sluice_new");
  std::vector<std::string> recreate;
  {
    ASSIGN_OR_RETURN(SqliteStatement select,
                     database.prepare("SELECT sql FROM sqlite_master WHERE tbl_name = ? COLLATE NOCASE AND "
                                      "type IN ('index', 'trigger') AND sql IS NOT NULL"));
    select.bind_text(1, schema.id.table);
    for (;;) {
      ASSIGN_OR_RETURN(const bool more, select.step());
      if (!more) break;
      recreate.emplace_back(select.text_at(0));
    }
  }
  std::string create = fmt::format("CREATE TABLE {} (", temporary);
  std::string columns;
  std::map<int64_t, std::string> key;
  for (const SqliteColumn& column : existing) {
    if (!columns.empty()) {
      columns += ", ";
      create += ", ";
    }
    columns += quote_sqlite_identifier(column.name);
    if (const auto index = schema.find_column(column.name)) {
      create += column_sql(schema, *index);
    } else {
      create += fmt::format("{} {}{}", quote_sqlite_identifier(column.name), column.declared_type,
                            column.not_null ? " NOT NULL" : "");
    }
    if (column.key_place > 0) key[column.key_place] = quote_sqlite_identifier(column.name);
  }
  std::string key_columns;
  for (const auto& [place, column] : key) key_columns += (key_columns.empty() ? "" : ", ") + column;
  if (!key.empty()) create += fmt::format(", PRIMARY KEY ({})", key_columns);
  RETURN_IF_ERROR(database.execute(create + ")"));
  RETURN_IF_ERROR(
      database.execute(fmt::format("INSERT INTO {} ({}) SELECT {} FROM {}", temporary, columns, columns, name)));
  RETURN_IF_ERROR(database.execute("DROP TABLE " + name));
  RETURN_IF_ERROR(database.execute(fmt::format("ALTER TABLE {} RENAME TO {}", temporary, name)));
  for (const std::string& sql : recreate) RETURN_IF_ERROR(database.execute(sql));
  return {};
}

Result<> alter_types(SqliteDatabase& database, const SchemaChange& change, const std::vector<SqliteColumn>& existing) {
  for (const std::string& name : change.columns) {
    const auto index = change.after->find_column(name);
    if (!index) return unknown_column(change, name);
    const SqliteColumn* column = find(existing, name);
    if (column == nullptr) continue;
    const DataType& type = change.after->columns[*index].type;
    const bool not_null = !type.nullable || change.after->is_key(*index);
    const std::string declared = sqlite_declared_type(type, is_sole_integer_key(*change.after, *index));
    if (declared == column->declared_type && not_null == column->not_null) continue;
    return rebuild(database, *change.after, existing);
  }
  return {};
}

Result<> apply_inside(SqliteDatabase& database, const SchemaChange& change) {
  ASSIGN_OR_RETURN(const auto existing, describe_sqlite_table(database, change.table().table));
  if (change.kind == SchemaChangeKind::kCreateTable) {
    return existing.empty() ? database.execute(create_sqlite_table_sql(*change.after, change.table().table))
                            : Result<>();
  }
  if (existing.empty()) {
    if (change.kind == SchemaChangeKind::kDropTable) return {};
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", change.table().text()),
                 "Create the table, or let the job copy it anew.");
  }
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable: break;
    case SchemaChangeKind::kAddColumns:
      for (const std::string& name : change.columns) {
        const auto index = change.after->find_column(name);
        if (!index) return unknown_column(change, name);
        if (find(existing, name) != nullptr) continue;
        RETURN_IF_ERROR(database.execute(add_column_sql(*change.after, *index)));
      }
      break;
    case SchemaChangeKind::kAlterColumnType: return alter_types(database, change, existing);
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) {
        if (find(existing, change.columns[i]) == nullptr) continue;
        if (find(existing, change.new_names[i]) != nullptr && !same_name(change.columns[i], change.new_names[i])) {
          continue;
        }
        RETURN_IF_ERROR(database.execute(rename_column_sql(change, i)));
      }
      break;
    case SchemaChangeKind::kDropColumns:
      for (const std::string& name : change.columns) {
        if (find(existing, name) != nullptr) RETURN_IF_ERROR(database.execute(drop_column_sql(change, name)));
      }
      break;
    case SchemaChangeKind::kTruncateTable:
    case SchemaChangeKind::kDropTable:
    case SchemaChangeKind::kAlterTableComment:
      for (const std::string& sql : sqlite_ddl(change)) RETURN_IF_ERROR(database.execute(sql));
      break;
  }
  return {};
}

}  // namespace

Result<std::vector<SqliteColumn>> describe_sqlite_table(SqliteDatabase& database, const std::string& table) {
  std::vector<SqliteColumn> columns;
  ASSIGN_OR_RETURN(SqliteStatement select,
                   database.prepare("SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?) WHERE hidden = 0"));
  select.bind_text(1, table);
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, select.step());
    if (!more) return columns;
    columns.push_back(
        {std::string(select.text_at(0)), std::string(select.text_at(1)), select.int_at(2) != 0, select.int_at(3)});
  }
}

Result<bool> has_other_unique_index(SqliteDatabase& database, const std::string& table) {
  ASSIGN_OR_RETURN(SqliteStatement select, database.prepare("SELECT 1 FROM pragma_index_list(?) WHERE \"unique\" = 1 "
                                                            "AND origin <> 'pk'"));
  select.bind_text(1, table);
  return select.step();
}

std::string create_sqlite_table_sql(const TableSchema& schema, std::string_view name) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {} (", quote_sqlite_identifier(name));
  for (uint32_t i = 0; i < schema.columns.size(); ++i) sql += (i > 0 ? ", " : "") + column_sql(schema, i);
  if (!schema.key.empty()) {
    sql += ", PRIMARY KEY (";
    for (size_t i = 0; i < schema.key.size(); ++i) {
      sql += (i > 0 ? ", " : "") + quote_sqlite_identifier(schema.columns[schema.key[i]].name);
    }
    sql += ")";
  }
  return sql + ")";
}

std::vector<std::string> sqlite_ddl(const SchemaChange& change) {
  const std::string table = quote_sqlite_identifier(change.table().table);
  std::vector<std::string> statements;
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
      statements.push_back(create_sqlite_table_sql(*change.after, change.table().table));
      break;
    case SchemaChangeKind::kAddColumns:
      for (const std::string& name : change.columns) {
        if (const auto index = change.after->find_column(name)) {
          statements.push_back(add_column_sql(*change.after, *index));
        }
      }
      break;
    case SchemaChangeKind::kAlterColumnType:
      statements.push_back(create_sqlite_table_sql(*change.after, change.table().table + "_sluice_new"));
      statements.push_back(fmt::format("-- copies the rows of {} into it and gives it the name {}", table, table));
      break;
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) statements.push_back(rename_column_sql(change, i));
      break;
    case SchemaChangeKind::kDropColumns:
      for (const std::string& name : change.columns) statements.push_back(drop_column_sql(change, name));
      break;
    case SchemaChangeKind::kTruncateTable: statements.push_back("DELETE FROM " + table); break;
    case SchemaChangeKind::kDropTable: statements.push_back("DROP TABLE IF EXISTS " + table); break;
    case SchemaChangeKind::kAlterTableComment: break;  // SQLite has no comments
  }
  return statements;
}

Result<> apply_sqlite_change(SqliteDatabase& database, const SchemaChange& change) {
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(database));
  RETURN_IF_ERROR(apply_inside(database, change));
  return transaction.commit();
}

}  // namespace sluice
