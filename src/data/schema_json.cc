// SPDX-License-Identifier: Apache-2.0
// Schemas as JSON. Type kinds are stored by number: the enumerators are part of the format and are only appended to.
#include <nlohmann/json.hpp>

#include "data/types.h"

namespace sluice {
namespace {

using nlohmann::json;

json to_json(const Column& column) {
  const DataType& type = column.type;
  json out = {{"name", column.name}, {"kind", static_cast<int>(type.kind)}, {"null", type.nullable}};
  if (type.length != 0) out["length"] = type.length;
  if (type.precision != 0) out["precision"] = type.precision;
  if (type.scale != 0) out["scale"] = type.scale;
  if (type.fixed_length) out["fixed"] = true;
  if (type.labels) out["labels"] = *type.labels;
  if (!type.source_type.empty()) out["type"] = type.source_type;
  if (!column.comment.empty()) out["comment"] = column.comment;
  if (column.default_expression) out["default"] = *column.default_expression;
  return out;
}

Column column_from_json(const json& in) {
  Column column;
  column.name = in.at("name").get<std::string>();
  DataType& type = column.type;
  type.kind = static_cast<TypeKind>(in.at("kind").get<int>());
  type.nullable = in.at("null").get<bool>();
  type.length = in.value("length", 0U);
  type.precision = in.value("precision", static_cast<uint16_t>(0));
  type.scale = in.value("scale", static_cast<uint16_t>(0));
  type.fixed_length = in.value("fixed", false);
  if (in.contains("labels")) {
    type.labels = std::make_shared<const std::vector<std::string>>(in["labels"].get<std::vector<std::string>>());
  }
  type.source_type = in.value("type", "");
  column.comment = in.value("comment", "");
  if (in.contains("default")) column.default_expression = in["default"].get<std::string>();
  return column;
}

}  // namespace

std::string schema_to_json(const TableSchema& schema) {
  json out = {{"v", 1}, {"schema", schema.id.schema}, {"table", schema.id.table}, {"key", schema.key}};
  if (!schema.comment.empty()) out["comment"] = schema.comment;
  for (const auto& column : schema.columns) out["columns"].push_back(to_json(column));
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<TableSchema> schema_from_json(std::string_view text) {
  try {
    const json in = json::parse(text);
    if (in.at("v").get<int>() != 1) {
      return Error(ErrorCode::kState, "a stored table schema has a format this version does not know",
                   "Start the job with the version of sluice that wrote it, or a newer one.");
    }
    TableSchema schema;
    schema.id = {in.at("schema").get<std::string>(), in.at("table").get<std::string>()};
    schema.key = in.at("key").get<std::vector<uint32_t>>();
    schema.comment = in.value("comment", "");
    for (const auto& column : in.at("columns")) {
      schema.columns.push_back(column_from_json(column));
      if (schema.columns.back().type.kind > TypeKind::kGeometry) throw std::out_of_range("kind");
    }
    for (const uint32_t column : schema.key) {
      if (column >= schema.columns.size()) throw std::out_of_range("key");
    }
    return schema;
  } catch (const std::exception&) {
    return Error(ErrorCode::kState, "a stored table schema cannot be read",
                 "The ledger or state file was changed by hand or is damaged; start the job anew with --reset.");
  }
}

}  // namespace sluice
