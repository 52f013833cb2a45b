// SPDX-License-Identifier: Apache-2.0
// A YAML document as a small tree that remembers lines. Owns everything; thread-compatible. Every scalar is text: what
// type it has is decided by the option it is for. Mistakes, also repeated keys, become problems with file:line:column.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/setting.h"

namespace sluice {

struct YamlEntry;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kMap, kList };

  Kind kind = Kind::kNull;
  std::string text;                // kScalar
  std::vector<YamlEntry> entries;  // kMap, in the order of the file
  std::vector<YamlNode> items;     // kList
  int line = 0;
  int column = 0;

  // Null if there is no such key or this is no map.
  const YamlNode* find(std::string_view key) const;
};

struct YamlEntry {
  std::string key;
  YamlNode value;
  int line = 0;  // of the key
};

// "a map", "a list", "a value", "nothing": for messages.
std::string_view yaml_kind_name(YamlNode::Kind kind);

// Parses one document. Null if the text is no YAML; a document with repeated keys is returned with the first of each.
std::optional<YamlNode> parse_yaml(const std::string& file_name, std::string_view text, Problems& problems);

}  // namespace sluice
