// SPDX-License-Identifier: Apache-2.0
// The words by which a job names kinds of schema changes: tags ("add.column") and families of tags ("column").
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice {

// Every tag, in alphabetical order.
const std::vector<std::string_view>& schema_change_tags();
// The tags that a tag or family means, matched without case; empty if there is no such word.
std::vector<std::string_view> expand_schema_change_tag(std::string_view word);
// Every tag and family, for suggestions.
std::vector<std::string_view> schema_change_words();

}  // namespace sluice
