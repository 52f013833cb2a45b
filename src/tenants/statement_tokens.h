// SPDX-License-Identifier: Apache-2.0
// Statement text as words, strings, numbers and signs, each with its place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

enum class SqlTokenKind : uint8_t { kWord, kQuotedName, kString, kNumber, kSign, kVertical, kEnd };

struct SqlToken {
  SqlTokenKind kind = SqlTokenKind::kEnd;
  std::string text;  // of a string or quoted name: what it stands for
  size_t begin = 0;  // offset in the statement text
  size_t end = 0;
};

// Ends with a kEnd token. "\G" is kVertical.
Result<std::vector<SqlToken>> read_sql_tokens(std::string_view text);
// "line 1, column 7".
std::string sql_place(std::string_view text, size_t offset);

}  // namespace sluice
