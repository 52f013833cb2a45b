// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "connector/relational_writing.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr size_t kLongestIdentifier = 63;

// A table that foreign keys point to has triggers. Asking for those first matters: pg_constraint has no index by
// confrelid, and one scan of it for each of thousands of tables takes minutes.
constexpr const char* kDescribe = R"(
SELECT a.attname, t.typname, format_type(a.atttypid, -1), a.atttypmod, a.attnotnull, a.attgenerated <> '',
       coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0),
       EXISTS (SELECT FROM pg_index u WHERE u.indrelid = c.oid AND (u.indisunique OR u.indisexclusion)
               AND NOT u.indisprimary),
       c.relhastriggers AND EXISTS (SELECT FROM pg_constraint f WHERE f.confrelid = c.oid AND f.contype = 'f'),
       EXISTS (SELECT FROM pg_description d WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
               AND d.objsubid > 0 AND d.description LIKE 'sluice: column % of the primary key to come'),
       c.relhastriggers AND EXISTS (SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'),
       c.relhasrules OR c.relhastriggers AND EXISTS (
         SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal AND g.tgenabled <> 'D')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE n.nspname = coalesce(nullif($1, ''), current_schema()) AND c.relname = $2 AND c.relkind IN ('r', 'p')
ORDER BY a.attnum)";

constexpr const char* kTablesWithoutKey = R"(
SELECT DISTINCT n.nspname, c.relname, n.nspname = current_schema()
FROM pg_description d
JOIN pg_class c ON c.oid = d.objoid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE d.classoid = 'pg_class'::regclass AND d.objsubid > 0
  AND d.description LIKE 'sluice: column % of the primary key to come')";

// An index that contains the primary key holds if that does.
constexpr const char* kTablesToConfine = R"(
SELECT n.nspname, c.relname, n.nspname = current_schema()
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index p ON p.indrelid = c.oid AND p.indisprimary
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' AND (
  EXISTS (SELECT FROM pg_index u WHERE u.indrelid = c.oid AND u.indisunique AND NOT u.indisprimary AND NOT coalesce(
    (u.indkey::int2[])[0:u.indnkeyatts - 1] @> (p.indkey::int2[])[0:p.indnkeyatts - 1], false))
  OR EXISTS (SELECT FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_collation o ON o.oid = a.attcollation
    WHERE a.attrelid = c.oid AND a.attnum = ANY ((p.indkey::int2[])[0:p.indnkeyatts - 1]) AND (
      NOT coalesce(o.collisdeterministic, true) OR t.typname = 'numeric' AND a.atttypmod < 4 OR NOT (t.typtype = 'e' OR
      t.typname IN ('bool', 'int2', 'int4', 'int8', 'numeric', 'text', 'varchar', 'bytea', 'date', 'time', 'timestamp',
                    'timestamptz', 'bit', 'uuid'))))))";

constexpr const char* kKeyToCome = R"(
SELECT a.attname
FROM pg_description d
JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
CROSS JOIN substring(d.description FROM '^sluice: column ([0-9]+) of the primary key to come$') AS place
WHERE d.classoid = 'pg_class'::regclass AND d.objoid = to_regclass($1) AND place IS NOT NULL
ORDER BY place::int)";

