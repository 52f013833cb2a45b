// SPDX-License-Identifier: Apache-2.0
#include "transform/expression_syntax.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "transform/expression_tokens.h"

namespace sluice {

namespace {

constexpr int kMaxDepth = 150;

// Words that cannot name a column or function unless quoted.
constexpr std::string_view kReserved[] = {"AND", "AS",   "BETWEEN", "CASE", "ELSE", "END",  "FROM",  "IN",
                                          "IS",  "LIKE", "NOT",     "OR",   "THEN", "WHEN", "WHERE", "SELECT"};
// Functions that are written without parentheses.
constexpr std::string_view kNiladic[] = {"CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME", "LOCALTIME",
                                         "LOCALTIMESTAMP"};
constexpr std::string_view kIntervalUnits[] = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"};

template <size_t N>
bool contains(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}

  Result<SyntaxNode> whole_expression() {
    ASSIGN_OR_RETURN(auto node, expression());
    if (peek().kind != TokenKind::kEnd) return unexpected("the end of the expression");
    return node;
  }

  Result<std::vector<ProjectionItem>> projection() {
    std::vector<ProjectionItem> items;
    do {
      ASSIGN_OR_RETURN(auto item, projection_item());
      items.push_back(std::move(item));
    } while (accept_sign(","));
    if (peek().kind != TokenKind::kEnd) return unexpected("',' or the end of the projection");
    return items;
  }

