// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "config/duration.h"

namespace sluice {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool equals_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return lower(x) == lower(y);
  });
}

// The value as it may appear in a message.
std::string shown(const OptionInfo& info, const Setting& setting) {
  constexpr size_t kLongestShown = 80;
  if (info.secret || setting.from_reference) return "its value";
  if (setting.value.size() > kLongestShown) return "'" + setting.value.substr(0, kLongestShown) + "...'";
  return "'" + setting.value + "'";
}

bool refuse(const OptionInfo& info, const Setting& setting, Problems& problems, std::string_view why,
            std::string suggestion) {
  problems.error(setting.location, setting.key,
                 fmt::format("option '{}': {} {}", setting.key, shown(info, setting), why), std::move(suggestion));
  return false;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

// Replaces `value` by the declared spelling; reports a value that is not allowed.
bool use_allowed(const OptionInfo& info, const Setting& setting, Problems& problems, std::string& value) {
  if (info.allowed.empty()) return true;
  for (const std::string_view allowed : info.allowed) {
    if (equals_without_case(allowed, value)) {
      value = allowed;
      return true;
    }
  }
  const bool may_show = !info.secret && !setting.from_reference;
  const std::string_view closest = may_show ? closest_name(value, info.allowed) : std::string_view();
  return refuse(info, setting, problems, "is not one of the possible values",
                closest.empty() ? fmt::format("Write {}.", joined(info.allowed))
                                : fmt::format("Did you mean '{}'? Possible are {}.", closest, joined(info.allowed)));
}

bool in_range(const OptionInfo& info, const Setting& setting, Problems& problems, double value, bool is_duration) {
  const bool has_min = info.min != std::numeric_limits<int64_t>::min();
  const bool has_max = info.max != std::numeric_limits<int64_t>::max();
  if ((!has_min || value >= static_cast<double>(info.min)) && (!has_max || value <= static_cast<double>(info.max))) {
    return true;
  }
  const auto bound = [&](int64_t number) {
    return is_duration ? duration_text(std::chrono::milliseconds(number)) : fmt::format("{}", number);
  };
  if (has_min && has_max) {
    return refuse(info, setting, problems, "is out of range",
                  fmt::format("Use a value from {} to {}.", bound(info.min), bound(info.max)));
  }
  if (has_min) {
    return refuse(info, setting, problems, "is too small", fmt::format("Use at least {}.", bound(info.min)));
  }
  return refuse(info, setting, problems, "is too large", fmt::format("Use at most {}.", bound(info.max)));
}

struct Match {
  size_t option = 0;
  size_t prefix = 0;  // characters matched by a "name.*" option; 0 for a whole name
};

// Whole names win over prefixes, longer prefixes over shorter ones.
std::optional<Match> find_option(const std::vector<OptionInfo>& options, std::string_view key) {
  std::optional<Match> found;
  for (size_t i = 0; i < options.size(); ++i) {
    const OptionInfo& info = options[i];
    if (info.name.ends_with(".*")) {
      const std::string_view prefix = info.name.substr(0, info.name.size() - 1);
      if (key.size() > prefix.size() && key.starts_with(prefix) && (!found || prefix.size() > found->prefix)) {
        found = Match{i, prefix.size()};
      }
    } else if (info.name == key || std::find(info.aliases.begin(), info.aliases.end(), key) != info.aliases.end()) {
      return Match{i, 0};
    }
  }
  return found;
}

void report_unknown(const std::vector<OptionInfo>& options, const Setting& setting, std::string_view owner,
                    Problems& problems) {
  std::vector<std::string_view> names;
  for (const OptionInfo& info : options) {
    if (info.name.ends_with(".*")) continue;
    names.push_back(info.name);
    names.insert(names.end(), info.aliases.begin(), info.aliases.end());
  }
  const std::string_view closest = closest_name(setting.key, names);
  problems.error(setting.location, setting.key,
                 fmt::format("unknown option '{}'{}{}", setting.key, owner.empty() ? "" : " of ", owner),
                 closest.empty() ? "" : fmt::format("Did you mean '{}'?", closest));
}

void report_repeated(const Setting& first, const Setting& second, Problems& problems) {
  const std::string where = first.location.line > 0 ? fmt::format(" in line {}", first.location.line) : "";
  problems.error(
      second.location, second.key,
      first.key == second.key
          ? fmt::format("option '{}' is given twice, first{}", second.key, where.empty() ? " above" : where)
          : fmt::format("option '{}' is another name of '{}', which is given{} too", second.key, first.key, where),
      "Keep one of the two.");
}

}  // namespace

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, std::string& out) {
  const bool required = !info.default_value && !info.optional;
  if (setting.value.empty() && required && !info.secret) {
    problems.error(setting.location, setting.key, fmt::format("option '{}' is empty", setting.key),
                   fmt::format("Give it a value: {}", info.summary));
    return false;
  }
  std::string value = setting.value;
  if (!use_allowed(info, setting, problems, value)) return false;
  out = std::move(value);
  return true;
}

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, int64_t& out) {
  const std::string_view text = trimmed(setting.value);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range && end == text.data() + text.size()) {
    return refuse(info, setting, problems, "does not fit into 64 bits", "Use a smaller number.");
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return refuse(info, setting, problems, "is not a whole number", "Write digits only, without unit or separator.");
  }
  if (value < info.min || value > info.max) {
    return in_range(info, setting, problems, static_cast<double>(value), false);
  }
  out = value;
  return true;
}

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, double& out) {
  const std::string_view text = trimmed(setting.value);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return refuse(info, setting, problems, "is not a number", "Write a number such as 0.05 or 1000.");
  }
  if (!in_range(info, setting, problems, value, false)) return false;
  out = value;
  return true;
}

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, bool& out) {
  const std::string_view text = trimmed(setting.value);
  const bool is_true = equals_without_case(text, "true");
  if (!is_true && !equals_without_case(text, "false")) {
    return refuse(info, setting, problems, "is not a truth value", "Write true or false.");
  }
  out = is_true;
  return true;
}

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems,
                    std::chrono::milliseconds& out) {
  const DurationText parsed = parse_duration(setting.value);
  if (!parsed.value) return refuse(info, setting, problems, parsed.why, std::string(parsed.suggestion));
  if (!in_range(info, setting, problems, static_cast<double>(parsed.value->count()), true)) return false;
  out = *parsed.value;
  return true;
}

