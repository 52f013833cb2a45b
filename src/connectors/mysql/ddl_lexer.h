// SPDX-License-Identifier: Apache-2.0
// Cuts SQL of MySQL and MariaDB into tokens, with comments left out and executed comments (/*! */, /*M! */) taken in.
// Internal to the DDL parser.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/ddl_parser.h"

namespace sluice::mysql {

enum class TokenKind : uint8_t {
  kEnd,
  kWord,        // not quoted: keyword, identifier, number
  kIdentifier,  // quoted
  kString,
  kSymbol,  // one character
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;   // without quotes; a kWord keeps its case
  std::string upper;  // of a kWord
  size_t begin = 0;   // in the SQL
  size_t end = 0;
  bool spaced = false;  // white space or a comment is in front

  bool is(std::string_view word) const { return kind == TokenKind::kWord && upper == word; }
  bool is_symbol(char c) const { return kind == TokenKind::kSymbol && text[0] == c; }
  bool is_name() const { return kind == TokenKind::kWord || kind == TokenKind::kIdentifier; }
};

// The last token is kEnd. Fails on an unfinished string or comment.
Result<std::vector<Token>> tokenize_sql(std::string_view sql, const DdlOptions& options);

}  // namespace sluice::mysql