 private:
  const Token& peek(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  void advance() {
    if (at_ + 1 < tokens_.size()) ++at_;
  }
  bool accept_sign(std::string_view sign) {
    if (!peek().is_sign(sign)) return false;
    advance();
    return true;
  }
  bool accept_word(std::string_view word) {
    if (!peek().is_word(word)) return false;
    advance();
    return true;
  }
  Error unexpected(std::string_view wanted) const {
    const Token& token = peek();
    if (token.kind == TokenKind::kEnd) return syntax_error(token.begin, fmt::format("expected {}", wanted));
    return syntax_error(token.begin, fmt::format("expected {}, found '{}'", wanted,
                                                 text_.substr(token.begin, token.end - token.begin)));
  }
  Result<> expect_sign(std::string_view sign) {
    if (accept_sign(sign)) return {};
    return unexpected(fmt::format("'{}'", sign));
  }
  Result<> expect_word(std::string_view word) {
    if (accept_word(word)) return {};
    return unexpected(word);
  }

  SyntaxNode leaf(SyntaxKind kind, const Token& token) const {
    SyntaxNode node;
    node.kind = kind;
    node.position = token.begin + 1;
    return node;
  }
  Result<SyntaxNode> call(std::string name, std::vector<SyntaxNode> args, size_t position,
                          bool is_operator = true) const {
    SyntaxNode node;
    node.kind = SyntaxKind::kCall;
    node.is_operator = is_operator;
    node.name = std::move(name);
    node.args = std::move(args);
    node.position = position;
    return sealed(std::move(node));
  }
  // Computes the depth of a finished node; trees that are too deep are refused.
  Result<SyntaxNode> sealed(SyntaxNode node) const {
    for (const auto& arg : node.args) node.depth = std::max(node.depth, arg.depth + 1);
    if (node.depth > kMaxDepth) return syntax_error(node.position - 1, "the expression is nested too deeply");
    return node;
  }

  // Every way down the grammar that can recurse passes here.
  Result<SyntaxNode> expression() {
    if (++nesting_ > kMaxDepth) return syntax_error(peek().begin, "the expression is nested too deeply");
    auto node = disjunction();
    --nesting_;
    return node;
  }

  Result<SyntaxNode> disjunction() {
    return chain("OR", [this] { return conjunction(); }, [this] { return accept_word("OR"); });
  }
  Result<SyntaxNode> conjunction() {
    return chain("AND", [this] { return negation(); }, [this] { return accept_word("AND"); });
  }
  // a OP b OP c as one call with all operands.
  template <typename Operand, typename Accept>
  Result<SyntaxNode> chain(std::string_view name, Operand operand, Accept accept) {
    const size_t position = peek().begin + 1;
    ASSIGN_OR_RETURN(auto first, operand());
    std::vector<SyntaxNode> args;
    args.push_back(std::move(first));
    while (accept()) {
      ASSIGN_OR_RETURN(auto next, operand());
      args.push_back(std::move(next));
    }
    if (args.size() == 1) return std::move(args[0]);
    return call(std::string(name), std::move(args), position);
  }

  Result<SyntaxNode> negation() {
    const size_t position = peek().begin + 1;
    bool negative = false;
    while (accept_word("NOT")) negative = !negative;
    ASSIGN_OR_RETURN(auto node, predicate());
    if (!negative) return node;
    return negate(std::move(node), position);
  }
  Result<SyntaxNode> negate(SyntaxNode node, size_t position) {
    std::vector<SyntaxNode> args;
    args.push_back(std::move(node));
    return call("NOT", std::move(args), position);
  }

  Result<SyntaxNode> predicate() {
    ASSIGN_OR_RETURN(auto left, sum());
    while (true) {
      const Token& token = peek();
      const size_t position = token.begin + 1;
      if (token.kind == TokenKind::kSign) {
        constexpr std::string_view kComparisons[] = {"=", "<>", "<", "<=", ">", ">="};
        if (!contains(kComparisons, token.text)) return left;
        std::string name = token.text;
        advance();
        ASSIGN_OR_RETURN(auto right, sum());
        ASSIGN_OR_RETURN(left, call(std::move(name), pair(std::move(left), std::move(right)), position));
        continue;
      }
      if (accept_word("IS")) {
        ASSIGN_OR_RETURN(left, is_predicate(std::move(left), position));
        continue;
      }
      const bool negative = token.is_word("NOT");
      const Token& word = peek(negative ? 1 : 0);
      if (!word.is_word("BETWEEN") && !word.is_word("IN") && !word.is_word("LIKE") && !word.is_word("SIMILAR"))
        return left;
      if (negative) advance();
      ASSIGN_OR_RETURN(left, word_predicate(std::move(left), position));
      if (negative) {
        ASSIGN_OR_RETURN(left, negate(std::move(left), position));
      }
    }
  }
  static std::vector<SyntaxNode> pair(SyntaxNode first, SyntaxNode second) {
    std::vector<SyntaxNode> args;
    args.push_back(std::move(first));
    args.push_back(std::move(second));
    return args;
  }

  Result<SyntaxNode> is_predicate(SyntaxNode left, size_t position) {
    const std::string negative = accept_word("NOT") ? "NOT " : "";
    if (accept_word("DISTINCT")) {
      RETURN_IF_ERROR(expect_word("FROM"));
      ASSIGN_OR_RETURN(auto right, sum());
      return call("IS " + negative + "DISTINCT FROM", pair(std::move(left), std::move(right)), position);
    }
    for (const auto* word : {"NULL", "TRUE", "FALSE", "UNKNOWN"}) {
      if (!accept_word(word)) continue;
      std::vector<SyntaxNode> args;
      args.push_back(std::move(left));
      return call("IS " + negative + word, std::move(args), position);
    }
    return unexpected("NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM after IS");
  }

  Result<SyntaxNode> word_predicate(SyntaxNode left, size_t position) {
    std::vector<SyntaxNode> args;
    args.push_back(std::move(left));
    if (accept_word("BETWEEN")) {
      if (!accept_word("ASYMMETRIC") && peek().is_word("SYMMETRIC")) return unexpected("a bound");
      ASSIGN_OR_RETURN(auto low, sum());
      RETURN_IF_ERROR(expect_word("AND"));
      ASSIGN_OR_RETURN(auto high, sum());
      args.push_back(std::move(low));
      args.push_back(std::move(high));
      return call("BETWEEN", std::move(args), position);
    }
    if (accept_word("IN")) {
      RETURN_IF_ERROR(expect_sign("("));
      do {
        ASSIGN_OR_RETURN(auto item, expression());
        args.push_back(std::move(item));
      } while (accept_sign(","));
      RETURN_IF_ERROR(expect_sign(")"));
      return call("IN", std::move(args), position);
    }
    std::string name = "LIKE";
    if (accept_word("SIMILAR")) {
      RETURN_IF_ERROR(expect_word("TO"));
      name = "SIMILAR TO";
    } else {
      advance();  // LIKE
    }
    ASSIGN_OR_RETURN(auto pattern, sum());
    args.push_back(std::move(pattern));
    if (accept_word("ESCAPE")) {
      ASSIGN_OR_RETURN(auto escape, sum());
      args.push_back(std::move(escape));
    }
    return call(std::move(name), std::move(args), position);
  }

  Result<SyntaxNode> sum() {
    ASSIGN_OR_RETURN(auto left, product());
    while (peek().is_sign("+") || peek().is_sign("-")) {
      const Token& token = peek();
      std::string name = token.text;
      const size_t position = token.begin + 1;
      advance();
      ASSIGN_OR_RETURN(auto right, product());
      ASSIGN_OR_RETURN(left, call(std::move(name), pair(std::move(left), std::move(right)), position));
    }
    return left;
  }
  Result<SyntaxNode> product() {
    ASSIGN_OR_RETURN(auto left, concatenation());
    while (peek().is_sign("*") || peek().is_sign("/") || peek().is_sign("%")) {
      const Token& token = peek();
      std::string name = token.text;
      const size_t position = token.begin + 1;
      advance();
      ASSIGN_OR_RETURN(auto right, concatenation());
      ASSIGN_OR_RETURN(left, call(std::move(name), pair(std::move(left), std::move(right)), position));
    }
    return left;
  }
  Result<SyntaxNode> concatenation() {
    return chain("||", [this] { return unary(); }, [this] { return accept_sign("||"); });
  }

  Result<SyntaxNode> unary() {
    const size_t position = peek().begin + 1;
    bool negative = false;
    bool any = false;
    while (peek().is_sign("-") || peek().is_sign("+")) {
      if (peek().is_sign("-")) negative = !negative;
      any = true;
      advance();
    }
    ASSIGN_OR_RETURN(auto node, primary());
    if (any && node.kind == SyntaxKind::kNumber && node.text[0] != '-') {
      if (negative) node.text.insert(0, 1, '-');
      return node;
    }
    if (!negative) return node;
    std::vector<SyntaxNode> args;
    args.push_back(std::move(node));
    return call("NEGATE", std::move(args), position);
  }

  Result<SyntaxNode> primary() {
    ASSIGN_OR_RETURN(auto node, operand());
    while (peek().is_sign("[")) {
      const size_t position = peek().begin + 1;
      advance();
      ASSIGN_OR_RETURN(auto index, expression());
      RETURN_IF_ERROR(expect_sign("]"));
      ASSIGN_OR_RETURN(node, call(std::string(kSubscript), pair(std::move(node), std::move(index)), position, false));
    }
    if (peek().is_sign("."))
      return syntax_error(peek().begin, "qualified names are not supported, write the column alone");
    return node;
  }

  Result<SyntaxNode> operand() {
    const Token& token = peek();
    switch (token.kind) {
      case TokenKind::kNumber:
      case TokenKind::kString: {
        auto node = leaf(token.kind == TokenKind::kNumber ? SyntaxKind::kNumber : SyntaxKind::kString, token);
        node.text = token.text;
        advance();
        return node;
      }
      case TokenKind::kQuotedName: {
        auto node = leaf(SyntaxKind::kColumn, token);
        node.name = token.text;
        advance();
        if (peek().is_sign("(")) {
          node.name = upper(node.name);
          return arguments(std::move(node.name), node.position);
        }
        return node;
      }
      case TokenKind::kSign: {
        if (!accept_sign("(")) break;
        ASSIGN_OR_RETURN(auto node, expression());
        if (peek().is_sign(",")) return syntax_error(peek().begin, "a row of values is written ROW(a, b)");
        RETURN_IF_ERROR(expect_sign(")"));
        return node;
      }
      case TokenKind::kWord: return word();
      case TokenKind::kEnd: break;
    }
    return unexpected("a value");
  }
  static std::string upper(std::string text) {
    for (auto& c : text) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
    return text;
  }

  Result<SyntaxNode> word() {
    const Token token = peek();
    const Token& next = peek(1);
    const std::string& name = token.upper;
    if (name == "NULL" || name == "UNKNOWN" || name == "TRUE" || name == "FALSE") {
      advance();
      return leaf(name == "TRUE" ? SyntaxKind::kTrue : name == "FALSE" ? SyntaxKind::kFalse : SyntaxKind::kNull, token);
    }
    if (name == "CASE") return case_expression();
    if (contains(kReserved, name)) return unexpected("a value");
    if ((name == "DATE" || name == "TIME" || name == "TIMESTAMP") && next.kind == TokenKind::kString) {
      auto node = leaf(SyntaxKind::kTemporal, token);
      node.name = name;
      node.text = next.text;
      advance();
      advance();
      return node;
    }
    if (name == "INTERVAL") return interval();
    if ((name == "ARRAY" || name == "MAP") && next.is_sign("[")) return bracket_list(name, token.begin + 1);
    if (next.is_sign("(")) {
      advance();
      if (name == "CAST" || name == "TRY_CAST") return cast(token);
      return arguments(name, token.begin + 1);
    }
    advance();
    if (contains(kNiladic, name)) return call(name, {}, token.begin + 1, false);
    auto node = leaf(SyntaxKind::kColumn, token);
    node.name = token.text;
    return node;
  }

  // ARRAY[a, b], MAP[k, v].
  Result<SyntaxNode> bracket_list(std::string name, size_t position) {
    advance();
    advance();
    std::vector<SyntaxNode> args;
    do {
      ASSIGN_OR_RETURN(auto argument, expression());
      args.push_back(std::move(argument));
    } while (accept_sign(","));
    RETURN_IF_ERROR(expect_sign("]"));
    return call(std::move(name), std::move(args), position, false);
  }

  Result<SyntaxNode> case_expression() {
    SyntaxNode node = leaf(SyntaxKind::kCase, peek());
    advance();
    if (!peek().is_word("WHEN")) {
      ASSIGN_OR_RETURN(auto subject, expression());
      node.args.push_back(std::move(subject));
      node.has_subject = true;
    }
    do {
      RETURN_IF_ERROR(expect_word("WHEN"));
      ASSIGN_OR_RETURN(auto when, expression());
      RETURN_IF_ERROR(expect_word("THEN"));
      ASSIGN_OR_RETURN(auto then, expression());
      node.args.push_back(std::move(when));
      node.args.push_back(std::move(then));
    } while (peek().is_word("WHEN"));
    if (accept_word("ELSE")) {
      ASSIGN_OR_RETURN(auto other, expression());
      node.args.push_back(std::move(other));
      node.has_else = true;
    }
    RETURN_IF_ERROR(expect_word("END"));
    return sealed(std::move(node));
  }

  Result<SyntaxNode> interval() {
    SyntaxNode node = leaf(SyntaxKind::kInterval, peek());
    advance();
    const bool negative = accept_sign("-");
    if (peek().kind != TokenKind::kString && peek().kind != TokenKind::kNumber)
      return unexpected("the interval's value in quotes");
    node.text = (negative ? "-" : "") + peek().text;
    advance();
    ASSIGN_OR_RETURN(node.name, interval_unit());
    if (accept_word("TO")) {
      ASSIGN_OR_RETURN(const auto last, interval_unit());
      node.name += " TO " + last;
    }
    return node;
  }
  Result<std::string> interval_unit() {
    std::string unit = peek().upper;
    if (unit.size() > 1 && unit.back() == 'S') unit.pop_back();
    if (peek().kind != TokenKind::kWord || !contains(kIntervalUnits, unit)) {
      return unexpected("YEAR, QUARTER, MONTH, WEEK, DAY, HOUR, MINUTE or SECOND");
    }
    advance();
    if (accept_sign("(")) {  // a precision says nothing about the value
      if (peek().kind != TokenKind::kNumber) return unexpected("a number");
      advance();
      RETURN_IF_ERROR(expect_sign(")"));
    }
    return unit;
  }

  Result<SyntaxNode> cast(const Token& token) {
    SyntaxNode node = leaf(SyntaxKind::kCast, token);
    node.name = token.upper;
    RETURN_IF_ERROR(expect_sign("("));
    ASSIGN_OR_RETURN(auto value, expression());
    node.args.push_back(std::move(value));
    RETURN_IF_ERROR(expect_word("AS"));
    RETURN_IF_ERROR(type_name(node));
    RETURN_IF_ERROR(expect_sign(")"));
    return sealed(std::move(node));
  }
  Result<> type_name(SyntaxNode& node) {
    if (peek().kind != TokenKind::kWord) return unexpected("a type");
    while (peek().kind == TokenKind::kWord || peek().is_sign("(")) {
      if (accept_sign("(")) {
        do {
          int value = 0;
          const auto& digits = peek().text;
          const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
          if (peek().kind != TokenKind::kNumber || error != std::errc() || end != digits.data() + digits.size()) {
            return unexpected("a length or precision");
          }
          node.type_arguments.push_back(value);
          advance();
        } while (accept_sign(","));
        RETURN_IF_ERROR(expect_sign(")"));
        continue;
      }
      if (!node.type_name.empty()) node.type_name += ' ';
      node.type_name += peek().upper;
      advance();
    }
    return {};
  }

  // The arguments of a function; the opening parenthesis is next. Forms with words between the arguments are brought
  // into plain lists here.
  Result<SyntaxNode> arguments(std::string name, size_t position) {
    if (name == "ARRAY" || name == "MAP") return unexpected("'[': the list stands in brackets");
    RETURN_IF_ERROR(expect_sign("("));
    std::vector<SyntaxNode> args;
    if (accept_sign(")")) return call(std::move(name), {}, position, false);
    if (name == "EXTRACT" || name == "TIMESTAMPADD" || name == "TIMESTAMPDIFF" || name == "TIMESTAMP_DIFF") {
      return unit_call(std::move(name), position);
    }
    while (true) {
      // In POSITION(x IN s) the word IN belongs to the function, not to a predicate.
      ASSIGN_OR_RETURN(auto argument, name == "POSITION" && args.empty() ? sum() : expression());
      args.push_back(std::move(argument));
      const bool separated = accept_sign(",") || (name == "POSITION" && args.size() == 1 && accept_word("IN")) ||
                             (name == "OVERLAY" && args.size() == 1 && accept_word("PLACING")) || accept_word("FROM") ||
                             (args.size() > 1 && accept_word("FOR"));
      if (!separated) break;
    }
    RETURN_IF_ERROR(expect_sign(")"));
    return call(std::move(name), std::move(args), position, false);
  }
  // EXTRACT(unit FROM t), TIMESTAMPADD(unit, n, t), TIMESTAMPDIFF(unit, a, b): the unit becomes a string argument.
  Result<SyntaxNode> unit_call(std::string name, size_t position) {
    const Token& token = peek();
    if (token.kind != TokenKind::kWord && token.kind != TokenKind::kString) return unexpected("a unit of time");
    auto unit = leaf(SyntaxKind::kString, token);
    unit.text = upper(token.text);
    advance();
    if (!accept_sign(",") && !accept_word("FROM")) return unexpected("',' or FROM");
    std::vector<SyntaxNode> args;
    args.push_back(std::move(unit));
    do {
      ASSIGN_OR_RETURN(auto argument, expression());
      args.push_back(std::move(argument));
    } while (accept_sign(","));
    RETURN_IF_ERROR(expect_sign(")"));
    return call(std::move(name), std::move(args), position, false);
  }

  Result<ProjectionItem> projection_item() {
    ProjectionItem item;
    const size_t begin = peek().begin;
    if (accept_sign("*")) {
      item.star = true;
      item.text = "*";
      return item;
    }
    ASSIGN_OR_RETURN(item.expression, expression());
    item.text = std::string(text_.substr(begin, tokens_[at_ > 0 ? at_ - 1 : 0].end - begin));
    const bool spelled = accept_word("AS");
    const Token& alias = peek();
    if (alias.kind == TokenKind::kQuotedName ||
        (alias.kind == TokenKind::kWord && (spelled || !contains(kReserved, alias.upper)))) {
      item.alias = alias.text;
      advance();
    } else if (spelled) {
      return unexpected("a name after AS");
    } else if (item.expression.kind == SyntaxKind::kColumn) {
      item.alias = item.expression.name;
    } else {
      return syntax_error(begin, fmt::format("'{}' needs a name: write '{} AS name'", item.text, item.text));
    }
    return item;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

Result<SyntaxNode> parse_expression(std::string_view text) {
  ASSIGN_OR_RETURN(auto tokens, tokenize(text));
  return Parser(text, std::move(tokens)).whole_expression();
}

Result<std::vector<ProjectionItem>> parse_projection(std::string_view text) {
  ASSIGN_OR_RETURN(auto tokens, tokenize(text));
  return Parser(text, std::move(tokens)).projection();
}

}  // namespace sluice
