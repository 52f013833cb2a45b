// SPDX-License-Identifier: Apache-2.0
// LIKE, SIMILAR TO and the REGEXP functions, all through RE2 (linear time, no back references). A pattern that is a
// literal is compiled once and refused when the job starts if it is wrong; others are compiled when they change and
// give NULL.
#include <fmt/format.h>
#include <re2/re2.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/json_value.h"
#include "transform/functions.h"
#include "transform/structured_values.h"
#include "transform/utf8.h"

namespace sluice {

namespace {

constexpr std::string_view kMeta = "\\.^$|()[]{}*+?-&~";

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

void append_quoted(std::string_view character, std::string& out) {
  if (character.size() == 1 && kMeta.find(character[0]) != std::string_view::npos) out += '\\';
  out += character;
}

using Translate = std::optional<std::string> (*)(std::string_view pattern, std::string_view escape);

// The regular expression of a SQL LIKE pattern; nothing if an escape stands before something else than %, _ or itself.
std::optional<std::string> like_expression(std::string_view pattern, std::string_view escape) {
  std::string expression = "(?s)\\A";
  while (!pattern.empty()) {
    auto character = utf8_take(pattern);
    if (!escape.empty() && character == escape) {
      if (pattern.empty()) return std::nullopt;
      character = utf8_take(pattern);
      if (character != "%" && character != "_" && character != escape) return std::nullopt;
      append_quoted(character, expression);
    } else if (character == "%") {
      expression += ".*";
    } else if (character == "_") {
      expression += '.';
    } else {
      append_quoted(character, expression);
    }
  }
  return expression + "\\z";
}

// SIMILAR TO: % and _ as in LIKE; | * + ? { } ( ) [ ] as in regular expressions; everything else stands for itself.
std::optional<std::string> similar_expression(std::string_view pattern, std::string_view escape) {
  constexpr std::string_view kOperators = "|*+?{}()[]^-";
  std::string expression = "(?s)\\A(?:";
  bool in_class = false;
  while (!pattern.empty()) {
    auto character = utf8_take(pattern);
    if (!escape.empty() && character == escape) {
      if (pattern.empty()) return std::nullopt;
      append_quoted(utf8_take(pattern), expression);
    } else if (in_class) {
      in_class = character != "]";
      expression += character == "\\" ? "\\\\" : std::string(character);
    } else if (character == "%") {
      expression += ".*";
    } else if (character == "_") {
      expression += '.';
    } else if (character == "^" || character == "-") {
      append_quoted(character, expression);
    } else if (character.size() == 1 && kOperators.find(character[0]) != std::string_view::npos) {
      in_class = character == "[";
      expression += character;
    } else {
      append_quoted(character, expression);
    }
  }
  return expression + ")\\z";
}

std::optional<std::string> plain_expression(std::string_view pattern, std::string_view) { return std::string(pattern); }

// The compiled form of the last pattern seen.
class PatternCache {
 public:
  explicit PatternCache(Translate translate) : translate_(translate) {}

  // Null if the pattern is no regular expression that RE2 knows.
  const RE2* compiled(std::string_view pattern, std::string_view escape = {}) {
    if (compiled_ && pattern == pattern_ && escape == escape_) return expression_.get();
    pattern_ = pattern;
    escape_ = escape;
    compiled_ = true;
    expression_.reset();
    const auto text = translate_(pattern, escape);
    if (!text) return nullptr;
    RE2::Options options;
    options.set_log_errors(false);
    auto expression = std::make_unique<RE2>(*text, options);
    if (expression->ok()) expression_ = std::move(expression);
    return expression_.get();
  }

