// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

namespace sluice {
namespace {

constexpr int kFormat = 1;

// array_position counts from 0 in an int2vector.
constexpr std::string_view kTables = R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relispartition, c.relreplident, obj_description(c.oid, 'pg_class'),
       a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, col_description(c.oid, a.attnum),
       pg_get_expr(d.adbin, d.adrelid), coalesce(array_position(i.indkey::int2[], a.attnum) + 1, 0), i.indnkeyatts
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND {}
ORDER BY n.nspname, c.relname, a.attnum)";

// A domain is what it is made of; its own modifier counts. Names outside pg_catalog have their schema.
constexpr const char* kType = R"(
WITH RECURSIVE base(oid, modifier, type) AS (
  SELECT t.oid, $2::int4, t.typtype FROM pg_type t WHERE t.oid = $1::oid
  UNION ALL
  SELECT t.oid, greatest(b.modifier, d.typtypmod), t.typtype
  FROM base b JOIN pg_type d ON d.oid = b.oid AND d.typtype = 'd' JOIN pg_type t ON t.oid = d.typbasetype)
SELECT CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN t.typname ELSE '' END, b.modifier,
       CASE WHEN n.nspname <> 'pg_catalog' AND pg_type_is_visible(coalesce(e.oid, t.oid))
            THEN quote_ident(n.nspname) || '.' ELSE '' END || format_type(t.oid, b.modifier),
       (SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = coalesce(e.oid, t.oid))
FROM base b
JOIN pg_type t ON t.oid = b.oid
LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
JOIN pg_namespace n ON n.oid = coalesce(e.typnamespace, t.typnamespace)
WHERE b.type <> 'd')";

// Types whose oid never changes and whose text nobody needs.
struct BuiltIn {
  uint32_t oid;
  std::string_view name;
};
constexpr auto kBuiltIns = std::to_array<BuiltIn>(
    {{16, "bool"},      {17, "bytea"},  {20, "int8"},    {21, "int2"},        {23, "int4"},          {25, "text"},
     {26, "oid"},       {114, "json"},  {700, "float4"}, {701, "float8"},     {790, "money"},        {1042, "bpchar"},
     {1043, "varchar"}, {1082, "date"}, {1083, "time"},  {1114, "timestamp"}, {1184, "timestamptz"}, {1560, "bit"},
     {1700, "numeric"}, {2950, "uuid"}, {3802, "jsonb"}});

