// SPDX-License-Identifier: Apache-2.0
// JSON as a tree that can be taken apart and put together. Members keep their order, and numbers and strings their
// spelling, so that what is not touched comes out byte for byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

struct JsonMember;

struct JsonNode {
  enum class Kind : uint8_t { kNull, kScalar, kObject, kArray };

  Kind kind = Kind::kNull;
  std::string text;                 // kScalar: as it stands in JSON
  std::vector<JsonMember> members;  // kObject
  std::vector<JsonNode> items;      // kArray

  bool is_null() const { return kind == Kind::kNull; }
  bool is_string() const { return kind == Kind::kScalar && text.starts_with('"'); }
  // Null if there is no such member or this is no object.
  const JsonNode* find(std::string_view name) const;
};

struct JsonMember {
  std::string name;  // without quotes and escapes
  JsonNode value;
};

// Fails with kData for what is no JSON, or nested more than 64 deep.
Result<JsonNode> parse_json_node(std::string_view text);
void append_json_node(const JsonNode& node, std::string& out);

JsonNode json_string(std::string_view text);
JsonNode json_scalar(std::string_view json);  // a number, true or false
// The text of a string, other scalars as they stand.
std::string json_plain(const JsonNode& node);

}  // namespace sluice