 private:
  Translate translate_;
  bool compiled_ = false;
  std::string pattern_;
  std::string escape_;
  std::unique_ptr<RE2> expression_;
};

// The cache for argument `index`; a literal that cannot be compiled is kConfig.
Result<std::shared_ptr<PatternCache>> make_cache(const ExpressionList& arguments, size_t index, Translate translate) {
  auto cache = std::make_shared<PatternCache>(translate);
  const auto* literal = arguments[index]->constant();
  const auto* escape =
      translate != plain_expression && arguments.size() > index + 1 ? arguments[index + 1]->constant() : nullptr;
  if (arguments.size() > index + 1 && translate != plain_expression && escape == nullptr) {
    return type_mistake("the ESCAPE character must be a literal");
  }
  if (escape != nullptr && escape->has_value(0) && utf8_length(escape->bytes_at(0)) > 1) {
    return type_mistake("the ESCAPE is longer than one character");
  }
  if (literal != nullptr && literal->has_value(0)) {
    const auto text = literal->bytes_at(0);
    if (cache->compiled(text, escape != nullptr && escape->has_value(0) ? escape->bytes_at(0) : std::string_view()) ==
        nullptr) {
      return Error(ErrorCode::kConfig, fmt::format("'{}' is not a supported pattern", text),
                   "Patterns follow RE2: no look-around, no back references, no possessive quantifiers.");
    }
  }
  return cache;
}

bool search(const RE2& expression, std::string_view text, size_t from, RE2::Anchor anchor,
            std::vector<re2::StringPiece>& groups) {
  return expression.Match(piece(text), from, text.size(), anchor, groups.data(), static_cast<int>(groups.size()));
}

Result<ExpressionPtr> match(ExpressionList arguments, Translate translate) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, translate));
  const bool with_escape = arguments.size() > 2;
  return make_strict(plain_type(TypeKind::kBoolean), std::move(arguments), [cache, with_escape](Call& call) {
    const RE2* expression = cache->compiled(call.text(1), with_escape ? call.text(2) : std::string_view());
    if (expression == nullptr) return call.fail("a pattern of LIKE or SIMILAR TO is not valid");
    call.out.append_int(RE2::PartialMatch(piece(call.text(0)), *expression) ? 1 : 0);
  });
}

// Without ESCAPE, Flink CDC takes LIKE's pattern for a regular expression to be found anywhere.
Result<ExpressionPtr> like(const Dialect& dialect, ExpressionList arguments) {
  const bool find = dialect.flink && arguments.size() == 2;
  return match(std::move(arguments), find ? plain_expression : like_expression);
}

Result<ExpressionPtr> similar(const Dialect&, ExpressionList arguments) {
  return match(std::move(arguments), similar_expression);
}

// Calls `visit(begin, end)` for each match from left to right; a match of nothing moves on by one character.
// `groups` (at least one) receives the match and its first groups.
template <typename Visit>
void for_each_match(const RE2& expression, std::string_view text, std::vector<re2::StringPiece>& groups, Visit visit) {
  for (size_t at = 0; at <= text.size();) {
    if (!search(expression, text, at, RE2::UNANCHORED, groups)) return;
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    if (!visit(begin, end)) return;
    if (end > begin) {
      at = end;
    } else {
      auto rest = text.substr(end);
      if (rest.empty()) return;
      at = end + utf8_take(rest).size();
    }
  }
}

Result<ExpressionPtr> regexp_replace(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, plain_expression));
  return make_partial(plain_type(TypeKind::kString), std::move(arguments), [cache](Call& call) {
    const RE2* expression = cache->compiled(call.text(1));
    if (expression == nullptr) return call.out.append_null();
    const auto text = call.text(0);
    call.scratch.clear();
    size_t done = 0;
    std::vector<re2::StringPiece> groups(1);
    for_each_match(*expression, text, groups, [&](size_t begin, size_t end) {
      call.scratch += text.substr(done, begin - done);
      call.scratch += call.text(2);
      done = end;
      return true;
    });
    call.scratch += text.substr(done);
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> regexp_extract(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, plain_expression));
  const bool with_group = arguments.size() > 2;
  return make_partial(plain_type(TypeKind::kString), std::move(arguments), [cache, with_group](Call& call) {
    const RE2* expression = cache->compiled(call.text(1));
    const int64_t group = with_group ? call.integer(2) : 0;
    if (expression == nullptr || group < 0 || group > expression->NumberOfCapturingGroups())
      return call.out.append_null();
    std::vector<re2::StringPiece> groups(static_cast<size_t>(group) + 1);
    if (!search(*expression, call.text(0), 0, RE2::UNANCHORED, groups) || groups.back().data() == nullptr) {
      return call.out.append_null();
    }
    call.out.append_bytes({groups.back().data(), groups.back().size()});
  });
}

