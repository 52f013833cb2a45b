// SPDX-License-Identifier: Apache-2.0
// Walks the tokens of one statement. Looking past the end yields the end token. Internal to the DDL parser.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/ddl_lexer.h"
#include "connectors/mysql/ddl_parser.h"

namespace sluice::mysql {

class DdlCursor {
 public:
  DdlCursor(std::string_view sql, std::vector<Token> tokens, const DdlOptions& options)
      : sql_(sql), tokens_(std::move(tokens)), options_(options) {}

  const Token& peek(size_t ahead = 0) const {
    size_t index = std::min(at_ + ahead, tokens_.size() - 1);
    return tokens_[index];
  }
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool done() const { return peek().kind == TokenKind::kEnd || peek().is_symbol(';'); }
  const DdlOptions& options() const { return options_; }
  size_t mark() const { return at_; }
  std::string_view text_between(size_t from, size_t to) const {
    return from >= to ? std::string_view()
                      : sql_.substr(tokens_[from].begin, tokens_[to - 1].end - tokens_[from].begin);
  }

  // Takes the words if all of them come next.
  bool accept(std::initializer_list<std::string_view> words) {
    size_t ahead = 0;
    for (std::string_view word : words) {
      if (!peek(ahead++).is(word)) return false;
    }
    at_ += words.size();
    return true;
  }
  bool accept(std::string_view word) { return accept({word}); }
  bool accept_symbol(char c) {
    if (!peek().is_symbol(c)) return false;
    take();
    return true;
  }
  // One of the words comes next, as a keyword.
  bool next_is(std::initializer_list<std::string_view> words) const {
    for (std::string_view word : words) {
      if (peek().is(word)) return true;
    }
    return false;
  }

  Error unreadable() const;
  Result<std::string> name();
  Result<TableId> table();
  // A name of a table or database as the server keeps it.
  std::string folded(std::string name) const;
  // (...) with everything in it.
  Result<> skip_parentheses();
  // Up to a ',' or ')' outside of parentheses, or the end.
  Result<> skip_item();

 private:
  std::string_view sql_;
  std::vector<Token> tokens_;
  const DdlOptions& options_;
  size_t at_ = 0;
};

// A column's name, type and attributes, up to ',', ')', FIRST, AFTER or the end.
Result<DdlColumn> parse_ddl_column(DdlCursor& cursor);
// CHARSET x, CHARACTER SET x, COLLATE x with optional '=' and DEFAULT; false if something else comes.
Result<bool> parse_ddl_charset(DdlCursor& cursor, std::string& charset, std::string& collation);
// (a, b(10) DESC) into the key's columns; none if a part is an expression.
Result<> parse_ddl_key_parts(DdlCursor& cursor, DdlKey& key);

}  // namespace sluice::mysql