template <typename T>
T number(std::string_view text) {
  T value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string array_literal(const std::vector<TableId>& tables, std::string TableId::* member) {
  std::string literal = "{";
  for (const TableId& table : tables) {
    if (literal.size() > 1) literal += ',';
    literal += '"';
    for (const char c : table.*member) {
      if (c == '"' || c == '\\') literal += '\\';
      literal += c;
    }
    literal += '"';
  }
  return literal + "}";
}

// "'Rome'" of "'Rome'::character varying", "5", "true"; nothing for an expression.
std::optional<std::string> constant_of(std::string_view expression, const DataType& type) {
  // Their text in an expression is not the text of their values.
  if (type.kind == TypeKind::kBytes || type.kind == TypeKind::kBit) return std::nullopt;
  // Money with other digits than our sessions print.
  const bool money = expression.starts_with("'$") || expression.starts_with("'-$");
  if (money && type.kind == TypeKind::kDecimal && type.scale != 2) return std::nullopt;
  if (expression.starts_with("E'")) expression.remove_prefix(1);
  size_t end = 0;
  if (expression.starts_with('\'')) {
    for (end = 1; end < expression.size(); ++end) {
      if (expression[end] != '\'') continue;
      if (end + 1 == expression.size() || expression[end + 1] != '\'') break;
      ++end;
    }
    ++end;
  } else {
    end = std::min(expression.find("::"), expression.size());
    const std::string_view word = expression.substr(0, end);
    const bool plain = word == "true" || word == "false" ||
                       (!word.empty() && word.find_first_not_of("0123456789.-") == std::string_view::npos);
    if (!plain) return std::nullopt;
  }
  if (end > expression.size()) return std::nullopt;
  const std::string_view cast = expression.substr(end);
  constexpr std::string_view kOfType = ":abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,\"()[]";
  if (!cast.empty() && (!cast.starts_with("::") || cast.find_first_not_of(kOfType) != std::string_view::npos)) {
    return std::nullopt;
  }
  return std::string(expression.substr(0, end));
}

class CatalogReader {
 public:
  CatalogReader(Context& context, PostgresConnection& connection) : context_(context), connection_(connection) {}

  Result<std::vector<PostgresTable>> read(const std::string& condition, const PostgresParameters& parameters) {
    ASSIGN_OR_RETURN(const PostgresResult rows,
                     connection_.query(context_, fmt::format(fmt::runtime(kTables), condition), parameters));
    std::vector<PostgresTable> tables;
    for (int row = 0; row < rows.rows();) {
      ASSIGN_OR_RETURN(auto table, read_one(rows, row));
      tables.push_back(std::move(table));
    }
    return tables;
  }

 private:
  // The table whose columns begin at `row`, which moves behind them.
  Result<PostgresTable> read_one(const PostgresResult& rows, int& row) {
    PostgresTable table;
    auto schema = std::make_shared<TableSchema>();
    table.oid = number<uint32_t>(rows.at(row, 0));
    schema->id = {std::string(rows.at(row, 1)), std::string(rows.at(row, 2))};
    table.partitioned = rows.at(row, 3) == "p";
    table.is_partition = rows.at(row, 4) == "t";
    table.identity = static_cast<ReplicaIdentity>(rows.at(row, 5).at(0));
    schema->comment = std::string(rows.at(row, 6));
    std::vector<std::pair<int, uint32_t>> key;
    const int key_columns = number<int>(rows.at(row, 15));
    for (; row < rows.rows() && number<uint32_t>(rows.at(row, 0)) == table.oid; ++row) {
      const PostgresSourceColumn info{.attribute = number<int16_t>(rows.at(row, 7)),
                                      .type = number<uint32_t>(rows.at(row, 9)),
                                      .modifier = number<int32_t>(rows.at(row, 10))};
      Column column;
      column.name = std::string(rows.at(row, 8));
      ASSIGN_OR_RETURN(column.type,
                       types_.data_type(context_, connection_, info.type, info.modifier, rows.at(row, 11) != "t"));
      column.comment = std::string(rows.at(row, 12));
      if (!rows.is_null(row, 13)) column.default_expression = constant_of(rows.at(row, 13), column.type);
      const int place = number<int>(rows.at(row, 14));
      // What the index includes beside its key comes behind.
      if (place > 0 && place <= key_columns) key.emplace_back(place, static_cast<uint32_t>(schema->columns.size()));
      schema->columns.push_back(std::move(column));
      table.columns.push_back(info);
    }
    std::ranges::sort(key);
    // A generated column in the key is not to be had: then there is no key.
    if (std::cmp_equal(key.size(), key_columns)) {
      for (const auto& [place, index] : key) schema->key.push_back(index);
    }
    table.schema = std::move(schema);
    return table;
  }

  Context& context_;
  PostgresConnection& connection_;
  PostgresTypeCatalog types_;
};

Error unreadable() {
  return Error(ErrorCode::kState, "reading a stored table definition: it is not in a form this version knows");
}

}  // namespace

std::string postgres_table_to_json(const PostgresTable& table) {
  nlohmann::json columns = nlohmann::json::array();
  for (const PostgresSourceColumn& column : table.columns) {
    columns.push_back({column.attribute, column.type, column.modifier});
  }
  nlohmann::json json = {{"v", kFormat},
                         {"oid", table.oid},
                         {"columns", columns},
                         {"identity", std::string(1, static_cast<char>(table.identity))}};
  if (table.partitioned) json["partitioned"] = true;
  if (table.before) json["before"] = {{"commit", table.before->commit.value}, {"columns", table.before->columns}};
  if (table.schema) json["schema"] = schema_to_json(*table.schema);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<PostgresTable> postgres_table_from_json(std::string_view text) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    if (json.value("v", 0) != kFormat) return unreadable();
    PostgresTable table;
    table.oid = json.at("oid").get<uint32_t>();
    const std::string identity = json.at("identity").get<std::string>();
    if (identity.size() != 1 || std::string_view("dnfi").find(identity[0]) == std::string_view::npos) {
      return unreadable();
    }
    table.identity = static_cast<ReplicaIdentity>(identity[0]);
    table.partitioned = json.value("partitioned", false);
    if (const auto before = json.find("before"); before != json.end()) {
      table.before = PostgresColumnsBefore{.commit = {before->at("commit").get<uint64_t>()}, .columns = {}};
      before->at("columns").get_to(table.before->columns);
    }
    for (const nlohmann::json& column : json.at("columns")) {
      table.columns.push_back({.attribute = column.at(0).get<int16_t>(),
                               .type = column.at(1).get<uint32_t>(),
                               .modifier = column.at(2).get<int32_t>()});
    }
    ASSIGN_OR_RETURN(TableSchema schema, schema_from_json(json.at("schema").get<std::string>()));
    if (schema.columns.size() != table.columns.size()) return unreadable();
    table.schema = std::make_shared<const TableSchema>(std::move(schema));
    return table;
  } catch (const nlohmann::json::exception&) {
    return unreadable();
  }
}