int number(std::string_view text) {
  int value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

const PostgresColumn* find(const PostgresTarget& table, std::string_view name) {
  for (const PostgresColumn& column : table.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

std::string quote(std::string_view name) { return PostgresConnection::quote_identifier(name); }

std::string column_sql(const TableSchema& schema, uint32_t index) {
  const Column& column = schema.columns[index];
  return fmt::format("{} {}{}", quote(column.name), postgres_type_sql(column.type),
                     column.type.nullable && !schema.is_key(index) ? "" : " NOT NULL");
}

std::string default_sql(const Column& column) {
  const auto value = value_of_added_column(column);
  if (!value) return {};
  const std::string type = postgres_type_sql(column.type);
  if (type == "bytea") {
    std::string hex;
    append_hex(*value, hex);
    return fmt::format(" DEFAULT '\\x{}'::bytea", hex);
  }
  if (column.type.kind == TypeKind::kBit) return fmt::format(" DEFAULT 0::{}", type);
  return fmt::format(" DEFAULT {}::{}", PostgresConnection::quote_literal(*value), type);
}

std::string create_sql(const TableSchema& schema, bool with_key = true) {
  std::string sql = fmt::format("CREATE TABLE IF NOT EXISTS {} (", qualified(schema.id));
  for (uint32_t i = 0; i < schema.columns.size(); ++i) sql += (i > 0 ? ", " : "") + column_sql(schema, i);
  if (with_key && !schema.key.empty()) {
    sql += ", PRIMARY KEY (";
    for (size_t i = 0; i < schema.key.size(); ++i) {
      sql += (i > 0 ? ", " : "") + quote(schema.columns[schema.key[i]].name);
    }
    sql += ")";
  }
  return sql + ")";
}

std::string comment_sql(const TableSchema& schema) {
  return fmt::format("COMMENT ON TABLE {} IS {}", qualified(schema.id),
                     PostgresConnection::quote_literal(schema.comment));
}

std::string key_to_come_sql(const TableSchema& schema) {
  std::string sql;
  for (size_t i = 0; i < schema.key.size(); ++i) {
    sql += fmt::format("; COMMENT ON COLUMN {}.{} IS 'sluice: column {} of the primary key to come'",
                       qualified(schema.id), quote(schema.columns[schema.key[i]].name), i + 1);
  }
  return sql;
}

std::string add_column_sql(const TableSchema& schema, uint32_t index) {
  return fmt::format("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {}{}", qualified(schema.id), column_sql(schema, index),
                     default_sql(schema.columns[index]));
}

// The default that an added column was filled by may not fit the new type; rows always bring every value.
// `through`: a type to convert by, empty if the server knows how.
std::vector<std::string> alter_sql(const TableSchema& schema, uint32_t index, std::string_view through) {
  const Column& column = schema.columns[index];
  const std::string head = fmt::format("ALTER TABLE {} ALTER COLUMN {} ", qualified(schema.id), quote(column.name));
  const std::string type = postgres_type_sql(column.type);
  std::string change = fmt::format("{}TYPE {}", head, type);
  if (!through.empty()) change += fmt::format(" USING {}::{}::{}", quote(column.name), through, type);
  const bool not_null = !column.type.nullable || schema.is_key(index);
  return {head + "DROP DEFAULT", change, head + (not_null ? "SET NOT NULL" : "DROP NOT NULL")};
}

Result<> check_identifiers(const SchemaChange& change) {
  const auto check = [](std::string_view name) -> Result<> {
    if (name.size() <= kLongestIdentifier) return {};
    return Error(ErrorCode::kTarget,
                 fmt::format("'{}' is longer than the {} bytes PostgreSQL keeps of a name", name, kLongestIdentifier),
                 "Give it a shorter name by a route or a projection.");
  };
  if (!change.after) return {};
  RETURN_IF_ERROR(check(change.after->id.schema));
  RETURN_IF_ERROR(check(change.after->id.table));
  for (const Column& column : change.after->columns) RETURN_IF_ERROR(check(column.name));
  return {};
}

Result<> create_schema(Context& context, PostgresConnection& connection, const std::string& schema) {
  if (schema.empty()) return {};
  // Not IF NOT EXISTS alone: that asks for the right to create even if the schema is there.
  ASSIGN_OR_RETURN(const PostgresResult found,
                   connection.query(context, "SELECT FROM pg_namespace WHERE nspname = $1", {schema}));
  if (found.rows() > 0) return {};
  return connection.execute(context, "CREATE SCHEMA IF NOT EXISTS " + quote(schema));
}

bool is_number(TypeKind kind) {
  return kind == TypeKind::kInt8 || kind == TypeKind::kInt16 || kind == TypeKind::kInt32 || kind == TypeKind::kInt64 ||
         kind == TypeKind::kUInt64 || kind == TypeKind::kDecimal;
}

Result<> alter_column(Context& context, PostgresConnection& connection, const PostgresColumn& existing,
                      const TableSchema& schema, uint32_t index) {
  RETURN_IF_ERROR(connection.execute(context, "SAVEPOINT altering"));
  // The text of a truth value is no number.
  const bool truth = existing.type_name == "bool" && is_number(schema.columns[index].type.kind);
  for (const std::string_view through : {"", truth ? "int" : "text"}) {
    std::string script;
    for (const std::string& sql : alter_sql(schema, index, through)) script += sql + ";";
    auto altered = connection.execute(context, script);
    if (altered) return {};
    // datatype_mismatch: there is no implicit conversion.
    if (!through.empty() || connection.last_state() != "42804") return altered;
    RETURN_IF_ERROR(connection.execute(context, "ROLLBACK TO SAVEPOINT altering"));
  }
  return {};
}

Error lacks_column(const SchemaChange& change, const std::string& name) {
  return Error(ErrorCode::kInternal, fmt::format("a change of {} names column '{}', which its new schema lacks",
                                                 change.table().text(), name));
}

Result<> apply_inside(Context& context, PostgresConnection& connection, const SchemaChange& change, bool for_copy) {
  if (change.kind == SchemaChangeKind::kCreateTable) {
    RETURN_IF_ERROR(create_schema(context, connection, change.table().schema));
  }
  ASSIGN_OR_RETURN(const PostgresTarget existing, describe_postgres_table(context, connection, change.table()));
  const bool must_exist = change.kind != SchemaChangeKind::kCreateTable && change.kind != SchemaChangeKind::kDropTable;
  if (existing.columns.empty() && must_exist) {
    return Error(ErrorCode::kTarget, fmt::format("table {} is missing in the target", change.table().text()),
                 "Create the table, or let the job copy it anew.");
  }
  const std::string table = qualified(change.table());
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
      if (!existing.columns.empty()) return {};
      RETURN_IF_ERROR(connection.execute(
          context, create_sql(*change.after, !for_copy) + (for_copy ? key_to_come_sql(*change.after) : "")));
      return change.after->comment.empty() ? Result<>() : connection.execute(context, comment_sql(*change.after));
    case SchemaChangeKind::kAlterColumnType:
      for (const std::string& name : change.columns) {
        const auto index = change.after->find_column(name);
        if (!index) return lacks_column(change, name);
        const PostgresColumn* const column = find(existing, change.after->columns[*index].name);
        if (column == nullptr) continue;
        RETURN_IF_ERROR(alter_column(context, connection, *column, *change.after, *index));
      }
      return {};
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) {
        if (find(existing, change.columns[i]) == nullptr || find(existing, change.new_names[i]) != nullptr) continue;
        RETURN_IF_ERROR(connection.execute(context, fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table,
                                                                quote(change.columns[i]), quote(change.new_names[i]))));
      }
      return {};
    case SchemaChangeKind::kAddColumns:
    case SchemaChangeKind::kDropColumns:
    case SchemaChangeKind::kTruncateTable:
    case SchemaChangeKind::kDropTable:
    case SchemaChangeKind::kAlterTableComment: break;
  }
  for (const std::string& sql : postgres_ddl(change)) RETURN_IF_ERROR(connection.execute(context, sql));
  return {};
}

