// SPDX-License-Identifier: Apache-2.0
#include "transform/router.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

namespace {

constexpr std::string_view kDialectAdvice =
    "In a route '.' separates database and table, '\\.' means any character and '\\.*' any name.";

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// The regular expression that a router pattern stands for.
std::string router_expression(std::string_view pattern) {
  std::string expression;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char next = pattern[++i];
      if (next == '.' || next == ',') {
        expression += next;
      } else {
        expression += {c, next};
      }
    } else if (c == '.') {
      expression += "\\.";
    } else if (c == ',') {
      expression += '|';
    } else if (!is_blank(c)) {  // blanks only stand around commas: unquoted table names have none
      expression += c;
    }
  }
  return expression;
}

bool has_group_reference(std::string_view text) {
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '$' && text[i + 1] >= '0' && text[i + 1] <= '9') {
      return true;
    }
  }
  return false;
}

// The largest n of a "$n" in the text, -1 if there is none. As in Java, a digit joins the number only while the group
// exists.
struct GroupReference {
  size_t group;
  size_t length;  // characters of the reference, with the '$'
};
GroupReference group_reference(std::string_view text, size_t at, size_t groups) {
  GroupReference reference{static_cast<size_t>(text[at + 1] - '0'), 2};
  while (at + reference.length < text.size()) {
    const char next = text[at + reference.length];
    if (next < '0' || next > '9') break;
    const size_t longer = reference.group * 10 + static_cast<size_t>(next - '0');
    if (longer > groups) break;
    reference = {longer, reference.length + 1};
  }
  return reference;
}

std::string replace_all(std::string_view text, std::string_view symbol, std::string_view replacement) {
  std::string result;
  while (true) {
    const auto found = text.find(symbol);
    result.append(text.substr(0, found));
    if (found == std::string_view::npos) return result;
    result.append(replacement);
    text.remove_prefix(found + symbol.size());
  }
}

}  // namespace

struct Router::Rule {
  RouteSpec spec;
  std::unique_ptr<RE2> expression;
  bool substitutes = false;  // sink_table has "$n"

  // The sink table's name with every "$n" replaced; nothing if a group does not exist.
  std::optional<std::string> substitute(const std::vector<re2::StringPiece>& groups) const {
    const std::string_view text = spec.sink_table;
    std::string result;
    for (size_t i = 0; i < text.size(); ++i) {
      const bool more = i + 1 < text.size();
      if (text[i] == '\\' && more) {
        result += text[++i];
      } else if (text[i] == '$' && more && text[i + 1] >= '0' && text[i + 1] <= '9') {
        const auto reference = group_reference(text, i, groups.size() - 1);
        if (reference.group >= groups.size()) return std::nullopt;
        result.append(groups[reference.group].data(), groups[reference.group].size());
        i += reference.length - 1;
      } else {
        result += text[i];
      }
    }
    return result;
  }

  // The target's dotted name if the rule matches the source table.
  std::optional<std::string> route(const TableId& source) const {
    const std::string name = source.text();
    std::vector<re2::StringPiece> groups(static_cast<size_t>(expression->NumberOfCapturingGroups()) + 1);
    if (!expression->Match(name, 0, name.size(), RE2::ANCHOR_BOTH, groups.data(), static_cast<int>(groups.size()))) {
      return std::nullopt;
    }
    if (!spec.replace_symbol.empty()) return replace_all(spec.sink_table, spec.replace_symbol, source.table);
    if (substitutes) return substitute(groups);
    return spec.sink_table;
  }
};

Router::Router(bool first_match) : first_match_(first_match) {}
Router::~Router() = default;

std::unique_ptr<Router> Router::compile(const std::vector<RouteSpec>& rules, bool first_match, Problems& problems) {
  std::unique_ptr<Router> router(new Router(first_match));
  bool sound = true;
  const auto problem = [&](const RouteSpec& spec, std::string key, std::string message, std::string_view advice) {
    problems.error(spec.location, std::move(key), std::move(message), std::string(advice));
    sound = false;
  };
  for (const auto& spec : rules) {
    RE2::Options options;
    options.set_log_errors(false);
    auto rule =
        std::make_unique<Rule>(Rule{spec, std::make_unique<RE2>(router_expression(spec.source_table), options)});
    if (spec.source_table.empty() || !rule->expression->ok()) {
      problem(spec, "source-table",
              fmt::format("'{}' is not a supported table pattern: {}", spec.source_table,
                          spec.source_table.empty() ? "it is empty" : rule->expression->error()),
              kDialectAdvice);
      continue;
    }
    if (spec.sink_table.empty()) {
      problem(spec, "sink-table", "the target's name is empty", "Write database.table.");
      continue;
    }
    rule->substitutes = spec.replace_symbol.empty() && has_group_reference(spec.sink_table);
    if (rule->substitutes) {
      const auto groups = static_cast<size_t>(rule->expression->NumberOfCapturingGroups());
      if (!rule->substitute(std::vector<re2::StringPiece>(groups + 1))) {
        problem(spec, "sink-table",
                fmt::format("'{}' refers to a group that '{}' does not have", spec.sink_table, spec.source_table),
                "Put parentheses around the part of source-table to reuse; $1 is the first.");
        continue;
      }
    }
    router->rules_.push_back(std::move(rule));
  }
  return sound ? std::move(router) : nullptr;
}

void Router::check_use(const std::vector<TableId>& tables, Problems& problems) const {
  for (const auto& rule : rules_) {
    if (std::any_of(tables.begin(), tables.end(), [&](const TableId& table) { return rule->route(table).has_value(); }))
      continue;
    report_unused_rule("route", rule->spec.source_table, rule->spec.location, tables, problems);
  }
}

void report_unused_rule(std::string_view kind, const std::string& pattern, const Location& place,
                        const std::vector<TableId>& tables, Problems& problems) {
  constexpr size_t kShown = 5;
  std::vector<std::string> names;
  for (const auto& table : tables) names.push_back(table.text());
  const auto closest = closest_name(pattern, {names.begin(), names.end()});
  const auto more = names.size() > kShown ? fmt::format(" and {} more", names.size() - kShown) : std::string();
  names.resize(std::min(names.size(), kShown));
  problems.error(place, "source-table", fmt::format("{} '{}' matches no table of the source", kind, pattern),
                 closest.empty() ? fmt::format("The tables are {}{}.", fmt::join(names, ", "), more)
                                 : fmt::format("Did you mean '{}'?", closest));
}

Result<std::vector<TableId>> Router::targets(const TableId& source) const {
  std::vector<TableId> targets;
  for (const auto& rule : rules_) {
    const auto name = rule->route(source);
    if (!name) continue;
    const auto dot = name->find('.');
    TableId target;
    if (dot == std::string::npos) {
      target.table = *name;
    } else {
      target = {name->substr(0, dot), name->substr(dot + 1)};
    }
    if (target.table.empty() || target.table.find('.') != std::string::npos || dot == 0) {
      return Error(ErrorCode::kConfig,
                   fmt::format("{}:{}: routing {} to '{}': a target is table or database.table",
                               rule->spec.location.file, rule->spec.location.line, source.text(), *name),
                   "Correct sink-table of the route.");
    }
    if (std::find(targets.begin(), targets.end(), target) == targets.end()) targets.push_back(std::move(target));
    if (first_match_) break;
  }
  if (targets.empty()) targets.push_back(source);
  return targets;
}

}  // namespace sluice
