// SPDX-License-Identifier: Apache-2.0
#include "cli/connectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "config/duration.h"
#include "languages/pipeline_yaml.h"

namespace sluice {
namespace {

struct Section {
  std::string title;
  std::vector<OptionHelp> options;
};
struct Page {
  std::string name;
  std::string summary;
  std::vector<Section> sections;
};

std::optional<Page> find_page(const ConnectorRegistry& registry, const std::string& name) {
  if (name == "pipeline") {
    return Page{name, "Keys of the block 'pipeline' in a job file.", {{"Keys", pipeline_option_help()}}};
  }
  const ConnectorInfo* info = registry.find(name);
  if (info == nullptr) return std::nullopt;
  Page page{name, std::string(info->summary), {}};
  if (info->source_options) page.sections.push_back({"As a source", info->source_options()});
  if (info->sink_options) page.sections.push_back({"As a sink", info->sink_options()});
  return page;
}

bool is_required(const OptionHelp& option) {
  return !option.info.default_value && !option.info.optional && option.info.ignored_because.empty() &&
         !option.info.name.ends_with(".*");
}

std::string default_text(const OptionHelp& option) {
  if (is_required(option)) return "required";
  return std::string(option.info.default_value.value_or(""));
}

// "1 to 65535", "at least 10ms" or nothing.
std::string range_text(const OptionHelp& option) {
  const bool is_duration = option.type == "duration";
  const auto bound = [&](int64_t value) {
    return is_duration ? duration_text(std::chrono::milliseconds(value)) : fmt::format("{}", value);
  };
  const bool has_min = option.info.min != std::numeric_limits<int64_t>::min();
  const bool has_max = option.info.max != std::numeric_limits<int64_t>::max();
  if (has_min && has_max) return fmt::format("{} to {}", bound(option.info.min), bound(option.info.max));
  if (has_min) return "at least " + bound(option.info.min);
  return has_max ? "at most " + bound(option.info.max) : "";
}

// Everything about an option beyond type, default and range, as sentences.
std::vector<std::string> sentences(const OptionHelp& option) {
  std::vector<std::string> all = {std::string(option.info.summary)};
  if (!option.info.allowed.empty()) all.push_back(fmt::format("One of: {}.", fmt::join(option.info.allowed, ", ")));
  if (option.info.secret) all.emplace_back("Never printed; best given as ${env:NAME} or ${file:PATH}.");
  if (!option.info.aliases.empty())
    all.push_back(fmt::format("Also called: {}.", fmt::join(option.info.aliases, ", ")));
  if (!option.info.ignored_because.empty()) {
    all.push_back(fmt::format("No effect: {}", option.info.ignored_because));
  }
  return all;
}

// Required options first, those without effect last.
std::vector<OptionHelp> in_order(std::vector<OptionHelp> options) {
  std::stable_sort(options.begin(), options.end(), [](const OptionHelp& a, const OptionHelp& b) {
    const auto rank = [](const OptionHelp& option) {
      return is_required(option) ? 0 : option.info.ignored_because.empty() ? 1 : 2;
    };
    return rank(a) < rank(b);
  });
  return options;
}

std::string markdown_cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '*') cell += '\\';
    cell += c;
  }
  return cell;
}

}  // namespace

std::string connectors_table(const ConnectorRegistry& registry) {
  size_t width = std::string_view("CONNECTOR").size();
  for (const ConnectorInfo& info : registry.all()) width = std::max(width, info.type.size());
  std::string text = fmt::format("{:{}}  SOURCE  SINK  MEANING\n", "CONNECTOR", width);
  for (const ConnectorInfo& info : registry.all()) {
    text += fmt::format("{:{}}  {:6}  {:4}  {}\n", info.type, width, info.make_source ? "yes" : "-",
                        info.make_sink ? "yes" : "-", info.summary);
  }
  return text + "\n'sluice connectors NAME' lists the options of one, 'sluice connectors pipeline' those of a job.\n";
}

std::optional<std::string> connector_text(const ConnectorRegistry& registry, const std::string& name) {
  const auto page = find_page(registry, name);
  if (!page) return std::nullopt;
  std::string text = fmt::format("{}: {}\n", page->name, page->summary);
  for (const Section& section : page->sections) {
    text += fmt::format("\n{}:\n", section.title);
    for (const OptionHelp& option : in_order(section.options)) {
      text += fmt::format("\n  {}  {}", option.info.name, option.type);
      if (is_required(option)) text += ", required";
      if (option.info.default_value) text += fmt::format(", default {}", *option.info.default_value);
      if (const std::string range = range_text(option); !range.empty()) text += ", " + range;
      text += '\n';
      for (const std::string& sentence : sentences(option)) text += "      " + sentence + '\n';
    }
  }
  return text;
}

std::optional<std::string> connector_markdown(const ConnectorRegistry& registry, const std::string& name) {
  const auto page = find_page(registry, name);
  if (!page) return std::nullopt;
  std::string text =
      fmt::format("<!-- Generated by 'sluice connectors {0} --markdown'; do not edit. -->\n# {0}\n\n{1}\n", page->name,
                  page->summary);
  for (const Section& section : page->sections) {
    text += fmt::format("\n## {}\n\n| option | type | default | meaning |\n|---|---|---|---|\n", section.title);
    for (const OptionHelp& option : in_order(section.options)) {
      std::string meaning = markdown_cell(fmt::format("{}", fmt::join(sentences(option), " ")));
      if (const std::string range = range_text(option); !range.empty()) meaning += fmt::format(" Range: {}.", range);
      const std::string value = default_text(option);
      text += fmt::format("| `{}` | {} | {} | {} |\n", option.info.name, option.type,
                          value.empty() || is_required(option) ? value : "`" + value + "`", meaning);
    }
  }
  return text;
}

int connectors_command(const Command& command, const ConnectorRegistry& registry) {
  if (command.connector.empty()) {
    fmt::print(stdout, "{}", connectors_table(registry));
    return 0;
  }
  const auto text =
      command.markdown ? connector_markdown(registry, command.connector) : connector_text(registry, command.connector);
  if (text) {
    fmt::print(stdout, "{}", *text);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const ConnectorInfo& info : registry.all()) names.push_back(info.type);
  const std::string_view closest = closest_name(command.connector, names);
  fmt::print(stderr, "unknown connector '{}'\n  hint: {}\n", command.connector,
             closest.empty() ? "'sluice connectors' lists every one." : fmt::format("Did you mean '{}'?", closest));
  return 2;
}

}  // namespace sluice
