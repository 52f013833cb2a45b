// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "connectors/mysql/ddl_apply.h"

namespace sluice::mysql {
namespace {

constexpr int kFormat = 1;

Error unreadable() {
  return Error(ErrorCode::kState, "reading a stored table definition: it is not in a form this version knows");
}

std::string text_of(const nlohmann::json& object, const char* key) { return object.value(key, std::string()); }

}  // namespace

bool operator==(const MysqlTable& a, const MysqlTable& b) {
  bool same_schema = a.schema == b.schema || (a.schema && b.schema && *a.schema == *b.schema);
  return same_schema && a.columns == b.columns && a.charset == b.charset && a.collation == b.collation &&
         a.key_index == b.key_index && a.other_values == b.other_values;
}

std::string mysql_table_to_json(const MysqlTable& table) {
  nlohmann::json columns = nlohmann::json::array();
  for (const MysqlColumnInfo& column : table.columns) {
    nlohmann::json entry = nlohmann::json::object();
    if (!column.charset.empty()) entry["charset"] = column.charset;
    if (!column.collation.empty()) entry["collation"] = column.collation;
    if (column.generated_virtual) entry["virtual"] = true;
    if (column.invisible) entry["invisible"] = true;
    if (column.computed) entry["computed"] = true;
    columns.push_back(std::move(entry));
  }
  nlohmann::json json = {
      {"v", kFormat}, {"columns", columns}, {"charset", table.charset}, {"collation", table.collation}};
  if (!table.key_index.empty()) json["key_index"] = table.key_index;
  if (table.other_values) json["other_values"] = true;
  if (table.schema) json["schema"] = schema_to_json(*table.schema);
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<MysqlTable> mysql_table_from_json(std::string_view text) {
  try {
    nlohmann::json json = nlohmann::json::parse(text);
    if (json.value("v", 0) != kFormat) return unreadable();
    MysqlTable table;
    table.charset = text_of(json, "charset");
    table.collation = text_of(json, "collation");
    table.key_index = text_of(json, "key_index");
    table.other_values = json.value("other_values", false);
    for (const nlohmann::json& entry : json.at("columns")) {
      table.columns.push_back({text_of(entry, "charset"), text_of(entry, "collation"), entry.value("virtual", false),
                               entry.value("invisible", false), entry.value("computed", false)});
    }
    if (json.contains("schema")) {
      ASSIGN_OR_RETURN(TableSchema schema, schema_from_json(json.at("schema").get<std::string>()));
      if (schema.columns.size() != table.columns.size()) return unreadable();
      table.schema = std::make_shared<const TableSchema>(std::move(schema));
    }
    return table;
  } catch (const nlohmann::json::exception&) {
    return unreadable();
  }
}

}  // namespace sluice::mysql