bool convert_option(const OptionInfo& info, const Setting& setting, Problems& problems, std::vector<std::string>& out) {
  std::vector<std::string> items;
  bool good = true;
  for (std::string& item : split_list(setting.value)) {
    const Setting one{setting.key, item, setting.location, setting.from_reference};
    good = use_allowed(info, one, problems, item) && good;
    items.push_back(std::move(item));
  }
  if (good) out = std::move(items);
  return good;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  std::string item;
  const auto finish = [&] {
    if (const std::string_view content = trimmed(item); !content.empty()) items.emplace_back(content);
    item.clear();
  };
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == ',') {
      item += text[++i];
    } else if (text[i] == ',') {
      finish();
    } else {
      item += text[i];
    }
  }
  finish();
  return items;
}

std::vector<std::vector<const Setting*>> assign_settings(const std::vector<OptionInfo>& options,
                                                         const Settings& settings, std::string_view owner,
                                                         Problems& problems) {
  std::vector<std::vector<const Setting*>> assigned(options.size());
  for (const Setting& setting : settings.entries) {
    const auto match = find_option(options, setting.key);
    if (!match) {
      report_unknown(options, setting, owner, problems);
      continue;
    }
    const OptionInfo& info = options[match->option];
    auto& found = assigned[match->option];
    const auto same = std::find_if(found.begin(), found.end(), [&](const Setting* earlier) {
      return match->prefix == 0 || earlier->key == setting.key;
    });
    if (same != found.end()) {
      report_repeated(**same, setting, problems);
      continue;
    }
    found.push_back(&setting);
    if (!info.ignored_because.empty()) {
      problems.warn(setting.location, setting.key, fmt::format("option '{}' has no effect", setting.key),
                    std::string(info.ignored_because));
    }
  }
  for (size_t i = 0; i < options.size(); ++i) {
    const OptionInfo& info = options[i];
    const bool required =
        !info.default_value && !info.optional && info.ignored_because.empty() && !info.name.ends_with(".*");
    if (!required || !assigned[i].empty()) continue;
    problems.error(settings.location, std::string(info.name),
                   fmt::format("required option '{}'{}{} is missing", info.name, owner.empty() ? "" : " of ", owner),
                   fmt::format("Add '{}': {}", info.name, info.summary));
  }
  return assigned;
}

}  // namespace sluice