// The schema with types that this server does not have as text.
Result<TableSchemaPtr> with_known_types(Context& context, PostgresConnection& connection,
                                        const TableSchemaPtr& schema) {
  if (!schema || std::ranges::none_of(schema->columns, is_postgres_own_type, &Column::type)) return schema;
  auto known = std::make_shared<TableSchema>(*schema);
  for (Column& column : known->columns) {
    if (!is_postgres_own_type(column.type)) continue;
    const auto found = connection.query(context, "SELECT to_regtype($1) IS NOT NULL", {column.type.source_type});
    if (!found && found.error().retryable()) return Error(found.error());
    if (!found || found->at(0, 0) != "t") column.type.source_type.clear();
  }
  return TableSchemaPtr(std::move(known));
}

Result<> apply(Context& context, PostgresConnection& connection, const SchemaChange& asked, bool for_copy) {
  RETURN_IF_ERROR(check_identifiers(asked));
  SchemaChange change = asked;
  ASSIGN_OR_RETURN(change.after, with_known_types(context, connection, asked.after));
  RETURN_IF_ERROR(connection.execute(context, "BEGIN"));
  auto applied = apply_inside(context, connection, change, for_copy);
  if (applied) return connection.execute(context, "COMMIT");
  (void)connection.execute(context, "ROLLBACK");
  return applied;
}

}  // namespace

std::string qualified(const TableId& table) { return PostgresConnection::qualified(table.schema, table.table); }

Result<PostgresTarget> describe_postgres_table(Context& context, PostgresConnection& connection, const TableId& table) {
  ASSIGN_OR_RETURN(const PostgresResult rows, connection.query(context, kDescribe, {table.schema, table.table}));
  PostgresTarget result;
  for (int row = 0; row < rows.rows(); ++row) {
    result.columns.push_back({.name = std::string(rows.at(row, 0)),
                              .type_name = std::string(rows.at(row, 1)),
                              .bare_type = std::string(rows.at(row, 2)),
                              .modifier = number(rows.at(row, 3)),
                              .not_null = rows.at(row, 4) == "t",
                              .generated = rows.at(row, 5) == "t",
                              .key_place = number(rows.at(row, 6))});
    result.other_unique = rows.at(row, 7) == "t";
    result.referenced = rows.at(row, 8) == "t";
    result.lacks_key = rows.at(row, 9) == "t";
    result.references = rows.at(row, 10) == "t";
    result.triggers = rows.at(row, 11) == "t";
  }
  return result;
}

