// SPDX-License-Identifier: Apache-2.0
#include "transform/rule_changes.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "connector/table_selector.h"
#include "transform/expression_tokens.h"
#include "transform/router.h"

namespace sluice {

namespace {

using nlohmann::json;

std::string digest(std::string_view text) { return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size())); }

// Of an expression's words, however they are set apart.
std::string expression_digest(const std::string& text) {
  if (text.empty()) return {};
  std::string words;
  if (const auto tokens = tokenize(text)) {
    for (const auto& token : *tokens) {
      words += static_cast<char>('0' + static_cast<int>(token.kind));
      words += token.text;
      words += '\0';
    }
  }
  return digest(words);
}

// What one rule makes of rows. The default is what no rule makes of them.
struct Effect {
  std::string projection;  // digests; empty: everything as it is
  std::string filter;
  std::string keys;
  bool soft_delete = false;
};

Effect effect_of(const TransformSpec& spec) {
  Effect effect{expression_digest(spec.projection == "*" ? "" : spec.projection),
                expression_digest(spec.filter),
                {},
                spec.soft_delete};
  if (!spec.primary_keys.empty()) effect.keys = digest(fmt::format("{}", fmt::join(spec.primary_keys, ",")));
  return effect;
}

struct Rule {
  TableSelector selector;
  Effect effect;
  std::string place;
};

// All that decides what becomes of a row.
struct Rules {
  std::string settings;
  std::vector<Rule> transforms;
  std::unique_ptr<Router> router;

  const Rule* find(const TableId& table) const {
    for (const auto& rule : transforms) {
      if (rule.selector.matches(table)) return &rule;
    }
    return nullptr;
  }
};

std::string settings_digest(const JobSpec& spec) {
  return digest(fmt::format("{} {}", spec.pipeline.flink_semantics, spec.pipeline.local_time_zone));
}

Error unreadable() {
  return Error(ErrorCode::kState, "the ledger's description of the job's rules cannot be read",
               "It was changed by hand or by a newer version; start the job anew with --reset.");
}

Result<Rules> rules_of(const JobSpec& spec) {
  Rules rules{settings_digest(spec), {}, nullptr};
  for (const auto& transform : spec.transforms) {
    ASSIGN_OR_RETURN(auto selector, TableSelector::compile(transform.source_table));
    rules.transforms.push_back({std::move(selector), effect_of(transform),
                                fmt::format("{}:{}", transform.location.file, transform.location.line)});
  }
  Problems problems;
  rules.router = Router::compile(spec.routes, spec.pipeline.route_first_match, problems);
  if (rules.router == nullptr) return problems.as_error();
  return rules;
}

Result<Rules> read_rules(const std::string& text) {
  try {
    const json in = json::parse(text);
    if (in.at("v").get<int>() != 1) return unreadable();
    Rules rules{in.at("settings").get<std::string>(), {}, nullptr};
    for (const auto& entry : in.at("transform")) {
      auto selector = TableSelector::compile(entry.at("tables").get<std::string>());
      if (!selector) return unreadable();
      const Effect effect{entry.at("projection").get<std::string>(), entry.at("filter").get<std::string>(),
                          entry.at("keys").get<std::string>(), entry.at("soft-delete").get<bool>()};
      rules.transforms.push_back({std::move(*selector), effect, {}});
    }
    std::vector<RouteSpec> routes;
    for (const auto& entry : in.at("route")) {
      routes.push_back({entry.at("from").get<std::string>(),
                        entry.at("to").get<std::string>(),
                        entry.at("symbol").get<std::string>(),
                        {}});
    }
    Problems problems;
    rules.router = Router::compile(routes, in.at("first-match").get<bool>(), problems);
    if (rules.router == nullptr) return unreadable();
    return rules;
  } catch (const std::exception&) {
    return unreadable();
  }
}

void compare(const Rules& before, const Rules& now, const TableId& table, std::vector<std::string>& changes) {
  const Rule* old_rule = before.find(table);
  const Rule* rule = now.find(table);
  const Effect old_effect = old_rule != nullptr ? old_rule->effect : Effect();
  const Effect effect = rule != nullptr ? rule->effect : Effect();
  const auto report = [&](std::string_view what) {
    changes.push_back(
        fmt::format("the {} of {}{}", what, table.text(),
                    rule != nullptr ? fmt::format(" ({})", rule->place) : ", which has no rule any more"));
  };
  if (effect.projection != old_effect.projection) report("projection");
  if (effect.filter != old_effect.filter) report("filter");
  if (effect.keys != old_effect.keys) report("primary key");
  if (effect.soft_delete != old_effect.soft_delete) report("converter-after-transform");
  const bool computes = !effect.projection.empty() || !effect.filter.empty();
  if (computes && before.settings != now.settings) report("transform.semantics or local-time-zone");
}

Result<> compare_routes(const Rules& before, const Rules& now, const TableId& table,
                        std::vector<std::string>& changes) {
  ASSIGN_OR_RETURN(const auto old_targets, before.router->targets(table));
  ASSIGN_OR_RETURN(const auto targets, now.router->targets(table));
  if (old_targets == targets) return {};
  std::vector<std::string> names;
  for (const auto& target : old_targets) names.push_back(target.text());
  changes.push_back(fmt::format("the route of {}, which led to {}", table.text(), fmt::join(names, " and ")));
  return {};
}

}  // namespace

std::string describe_rules(const JobSpec& spec) {
  json out = {{"v", 1},
              {"settings", settings_digest(spec)},
              {"first-match", spec.pipeline.route_first_match},
              {"transform", json::array()},
              {"route", json::array()}};
  for (const auto& transform : spec.transforms) {
    const Effect effect = effect_of(transform);
    out["transform"].push_back({{"tables", transform.source_table},
                                {"projection", effect.projection},
                                {"filter", effect.filter},
                                {"keys", effect.keys},
                                {"soft-delete", effect.soft_delete}});
  }
  for (const auto& route : spec.routes) {
    out["route"].push_back({{"from", route.source_table}, {"to", route.sink_table}, {"symbol", route.replace_symbol}});
  }
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::vector<std::string>> changed_rules(const std::string& before, const JobSpec& spec,
                                               std::span<const TableId> tables) {
  std::vector<std::string> changes;
  ASSIGN_OR_RETURN(const Rules old_rules, read_rules(before));
  ASSIGN_OR_RETURN(const Rules rules, rules_of(spec));
  for (const auto& table : tables) {
    compare(old_rules, rules, table, changes);
    RETURN_IF_ERROR(compare_routes(old_rules, rules, table, changes));
  }
  return changes;
}

}  // namespace sluice
