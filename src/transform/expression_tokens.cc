// SPDX-License-Identifier: Apache-2.0
#include "transform/expression_tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice {

namespace {

constexpr size_t kMaxExpressionLength = 64 * 1024;
constexpr std::string_view kLongSigns[] = {"<>", "!=", "<=", ">=", "||"};
constexpr std::string_view kSigns = "+-*/%(),.=<>[]";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool continues_word(char c) { return begins_word(c) || is_digit(c); }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    if (text_.size() > kMaxExpressionLength) return syntax_error(0, "the expression is longer than 64 KiB");
    while (true) {
      while (at_ < text_.size() && static_cast<unsigned char>(text_[at_]) <= ' ') ++at_;
      if (at_ == text_.size()) break;
      RETURN_IF_ERROR(next());
    }
    tokens_.push_back({TokenKind::kEnd, "", "", at_, at_});
    return std::move(tokens_);
  }

 private:
  void add(TokenKind kind, std::string text, size_t begin) {
    tokens_.push_back({kind, std::move(text), "", begin, at_});
  }

  Result<> next() {
    const size_t begin = at_;
    const char c = text_[at_];
    if (begins_word(c)) {
      while (at_ < text_.size() && continues_word(text_[at_])) ++at_;
      add(TokenKind::kWord, std::string(text_.substr(begin, at_ - begin)), begin);
      auto& token = tokens_.back();
      token.upper = token.text;
      for (auto& letter : token.upper) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
      }
      return {};
    }
    if (c == '\'' || c == '`') return quoted(c);
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
    if (c == '\\' && text_.substr(at_, 2) == "\\*") {
      at_ += 2;
      add(TokenKind::kSign, "*", begin);
      return {};
    }
    for (const auto sign : kLongSigns) {
      if (text_.substr(at_, 2) != sign) continue;
      at_ += 2;
      add(TokenKind::kSign, sign == "!=" ? "<>" : std::string(sign), begin);
      return {};
    }
    if (kSigns.find(c) == std::string_view::npos) {
      return syntax_error(begin, c == '"' ? "'\"' is not a quote here, write 'text' or `column`"
                                          : fmt::format("unexpected character '{}'", c));
    }
    ++at_;
    add(TokenKind::kSign, std::string(1, c), begin);
    return {};
  }

  Result<> quoted(char quote) {
    const size_t begin = at_++;
    std::string value;
    while (true) {
      if (at_ >= text_.size()) return syntax_error(begin, fmt::format("the quote {} is not closed", quote));
      const char c = text_[at_++];
      if (c == quote) {
        if (at_ >= text_.size() || text_[at_] != quote) break;
        ++at_;
      }
      value += c;
    }
    if (quote == '`' && value.empty()) return syntax_error(begin, "a name is empty");
    add(quote == '`' ? TokenKind::kQuotedName : TokenKind::kString, std::move(value), begin);
    return {};
  }

  Result<> number() {
    const size_t begin = at_;
    const auto digits = [&] {
      while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    };
    digits();
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      digits();
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      const size_t exponent = at_;
      digits();
      if (at_ == exponent) return syntax_error(begin, "the number's exponent is missing");
    }
    if (at_ < text_.size() && continues_word(text_[at_])) return syntax_error(begin, "a number runs into a name");
    add(TokenKind::kNumber, std::string(text_.substr(begin, at_ - begin)), begin);
    return {};
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view text) { return Tokenizer(text).run(); }

Error syntax_error(size_t offset, std::string_view message) {
  return Error(ErrorCode::kConfig, fmt::format("column {}: {}", offset + 1, message), "Correct the expression.");
}

}  // namespace sluice
