// SPDX-License-Identifier: Apache-2.0
// A connector's options, declared once as a table of rows. Parsing, validation, `sluice connectors`, the docs page and
// redaction all come from the table; a connector reads typed members.
//
//   struct ShopOptions {
//     std::string hostname;
//     int64_t port = 0;
//     static std::span<const Option<ShopOptions>> options() {
//       using O = Option<ShopOptions>;
//       static const O kOptions[] = {
//           {{.name = "hostname", .summary = "Server to read from."}, &ShopOptions::hostname},
//           {{.name = "port", .summary = "TCP port.", .default_value = "3306", .min = 1, .max = 65535},
//           &ShopOptions::port},
//       };
//       return kOptions;
//     }
//   };
//
// No default and not `optional` means required. A name that ends in ".*" collects every key with that prefix.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/setting.h"

namespace sluice {

struct OptionInfo {
  std::string_view name;
  std::string_view summary;                         // a sentence with a full stop
  std::optional<std::string_view> default_value{};  // text as a user would write it
  bool optional = false;                            // may be absent without default (members std::optional, list, map)
  int64_t min = std::numeric_limits<int64_t>::min();
  int64_t max = std::numeric_limits<int64_t>::max();
  std::vector<std::string_view> allowed{};  // the only values, matched without case; the member gets the spelling here
  bool secret = false;                      // never printed
  std::vector<std::string_view> aliases{};  // older or other products' spellings
  std::string_view ignored_because{};       // accepted for compatibility, without effect: why (a warning says so)
};

template <typename T>
using OptionMember =
    std::variant<std::monostate, std::string T::*, int64_t T::*, double T::*, bool T::*, std::chrono::milliseconds T::*,
                 std::optional<std::string> T::*, std::optional<int64_t> T::*, std::vector<std::string> T::*,
                 std::map<std::string, std::string> T::*>;

template <typename T>
struct Option {
  OptionInfo info;
  OptionMember<T> member;  // monostate only together with `ignored_because`
};

// The kind of a member, for help and docs: "string", "integer", "duration", ...
template <typename T>
std::string_view option_type_name(const OptionMember<T>& member) {
  static constexpr std::string_view kNames[] = {"ignored",  "string", "integer", "number", "boolean",
                                                "duration", "string", "integer", "list",   "map"};
  return kNames[member.index()];
}

// Conversions of one value; on failure they add a problem and return false. Durations: "30s", "500ms", "2 min",
// "PT30S", "1h"; a bare number is milliseconds. Booleans: true/false. Integers take 64MB-like suffixes nowhere.
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, std::string& out);
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, int64_t& out);
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, double& out);
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, bool& out);
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, std::chrono::milliseconds& out);
bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, std::vector<std::string>& out);

// The items of a list value: separated by ',', trimmed, empty ones left out; "\\," is a comma inside an item.
std::vector<std::string> split_list(std::string_view text);

// Which option a key belongs to; reports unknown and repeated keys with a suggestion, missing required ones, and
// ignored ones. Result: for each option the settings that belong to it, in the options' order.
std::vector<std::vector<const Setting*>> assign_settings(const std::vector<OptionInfo>& options,
                                                         const Settings& settings, std::string_view owner,
                                                         Problems& problems);

template <typename T>
std::vector<OptionInfo> option_infos() {
  std::vector<OptionInfo> infos;
  for (const auto& option : T::options()) infos.push_back(option.info);
  return infos;
}

// Fills a T from the settings; every mistake becomes a problem. `owner` names the connector in messages.
template <typename T>
T parse_options(const Settings& settings, std::string_view owner, Problems& problems) {
  T result;
  const auto assigned = assign_settings(option_infos<T>(), settings, owner, problems);
  size_t index = 0;
  for (const auto& option : T::options()) {
    const auto& found = assigned[index++];
    const Setting fallback{std::string(option.info.name), std::string(option.info.default_value.value_or("")),
                           settings.location};
    const Setting* setting = !found.empty() ? found.back() : option.info.default_value ? &fallback : nullptr;
    std::visit(
        [&]<typename M>(const M& member) {
          if constexpr (std::is_same_v<M, std::map<std::string, std::string> T::*>) {
            const size_t prefix = option.info.name.size() - 1;  // without the '*'
            for (const Setting* entry : found) (result.*member)[entry->key.substr(prefix)] = entry->value;
          } else if constexpr (!std::is_same_v<M, std::monostate>) {
            if (setting == nullptr) return;
            if constexpr (std::is_same_v<M, std::optional<std::string> T::*>) {
              std::string value;
              if (convert_option(option.info, *setting, problems, value)) result.*member = std::move(value);
            } else if constexpr (std::is_same_v<M, std::optional<int64_t> T::*>) {
              int64_t value = 0;
              if (convert_option(option.info, *setting, problems, value)) result.*member = value;
            } else {
              convert_option(option.info, *setting, problems, result.*member);
            }
          }
        },
        option.member);
  }
  return result;
}

// For listings: one row per option.
struct OptionHelp {
  OptionInfo info;
  std::string_view type;
};
template <typename T>
std::vector<OptionHelp> option_help() {
  std::vector<OptionHelp> rows;
  for (const auto& option : T::options()) rows.push_back({option.info, option_type_name<T>(option.member)});
  return rows;
}

}  // namespace sluice