// One group of every match.
Result<ExpressionPtr> regexp_extract_all(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, plain_expression));
  const bool with_group = arguments.size() > 2;
  const DataType type = structured_type(StructureForm::kArray, {plain_type(TypeKind::kString)});
  return make_partial(type, std::move(arguments), [cache, with_group](Call& call) {
    const RE2* expression = cache->compiled(call.text(1));
    const int64_t group = with_group ? call.integer(2) : 1;
    if (expression == nullptr || group < 0 || group > expression->NumberOfCapturingGroups())
      return call.out.append_null();
    if (!utf8_valid(call.text(0))) return call.fail("a text that is not UTF-8 cannot be part of an array");
    std::vector<re2::StringPiece> groups(static_cast<size_t>(group) + 1);
    call.scratch = "[";
    for_each_match(*expression, call.text(0), groups, [&](size_t, size_t) {
      if (call.scratch.size() > 1) call.scratch += ',';
      if (groups.back().data() == nullptr) {
        call.scratch += "null";
      } else {
        append_json_string({groups.back().data(), groups.back().size()}, call.scratch);
      }
      return call.scratch.size() <= kMaxStructuredSize;
    });
    if (call.scratch.size() > kMaxStructuredSize) return call.fail("the array would be longer than 64 MiB");
    call.scratch += ']';
    call.out.append_bytes(call.scratch);
  });
}

Result<ExpressionPtr> regexp_count(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, plain_expression));
  return make_partial(plain_type(TypeKind::kInt32), std::move(arguments), [cache](Call& call) {
    const RE2* expression = cache->compiled(call.text(1));
    if (expression == nullptr) return call.out.append_null();
    int64_t count = 0;
    std::vector<re2::StringPiece> groups(1);
    for_each_match(*expression, call.text(0), groups, [&](size_t, size_t) {
      ++count;
      return true;
    });
    call.out.append_int(count);
  });
}

// The first match: its position, or its text.
template <bool kPosition>
Result<ExpressionPtr> regexp_first(const Dialect&, ExpressionList arguments) {
  ASSIGN_OR_RETURN(auto cache, make_cache(arguments, 1, plain_expression));
  return make_partial(plain_type(kPosition ? TypeKind::kInt32 : TypeKind::kString), std::move(arguments),
                      [cache](Call& call) {
                        const RE2* expression = cache->compiled(call.text(1));
                        if (expression == nullptr) return call.out.append_null();
                        const auto text = call.text(0);
                        std::vector<re2::StringPiece> groups(1);
                        const bool found = search(*expression, text, 0, RE2::UNANCHORED, groups);
                        if constexpr (kPosition) {
                          if (!found) return call.out.append_int(0);
                          const auto before = text.substr(0, static_cast<size_t>(groups[0].data() - text.data()));
                          call.out.append_int(static_cast<int64_t>(utf8_length(before)) + 1);
                        } else {
                          if (!found) return call.out.append_null();
                          call.out.append_bytes({groups[0].data(), groups[0].size()});
                        }
                      });
}

constexpr FunctionInfo kFunctions[] = {
    {"LIKE", "ss[s", like},
    {"SIMILAR TO", "ss[s", similar},
    {"REGEXP_REPLACE", "sss", regexp_replace},
    {"REGEXP_EXTRACT", "ss[i", regexp_extract},
    {"REGEXP_EXTRACT_ALL", "ss[i", regexp_extract_all},
    {"REGEXP_COUNT", "ss", regexp_count},
    {"REGEXP_INSTR", "ss", regexp_first<true>},
    {"REGEXP_SUBSTR", "ss", regexp_first<false>},
};

}  // namespace

std::span<const FunctionInfo> pattern_functions() { return kFunctions; }

}  // namespace sluice