std::vector<std::string> postgres_ddl(const SchemaChange& change) {
  const std::string table = qualified(change.table());
  std::vector<std::string> statements;
  switch (change.kind) {
    case SchemaChangeKind::kCreateTable:
      if (!change.table().schema.empty()) {
        statements.push_back("CREATE SCHEMA IF NOT EXISTS " + quote(change.table().schema));
      }
      statements.push_back(create_sql(*change.after));
      if (!change.after->comment.empty()) statements.push_back(comment_sql(*change.after));
      break;
    case SchemaChangeKind::kAddColumns:
      for (const std::string& name : change.columns) {
        if (const auto index = change.after->find_column(name)) {
          statements.push_back(add_column_sql(*change.after, *index));
        }
      }
      break;
    case SchemaChangeKind::kAlterColumnType:
      for (const std::string& name : change.columns) {
        const auto index = change.after->find_column(name);
        if (!index) continue;
        for (std::string& sql : alter_sql(*change.after, *index, "")) statements.push_back(std::move(sql));
      }
      break;
    case SchemaChangeKind::kRenameColumn:
      for (size_t i = 0; i < change.columns.size(); ++i) {
        statements.push_back(fmt::format("ALTER TABLE {} RENAME COLUMN {} TO {}", table, quote(change.columns[i]),
                                         quote(change.new_names[i])));
      }
      break;
    case SchemaChangeKind::kDropColumns:
      for (const std::string& name : change.columns) {
        statements.push_back(fmt::format("ALTER TABLE {} DROP COLUMN IF EXISTS {}", table, quote(name)));
      }
      break;
    case SchemaChangeKind::kTruncateTable: statements.push_back("TRUNCATE TABLE " + table); break;
    case SchemaChangeKind::kDropTable: statements.push_back("DROP TABLE IF EXISTS " + table); break;
    case SchemaChangeKind::kAlterTableComment: statements.push_back(comment_sql(*change.after)); break;
  }
  return statements;
}

Result<> apply_postgres_change(Context& context, PostgresConnection& connection, const SchemaChange& change) {
  return apply(context, connection, change, false);
}

Result<> create_postgres_table_for_copy(Context& context, PostgresConnection& connection, const TableSchemaPtr& table) {
  return apply(context, connection, {.kind = SchemaChangeKind::kCreateTable, .after = table}, true);
}

namespace {

// Rows are schema, table, and whether unnamed schemas mean this one.
Result<std::vector<TableId>> tables_of(Context& context, PostgresConnection& connection, const char* query) {
  ASSIGN_OR_RETURN(const PostgresResult rows, connection.query(context, query));
  std::vector<TableId> tables;
  for (int row = 0; row < rows.rows(); ++row) {
    tables.push_back({std::string(rows.at(row, 0)), std::string(rows.at(row, 1))});
    if (rows.at(row, 2) == "t") tables.push_back({"", std::string(rows.at(row, 1))});
  }
  return tables;
}

}  // namespace

Result<std::vector<TableId>> postgres_tables_without_key(Context& context, PostgresConnection& connection) {
  return tables_of(context, connection, kTablesWithoutKey);
}

Result<std::vector<TableId>> postgres_tables_to_confine(Context& context, PostgresConnection& connection) {
  return tables_of(context, connection, kTablesToConfine);
}

Result<> add_postgres_key(Context& context, PostgresConnection& connection, const TableId& table, bool alone) {
  const std::string name = qualified(table);
  if (alone) {
    ASSIGN_OR_RETURN(const PostgresResult lacking, connection.query(context, kKeyToCome, {name}));
    if (lacking.rows() == 0) return {};
    RETURN_IF_ERROR(connection.execute(context, "BEGIN"));
  }
  // Somebody else may be building it: who has the lock sees whether it is there.
  RETURN_IF_ERROR(connection.execute(context, fmt::format("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", name)));
  ASSIGN_OR_RETURN(const PostgresResult lacking, connection.query(context, kKeyToCome, {name}));
  std::string key;
  std::string forget;
  for (int row = 0; row < lacking.rows(); ++row) {
    const std::string column = quote(lacking.at(row, 0));
    key += (row > 0 ? ", " : "") + column;
    forget += fmt::format("; COMMENT ON COLUMN {}.{} IS NULL", name, column);
  }
  if (!key.empty()) {
    auto added = connection.execute(context, fmt::format("ALTER TABLE {} ADD PRIMARY KEY ({}){}", name, key, forget));
    if (!added && connection.last_state() == "23505") {
      return Error(ErrorCode::kTarget, fmt::format("rows of table {} share a primary key ({})", table.text(), key),
                   "Drop the target table, choose columns that tell all rows apart (primary-keys in a transform), and "
                   "start the job with --reset.");
    }
    if (!added) return std::move(added).context(fmt::format("building the primary key ({}) of {}", key, table.text()));
  }
  return alone ? connection.execute(context, "COMMIT") : Result<>();
}

}  // namespace sluice
