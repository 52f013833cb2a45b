// SPDX-License-Identifier: Apache-2.0
#include "languages/schema_change_tags.h"

namespace sluice {
namespace {

constexpr std::string_view kFamilies[] = {"add",  "all",    "alter", "column",  "create",
                                          "drop", "rename", "table", "truncate"};

// "add" means the tags that begin with it, "column" and "table" those that concern one.
bool belongs_to(std::string_view tag, std::string_view family) {
  if (family == "all") return true;
  if (family == "column") return tag.find(".column") != std::string_view::npos;
  if (family == "table") return tag.find(".table") != std::string_view::npos;
  return tag.starts_with(family) && tag.substr(family.size()).starts_with('.');
}

}  // namespace

const std::vector<std::string_view>& schema_change_tags() {
  static const std::vector<std::string_view> kTags = {"add.column",    "alter.column.type", "alter.table.comment",
                                                      "create.table",  "drop.column",       "drop.table",
                                                      "rename.column", "truncate.table"};
  return kTags;
}

std::vector<std::string_view> expand_schema_change_tag(std::string_view word) {
  std::string lower;
  for (const char c : word) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  for (const std::string_view tag : schema_change_tags()) {
    if (tag == lower) return {tag};
  }
  std::vector<std::string_view> tags;
  for (const std::string_view family : kFamilies) {
    if (family != lower) continue;
    for (const std::string_view tag : schema_change_tags()) {
      if (belongs_to(tag, family)) tags.push_back(tag);
    }
  }
  return tags;
}

std::vector<std::string_view> schema_change_words() {
  std::vector<std::string_view> words = schema_change_tags();
  words.insert(words.end(), std::begin(kFamilies), std::end(kFamilies));
  return words;
}

}  // namespace sluice
