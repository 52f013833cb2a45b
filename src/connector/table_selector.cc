// SPDX-License-Identifier: Apache-2.0
#include "connector/table_selector.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sluice {

namespace {

constexpr size_t kMaxParts = 3;

constexpr std::string_view kDialectAdvice =
    "Write database.table; an unescaped '.' separates the parts, '\\.' means any character, '\\.*' any name, ',' "
    "separates "
    "patterns. Look-around, back references and possessive quantifiers are not supported.";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// Splits at every `separator` that no backslash precedes; an escaped separator loses its backslash, other escapes stay.
std::vector<std::string> split_unescaped(std::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      if (text[i + 1] != separator) parts.back() += '\\';
      parts.back() += text[++i];
    } else if (text[i] == separator) {
      parts.emplace_back();
    } else {
      parts.back() += text[i];
    }
  }
  return parts;
}

struct Item {
  std::vector<std::unique_ptr<RE2>> expressions;  // one per part of the table id, or all of them for the whole of it
  bool whole = false;
  size_t parts() const { return whole ? 0 : expressions.size(); }
};

// Between two expressions for the whole name that must both match.
constexpr std::string_view kAnd = "/&/";

Result<> add_expression(std::string_view pattern, std::string_view text, Item& item) {
  RE2::Options options;
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  auto expression = std::make_unique<RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!expression->ok()) {
    return Error(ErrorCode::kConfig,
                 fmt::format("compiling table pattern '{}': '{}' is not a supported regular expression: {}", pattern,
                             text, expression->error()),
                 std::string(kDialectAdvice));
  }
  item.expressions.push_back(std::move(expression));
  return {};
}

// "/one/&/other/"
Result<Item> compile_whole(std::string_view pattern) {
  Item item;
  item.whole = true;
  std::string_view rest = pattern.substr(1, pattern.size() - 2);
  while (true) {
    const size_t end = std::min(rest.find(kAnd), rest.size());
    RETURN_IF_ERROR(add_expression(pattern, rest.substr(0, end), item));
    if (end == rest.size()) return item;
    rest.remove_prefix(end + kAnd.size());
  }
}

Result<Item> compile_item(std::string_view pattern) {
  if (pattern.size() > 1 && pattern.front() == '/' && pattern.back() == '/') return compile_whole(pattern);
  Item item;
  const auto parts = split_unescaped(pattern, '.');
  if (parts.size() > kMaxParts) {
    return Error(ErrorCode::kConfig,
                 fmt::format("compiling table pattern '{}': it has {} parts, at most {} are possible", pattern,
                             parts.size(), kMaxParts),
                 std::string(kDialectAdvice));
  }
  for (const auto& part : parts) {
    const auto trimmed = trim(part);
    if (trimmed.empty()) {
      return Error(ErrorCode::kConfig, fmt::format("compiling table pattern '{}': a part is empty", pattern),
                   std::string(kDialectAdvice));
    }
    RETURN_IF_ERROR(add_expression(pattern, trimmed, item));
  }
  return item;
}

bool whole_matches(const Item& item, const TableId& table) {
  const std::string name = table.text();
  return item.whole &&
         std::ranges::all_of(item.expressions, [&](const auto& each) { return RE2::FullMatch(name, *each); });
}

bool part_matches(const RE2& expression, std::string_view name) {
  return RE2::FullMatch(re2::StringPiece(name.data(), name.size()), expression);
}

}  // namespace

struct TableSelector::Impl {
  std::vector<Item> items;
};

TableSelector::TableSelector(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TableSelector::TableSelector(TableSelector&&) noexcept = default;
TableSelector& TableSelector::operator=(TableSelector&&) noexcept = default;
TableSelector::~TableSelector() = default;

Result<TableSelector> TableSelector::compile(std::string_view patterns) {
  auto impl = std::make_unique<Impl>();
  for (const auto& pattern : split_unescaped(patterns, ',')) {
    const auto trimmed = trim(pattern);
    if (trimmed.empty()) continue;
    ASSIGN_OR_RETURN(auto item, compile_item(trimmed));
    impl->items.push_back(std::move(item));
  }
  if (impl->items.empty()) {
    return Error(ErrorCode::kConfig, fmt::format("compiling table patterns '{}': there is no pattern", patterns),
                 std::string(kDialectAdvice));
  }
  return TableSelector(std::move(impl));
}

bool TableSelector::matches(const TableId& table) const {
  for (const Item& item : impl_->items) {
    const auto& parts = item.expressions;
    if (whole_matches(item, table)) return true;
    if (table.schema.empty()) {
      if (item.parts() == 1 && part_matches(*parts[0], table.table)) return true;
    } else if (item.parts() == 2 && part_matches(*parts[0], table.schema) && part_matches(*parts[1], table.table)) {
      return true;
    }
  }
  return false;
}

bool TableSelector::matches(std::string_view database, const TableId& table) const {
  return std::ranges::any_of(impl_->items, [&](const Item& item) {
    const auto& parts = item.expressions;
    return whole_matches(item, table) ||
           (item.parts() == 3 && part_matches(*parts[0], database) && part_matches(*parts[1], table.schema) &&
            part_matches(*parts[2], table.table));
  });
}

std::vector<std::string> TableSelector::databases() const {
  std::vector<std::string> names;
  for (const auto& item : impl_->items) {
    const std::string name = item.parts() == 3 ? item.expressions[0]->pattern() : std::string();
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace sluice
