// SPDX-License-Identifier: Apache-2.0
#include "codec/connect_schema.h"

#include "data/json_value.h"

namespace sluice {
namespace {

void append_member(std::string_view name, std::string_view text, std::string& out) {
  out.append(",\"").append(name).append("\":");
  append_json_string(text, out);
}

}  // namespace

std::string connect_schema_json(const ConnectSchema& schema, bool optional, std::string_view default_value,
                                std::string_view field) {
  std::string out = "{\"type\":";
  append_json_string(schema.type, out);
  if (schema.type == "struct") out.append(",\"fields\":[").append(schema.fields).append("]");
  if (!schema.items.empty()) out.append(",\"items\":").append(schema.items);
  if (!schema.keys.empty()) out.append(",\"keys\":").append(schema.keys).append(",\"values\":").append(schema.values);
  out.append(",\"optional\":").append(optional ? "true" : "false");
  if (!schema.name.empty()) {
    append_member("name", schema.name, out);
    if (schema.version > 0) out.append(",\"version\":").append(std::to_string(schema.version));
  }
  if (!schema.doc.empty()) append_member("doc", schema.doc, out);
  if (!schema.parameters.empty()) {
    out += ",\"parameters\":";
    char separator = '{';
    for (const auto& [name, value] : schema.parameters) {
      out += separator;
      separator = ',';
      append_json_string(name, out);
      out += ':';
      append_json_string(value, out);
    }
    out += '}';
  }
  if (!default_value.empty()) out.append(",\"default\":").append(default_value);
  if (!field.empty()) append_member("field", field, out);
  out += '}';
  return out;
}

std::string connect_field_json(std::string_view type, bool optional, std::string_view field) {
  return connect_schema_json({.type = type}, optional, "", field);
}

}  // namespace sluice