Result<std::vector<PostgresTable>> read_postgres_tables(Context& context, PostgresConnection& connection,
                                                        const std::vector<TableId>* tables) {
  CatalogReader reader(context, connection);
  if (tables == nullptr) return reader.read("n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'", {});
  return reader.read("(n.nspname, c.relname) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
                     {array_literal(*tables, &TableId::schema), array_literal(*tables, &TableId::table)});
}

Result<std::optional<PostgresTable>> read_postgres_table(Context& context, PostgresConnection& connection,
                                                         uint32_t oid) {
  ASSIGN_OR_RETURN(auto tables, CatalogReader(context, connection).read("c.oid = $1::oid", {std::to_string(oid)}));
  if (tables.empty()) return std::optional<PostgresTable>();
  return std::optional(std::move(tables[0]));
}

// Money is stored as a number of the smallest coin; how many of them make a whole is what lc_monetary says, by default
// that of the database. Our sessions print it as if that were hundred.
Result<uint16_t> PostgresTypeCatalog::money_digits(Context& context, PostgresConnection& connection) {
  if (money_digits_) return *money_digits_;
  ASSIGN_OR_RETURN(const PostgresResult ours,
                   connection.query(context,
                                    "SELECT set_config('lc_monetary', reset_val, false), setting FROM "
                                    "pg_settings WHERE name = 'lc_monetary'"));
  ASSIGN_OR_RETURN(const PostgresResult digits, connection.query(context, "SELECT scale(0::money::numeric)"));
  RETURN_IF_ERROR(
      connection.query(context, "SELECT set_config('lc_monetary', $1, false)", {std::string(ours.at(0, 1))}));
  money_digits_ = number<uint16_t>(digits.at(0, 0));
  return *money_digits_;
}

Result<DataType> PostgresTypeCatalog::data_type(Context& context, PostgresConnection& connection, uint32_t type,
                                                int32_t modifier, bool nullable) {
  const auto built_in = std::ranges::find(kBuiltIns, type, &BuiltIn::oid);
  DataType result;
  std::string_view name;
  if (built_in != kBuiltIns.end()) {
    name = built_in->name;
    result = postgres_source_type(name, modifier, {});
  } else {
    auto known = types_.find({type, modifier});
    if (known == types_.end()) {
      ASSIGN_OR_RETURN(const PostgresResult rows,
                       connection.query(context, kType, {std::to_string(type), std::to_string(modifier)}));
      if (rows.rows() != 1) {
        return Error(ErrorCode::kSchemaChanged, fmt::format("the type with the oid {} is gone", type));
      }
      Known found{.column = {.name = {},
                             .type_name = std::string(rows.at(0, 0)),
                             .bare_type = std::string(rows.at(0, 2)),
                             .modifier = number<int32_t>(rows.at(0, 1))}};
      if (!rows.is_null(0, 3)) {
        const auto labels = nlohmann::json::parse(rows.at(0, 3)).get<std::vector<std::string>>();
        found.labels = std::make_shared<const std::vector<std::string>>(labels);
      }
      known = types_.emplace(std::pair(type, modifier), std::move(found)).first;
    }
    const PostgresColumn& column = known->second.column;
    name = column.type_name;
    result = postgres_source_type(name, column.modifier, column.bare_type);
    result.labels = known->second.labels;
  }
  if (name == "money") {
    ASSIGN_OR_RETURN(result.scale, money_digits(context, connection));
  }
  result.nullable = nullable;
  return result;
}

}  // namespace sluice
