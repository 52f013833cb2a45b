// SPDX-License-Identifier: Apache-2.0
// Cuts the text of an expression into words, names, literals and signs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

enum class TokenKind : uint8_t { kWord, kQuotedName, kNumber, kString, kSign, kEnd };

struct Token {
  TokenKind kind;
  std::string text;   // names and strings unquoted
  std::string upper;  // of a word: in upper case
  size_t begin;       // offset in the text
  size_t end;         // behind the last character

  bool is_word(std::string_view word) const { return kind == TokenKind::kWord && upper == word; }
  bool is_sign(std::string_view sign) const { return kind == TokenKind::kSign && text == sign; }
};

// The last token is kEnd.
Result<std::vector<Token>> tokenize(std::string_view text);

// A mistake at an offset of the text.
Error syntax_error(size_t offset, std::string_view message);

}  // namespace sluice
