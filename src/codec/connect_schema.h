// SPDX-License-Identifier: Apache-2.0
// Kafka Connect schemas as the JSON that its JsonConverter writes: members in the order type, fields, items, optional,
// name, version, doc, parameters, default, field.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

struct ConnectSchema {
  std::string_view type = "string";  // "int32", "struct", "array", ...
  std::string_view name{};           // of the logical type
  int version = 1;                   // of it; 0: none
  std::string_view doc{};
  std::string fields{};  // of a struct: schemas, separated by commas
  std::string items{};   // of an array
  std::string keys{};    // of a map
  std::string values{};  // of a map
  std::vector<std::pair<std::string_view, std::string>> parameters{};
};

// `default_value` is JSON or empty, `field` the name of the struct's member or empty.
std::string connect_schema_json(const ConnectSchema& schema, bool optional, std::string_view default_value,
                                std::string_view field);
// Of a member without name and default.
std::string connect_field_json(std::string_view type, bool optional, std::string_view field);

}  // namespace sluice
