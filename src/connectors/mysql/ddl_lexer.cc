// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/ddl_lexer.h"

#include <algorithm>

namespace sluice::mysql {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' || (c & 0x80) != 0;
}

class Lexer {
 public:
  Lexer(std::string_view sql, const DdlOptions& options) : sql_(sql), options_(options) {}

  Result<std::vector<Token>> run() {
    for (;;) {
      RETURN_IF_ERROR(skip_blanks());
      Token token;
      token.begin = at_;
      token.spaced = spaced_;
      if (at_ == sql_.size()) {
        token.end = at_;
        tokens_.push_back(std::move(token));
        return std::move(tokens_);
      }
      RETURN_IF_ERROR(next(token));
      token.end = at_;
      tokens_.push_back(std::move(token));
    }
  }

 private:
  bool at(std::string_view text) const { return sql_.substr(at_, text.size()) == text; }
  static Error unfinished(std::string_view what) {
    return Error(ErrorCode::kUnsupported, std::string("a ").append(what).append(" is not closed"));
  }

  // Stops in front of a token. Executed comments are entered; their end is skipped like a blank.
  Result<> skip_blanks() {
    spaced_ = false;
    while (at_ < sql_.size()) {
      size_t before = at_;
      if (is_space(sql_[at_]) || sql_[at_] == '\0') {
        ++at_;
      } else if (sql_[at_] == '#' || (at("--") && (at_ + 2 == sql_.size() || is_space(sql_[at_ + 2])))) {
        at_ = std::min(sql_.find('\n', at_), sql_.size());
      } else if (at("/*!") || at("/*M!")) {
        at_ += at("/*!") ? 3 : 4;
        for (int digits = 0; digits < 6 && at_ < sql_.size() && is_digit(sql_[at_]); ++digits) ++at_;
        ++executed_;
      } else if (executed_ > 0 && at("*/")) {
        at_ += 2;
        --executed_;
      } else if (at("/*")) {
        size_t end = sql_.find("*/", at_ + 2);
        if (end == std::string_view::npos) return unfinished("comment");
        at_ = end + 2;
      }
      if (at_ == before) break;
      spaced_ = true;
    }
    return {};
  }

  Result<> next(Token& token) {
    char c = sql_[at_];
    if (c == '`' || (c == '"' && options_.ansi_quotes)) {
      token.kind = TokenKind::kIdentifier;
      return quoted(c, false, token.text);
    }
    if (c == '\'' || c == '"') {
      token.kind = TokenKind::kString;
      return quoted(c, !options_.no_backslash_escapes, token.text);
    }
    if (!is_word(c)) {
      token.kind = TokenKind::kSymbol;
      token.text = c;
      ++at_;
      return {};
    }
    token.kind = TokenKind::kWord;
    size_t begin = at_;
    while (at_ < sql_.size() && is_word(sql_[at_])) ++at_;
    token.text = sql_.substr(begin, at_ - begin);
    token.upper = token.text;
    std::transform(token.upper.begin(), token.upper.end(), token.upper.begin(), [](char letter) {
      return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 32) : letter;
    });
    return {};
  }

  Result<> quoted(char quote, bool escapes, std::string& out) {
    for (++at_; at_ < sql_.size(); ++at_) {
      char c = sql_[at_];
      if (c == quote) {
        ++at_;
        if (at_ == sql_.size() || sql_[at_] != quote) return {};
      } else if (c == '\\' && escapes) {
        if (++at_ == sql_.size()) break;
        constexpr std::string_view kFrom = "0bnrtZ", kTo("\0\b\n\r\t\x1a", 6);
        size_t found = kFrom.find(sql_[at_]);
        // \% and \_ keep their backslash, for LIKE.
        if (sql_[at_] == '%' || sql_[at_] == '_') out += '\\';
        out += found == std::string_view::npos ? sql_[at_] : kTo[found];
        continue;
      }
      out += c;
    }
    return unfinished("quoted text");
  }

  std::string_view sql_;
  const DdlOptions& options_;
  size_t at_ = 0;
  int executed_ = 0;
  bool spaced_ = false;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize_sql(std::string_view sql, const DdlOptions& options) {
  return Lexer(sql, options).run();
}

}  // namespace sluice::mysql
