// SPDX-License-Identifier: Apache-2.0
// The expression language of `projection` and `filter` as written: text in, a tree out. Knows the grammar, not the
// functions or the columns. Mistakes are kConfig and begin with "column N:" (1-based, in characters of the expression).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

// The name of the call that value[subscript] is.
constexpr std::string_view kSubscript = "[]";

enum class SyntaxKind : uint8_t {
  kNumber,    // text: as written
  kString,    // text: unquoted
  kNull,      //
  kTrue,      //
  kFalse,     //
  kTemporal,  // text: the value, name: DATE, TIME or TIMESTAMP
  kInterval,  // text: the value, name: "DAY", "DAY TO SECOND", ...
  kColumn,    // name: as written, unquoted
  kCall,      // name: function or operator in upper case ("+", "IS NULL", "LIKE", "EXTRACT"); args
  kCase,      // args: [subject if has_subject] when then ... [else if has_else]
  kCast,      // name: CAST or TRY_CAST; args: one; type_name, type_arguments
};

struct SyntaxNode {
  SyntaxKind kind = SyntaxKind::kNull;
  std::string name;
  std::string text;
  std::vector<SyntaxNode> args;
  std::string type_name;  // upper case, words separated by one blank
  std::vector<int> type_arguments;
  bool is_operator = false;  // of a call: written as an operator, so the number of arguments is right
  bool has_subject = false;
  bool has_else = false;
  size_t position = 0;  // 1-based
  int depth = 1;        // of the tree below; bounded, so that recursion over trees is safe
};

struct ProjectionItem {
  bool star = false;
  SyntaxNode expression;
  std::string alias;  // of a plain column without alias: its own name
  std::string text;   // as written, for messages
};

Result<SyntaxNode> parse_expression(std::string_view text);
// A comma list of *, \*, columns, and expressions with aliases. An expression that is not a column needs an alias.
Result<std::vector<ProjectionItem>> parse_projection(std::string_view text);

}  // namespace sluice
