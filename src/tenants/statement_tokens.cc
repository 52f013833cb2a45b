// SPDX-License-Identifier: Apache-2.0
#include "tenants/statement_tokens.h"

#include <algorithm>
#include <cctype>

#include "tenants/sql_error.h"

namespace sluice {
namespace {

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$'; }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<std::vector<SqlToken>> read() {
    std::vector<SqlToken> tokens;
    for (;;) {
      RETURN_IF_ERROR(skip_blanks());
      SqlToken token{SqlTokenKind::kEnd, {}, at_, at_};
      if (at_ < text_.size()) {
        ASSIGN_OR_RETURN(token, next());
      }
      tokens.push_back(token);
      if (token.kind == SqlTokenKind::kEnd) return tokens;
    }
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  Error unfinished(std::string_view what, size_t begin) const {
    return sql_error(kSyntaxError, "{} that begins at {} has no end", what, sql_place(text_, begin));
  }

  Result<> skip_blanks() {
    while (at_ < text_.size()) {
      const bool dashes = peek() == '-' && peek(1) == '-' && (at_ + 2 == text_.size() || is_space(peek(2)));
      if (is_space(peek())) {
        ++at_;
      } else if (peek() == '#' || dashes) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (peek() == '/' && peek(1) == '*') {
        const size_t end = text_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return unfinished("the comment", at_);
        at_ = end + 2;
      } else {
        break;
      }
    }
    return {};
  }

  Result<SqlToken> next() {
    const size_t begin = at_;
    const char c = peek();
    if (c == '\'' || c == '"' || c == '`') return quoted(c);
    SqlToken token{SqlTokenKind::kSign, {}, begin, begin};
    if (c == '\\' && peek(1) == 'G') {
      token.kind = SqlTokenKind::kVertical;
      at_ += 2;
    } else if (is_digit(c)) {
      token.kind = SqlTokenKind::kNumber;
      while (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) ++at_;
      while (is_word(peek())) ++at_;  // 512M; "1x" is refused by whoever reads the number
    } else if (is_word(c)) {
      token.kind = SqlTokenKind::kWord;
      while (is_word(peek())) ++at_;
    } else {
      ++at_;
    }
    token.text = text_.substr(begin, at_ - begin);
    token.end = at_;
    return token;
  }

  Result<SqlToken> quoted(char quote) {
    SqlToken token{quote == '`' ? SqlTokenKind::kQuotedName : SqlTokenKind::kString, {}, at_, at_};
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == quote && peek(1) != quote) {
        token.end = ++at_;
        return token;
      }
      if (c == quote || (c == '\\' && quote != '`' && at_ + 1 < text_.size())) ++at_;
      token.text += text_[at_];
    }
    return unfinished(quote == '`' ? "the name" : "the string", token.begin);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<SqlToken>> read_sql_tokens(std::string_view text) { return Reader(text).read(); }

std::string sql_place(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const size_t start = before.rfind('\n');
  return fmt::format("line {}, column {}", lines + 1,
                     before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1);
}

}  // namespace sluice
