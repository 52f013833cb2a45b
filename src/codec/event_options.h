// SPDX-License-Identifier: Apache-2.0
// The options of sinks that write Debezium's events, with the names that Debezium's connectors give them. A sink's
// options derive from EventOptions and make their table with with_event_options().
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "codec/debezium_options.h"
#include "config/option.h"
#include "connector/source.h"

namespace sluice {

struct EventOptions {
  std::optional<std::string> topic_prefix;
  bool schemas = true;
  std::string decimals;
  std::optional<std::string> times;
  std::string binaries;
  std::string unsigned_bigint;
  std::string intervals;
  std::string hstores;
  std::string placeholder;
  std::vector<std::string> skipped;
  bool skip_unchanged = false;
  std::shared_ptr<const ColumnRules> columns;  // of the options column.* and message.key.columns; null: none
  // Read by ColumnRules from the settings.
  std::optional<std::string> column_include;
  std::optional<std::string> column_exclude;
  std::map<std::string, std::string> column_truncate;
  std::map<std::string, std::string> column_mask;
  std::optional<std::string> column_propagate;
  std::optional<std::string> type_propagate;
  std::optional<std::string> key_columns;

  static std::span<const Option<EventOptions>> options();
  // What options() cannot say; makes `columns`.
  void check_events(const Settings& settings, Problems& problems);
  bool tells_truncation() const { return std::ranges::find(skipped, "t") == skipped.end(); }
  // `job` is the logical name where no other is given.
  DebeziumOptions events(const SourceDescription& source, const std::string& job) const;
};

// The sink's own options and those of events, of which `schemas_enable` is the default of schemas.enable.
template <typename T>
std::vector<Option<T>> with_event_options(std::vector<Option<T>> own, std::string_view schemas_enable = "true") {
  for (const auto& option : EventOptions::options()) {
    own.push_back({option.info, std::visit([](auto member) { return OptionMember<T>(member); }, option.member)});
    if (option.info.name == "schemas.enable") own.back().info.default_value = schemas_enable;
  }
  return own;
}

}  // namespace sluice
