// SPDX-License-Identifier: Apache-2.0
#include "cli/verify_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace sluice {
namespace {

std::string_view result_of(const TableVerdict& verdict) {
  if (verdict.equal()) return "equal";
  return verdict.differences() > 0 ? "different" : "unknown";
}

std::string_view kind_of(const Difference& difference) {
  if (difference.target.count == 0) return "missing in target";
  return difference.source.count == 0 ? "only in target" : "different";
}

}  // namespace

std::string verdict_text(const TableVerdict& verdict) {
  if (verdict.no_table) return fmt::format("{}: cannot tell yet, the target has no such table", verdict.target.text());
  if (verdict.equal()) {
    return fmt::format("{}: equal, {} rows{}", verdict.target.text(), verdict.rows,
                       verdict.hashed == 0 ? "" : fmt::format(", {} of them by hashes of the servers", verdict.hashed));
  }
  return fmt::format("{}: {}, {} rows at the source; {} missing, {} surplus, {} with other values, {} still changing{}",
                     verdict.target.text(), verdict.differences() > 0 ? "DIFFERENT" : "cannot tell yet", verdict.rows,
                     verdict.missing, verdict.surplus, verdict.different, verdict.unsettled,
                     verdict.copying ? " (its first copy has not ended)" : "");
}

std::vector<std::string> difference_texts(const TableVerdict& verdict) {
  std::vector<std::string> lines;
  for (const auto& named : verdict.named) {
    std::string key;
    for (const auto& [column, value] : named.key) {
      key += fmt::format("{}{}={}", key.empty() ? "" : ", ", column, value.value_or("NULL"));
    }
    std::string how;
    if (!named.columns.empty()) how = fmt::format(" in {}", fmt::join(named.columns, ", "));
    const auto& [source, target] = named.difference;
    if (source.count > 1 || target.count > 1) {
      how += fmt::format(" ({} times in the source, {} in the target)", source.count, target.count);
    }
    lines.push_back(fmt::format("{}: {}: {}{}", verdict.target.text(), kind_of(named.difference), key, how));
  }
  if (!lines.empty() && lines.size() < verdict.differences()) {
    lines.push_back(fmt::format("{}: and {} more", verdict.target.text(), verdict.differences() - lines.size()));
  }
  return lines;
}

std::vector<std::string> json_lines(const TableVerdict& verdict) {
  using Json = nlohmann::ordered_json;
  std::vector<std::string> lines;
  const auto add = [&](const Json& json) {
    lines.push_back(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  for (const auto& named : verdict.named) {
    Json key = Json::object();
    for (const auto& [column, value] : named.key) key[column] = value ? Json(*value) : Json();
    add({{"table", verdict.target.text()},
         {"difference", kind_of(named.difference)},
         {"key", std::move(key)},
         {"columns", named.columns},
         {"in_source", named.difference.source.count},
         {"in_target", named.difference.target.count}});
  }
  add({{"table", verdict.target.text()},
       {"result", result_of(verdict)},
       {"rows", verdict.rows},
       {"hashed", verdict.hashed},
       {"missing", verdict.missing},
       {"only_in_target", verdict.surplus},
       {"different", verdict.different},
       {"unsettled", verdict.unsettled}});
  return lines;
}

}  // namespace sluice
