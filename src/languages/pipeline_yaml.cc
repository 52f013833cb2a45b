// SPDX-License-Identifier: Apache-2.0
#include "languages/pipeline_yaml.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/secrets.h"
#include "config/yaml.h"
#include "languages/pipeline_options.h"
#include "languages/schema_change_tags.h"

namespace sluice {
namespace {

using Kind = YamlNode::Kind;

bool equals_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// "\*" stands for '*', which YAML would take for an alias. Text in quotes is left alone.
std::string without_star_escapes(std::string_view projection) {
  std::string text;
  bool quoted = false;
  for (size_t i = 0; i < projection.size(); ++i) {
    if (projection[i] == '\'') quoted = !quoted;
    if (!quoted && projection[i] == '\\' && i + 1 < projection.size() && projection[i + 1] == '*') continue;
    text += projection[i];
  }
  return text;
}

// True if the word occurs in the expression as a whole word, without case.
bool mentions(std::string_view expression, std::string_view word) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t at = 0; at + word.size() <= expression.size(); ++at) {
    if (!equals_without_case(expression.substr(at, word.size()), word)) continue;
    const size_t end = at + word.size();
    if ((at == 0 || !is_word(expression[at - 1])) && (end == expression.size() || !is_word(expression[end])))
      return true;
  }
  return false;
}

class PipelineParser {
 public:
  PipelineParser(std::string file_name, Problems& problems) : problems_(problems) { spec_.file = std::move(file_name); }

  JobSpec parse(const YamlNode& root, bool with_source) {
    std::vector<std::string_view> blocks = {"sink", "route", "transform", "pipeline"};
    if (with_source) blocks.insert(blocks.begin(), "source");
    for (const YamlEntry& entry : root.entries) {
      if (std::find(blocks.begin(), blocks.end(), entry.key) == blocks.end()) unknown_key(entry, "", blocks);
    }
    if (with_source) parse_connector(root, "source", spec_.source);
    parse_connector(root, "sink", spec_.sink);
    for_each_rule(root, "route", [&](const YamlNode& rule) { parse_route(rule); });
    for_each_rule(root, "transform", [&](const YamlNode& rule) { parse_transform(rule); });
    parse_pipeline(root);
    return std::move(spec_);
  }

 private:
  Location at(int line) const { return {spec_.file, line}; }

  void unknown_key(const YamlEntry& entry, std::string_view block, const std::vector<std::string_view>& known) {
    const std::string_view closest = closest_name(entry.key, known);
    std::string listed;
    for (const std::string_view name : known) listed.append(listed.empty() ? "" : ", ").append(name);
    problems_.error(
        at(entry.line), entry.key, fmt::format("unknown key '{}'{}{}", entry.key, block.empty() ? "" : " in ", block),
        closest.empty() ? fmt::format("Possible are {}.", listed) : fmt::format("Did you mean '{}'?", closest));
  }

  // A scalar, or nothing; lists are joined where `list_allowed`. Null after reporting another kind.
  std::optional<std::string> text_of(std::string_view key, const YamlNode& node, int line, bool list_allowed) {
    if (node.kind == Kind::kNull) return std::string();
    if (node.kind == Kind::kScalar) return node.text;
    if (node.kind == Kind::kList && list_allowed) {
      std::string joined;
      bool first = true;
      for (const YamlNode& item : node.items) {
        if (item.kind != Kind::kScalar) {
          problems_.error(
              at(item.line), std::string(key),
              fmt::format("'{}' must be a list of values, but an item is {}", key, yaml_kind_name(item.kind)));
          return std::nullopt;
        }
        if (!first) joined += ',';
        first = false;
        for (const char c : item.text) joined.append(c == ',' ? "\\," : std::string(1, c));
      }
      return joined;
    }
    problems_.error(at(line), std::string(key),
                    fmt::format("'{}' must be a value{}, not {}", key, list_allowed ? " or a list" : "",
                                yaml_kind_name(node.kind)));
    return std::nullopt;
  }

  // Adds what is below the node as settings with dotted keys.
  void flatten(const std::string& key, const YamlNode& node, int line, Settings& settings) {
    if (node.kind == Kind::kMap) {
      for (const YamlEntry& entry : node.entries) flatten(key + '.' + entry.key, entry.value, entry.line, settings);
      return;
    }
    if (auto text = text_of(key, node, line, true)) settings.entries.push_back({key, std::move(*text), at(line)});
  }

  void parse_connector(const YamlNode& root, std::string_view block, ConnectorSpec& connector) {
    const auto entry =
        std::find_if(root.entries.begin(), root.entries.end(), [&](const YamlEntry& e) { return e.key == block; });
    if (entry == root.entries.end()) {
      problems_.error(at(1), std::string(block), fmt::format("block '{}' is missing", block),
                      fmt::format("Add '{}:' with at least 'type'.", block));
      return;
    }
    connector.location = at(entry->line);
    connector.settings.location = connector.location;
    if (!is_map(*entry)) return;
    const YamlEntry* type = nullptr;
    for (const YamlEntry& setting : entry->value.entries) {
      if (setting.key == "type") {
        type = &setting;
        connector.type = text_of("type", setting.value, setting.line, false).value_or("?");
      } else if (setting.key == "name") {
        connector.name = text_of("name", setting.value, setting.line, false).value_or("");
      } else if (block == "sink" && setting.key == "include.schema.changes") {
        include_tags(setting, connector);
      } else if (block == "sink" && setting.key == "exclude.schema.changes") {
        spec_.pipeline.exclude_given = true;
        connector.exclude_schema_changes = tags_of(setting);
      } else {
        flatten(setting.key, setting.value, setting.line, connector.settings);
      }
    }
    if (type == nullptr || connector.type.empty()) {
      problems_.error(type == nullptr ? connector.location : at(type->line), "type",
                      fmt::format("'{}' has no 'type'", block), "'sluice connectors' lists every type.");
    }
    for (Setting& setting : connector.settings.entries) resolve_references(setting, problems_);
  }

  bool is_map(const YamlEntry& entry) {
    if (entry.value.kind == Kind::kMap) return true;
    problems_.error(at(entry.line), entry.key,
                    fmt::format("'{}' must be a map, not {}", entry.key, yaml_kind_name(entry.value.kind)));
    return false;
  }

  std::vector<std::string> tags_of(const YamlEntry& entry) {
    std::vector<std::string> tags;
    for (const std::string& word : split_list(text_of(entry.key, entry.value, entry.line, true).value_or(""))) {
      const auto expanded = expand_schema_change_tag(word);
      if (expanded.empty()) {
        const auto words = schema_change_words();
        const std::string_view closest = closest_name(word, words);
        problems_.error(at(entry.line), entry.key, fmt::format("'{}': unknown schema change '{}'", entry.key, word),
                        closest.empty() ? fmt::format("Possible are {}.", fmt::join(words, ", "))
                                        : fmt::format("Did you mean '{}'?", closest));
      }
      for (const std::string_view tag : expanded) {
        if (std::find(tags.begin(), tags.end(), tag) == tags.end()) tags.emplace_back(tag);
      }
    }
    return tags;
  }

  void include_tags(const YamlEntry& entry, ConnectorSpec& connector) {
    connector.include_schema_changes = tags_of(entry);
    auto& tags = connector.include_schema_changes;
    // Without its table no other change of a table could be followed; `exclude` can still forbid it.
    if (!tags.empty() && std::find(tags.begin(), tags.end(), "create.table") == tags.end())
      tags.emplace_back("create.table");
  }

  template <typename Parse>
  void for_each_rule(const YamlNode& root, std::string_view block, Parse parse) {
    for (const YamlEntry& entry : root.entries) {
      if (entry.key != block || entry.value.kind == Kind::kNull) continue;
      if (entry.value.kind != Kind::kList) {
        problems_.error(at(entry.line), entry.key,
                        fmt::format("'{}' must be a list, not {}", block, yaml_kind_name(entry.value.kind)),
                        "Begin each rule with '- '.");
        continue;
      }
      for (const YamlNode& rule : entry.value.items) {
        if (rule.kind == Kind::kMap) {
          parse(rule);
        } else {
          problems_.error(at(rule.line), entry.key,
                          fmt::format("a rule of '{}' must be a map, not {}", block, yaml_kind_name(rule.kind)));
        }
      }
    }
  }

  // The text of each known key of a rule; unknown keys and missing required ones (the first `required` names) are
  // reported.
  struct Field {
    std::string text;
    int line = 0;  // 0: not given
  };
  std::vector<Field> fields_of(const YamlNode& rule, std::string_view block, const std::vector<std::string_view>& names,
                               size_t required) {
    std::vector<Field> fields(names.size());
    for (const YamlEntry& entry : rule.entries) {
      const auto found = std::find(names.begin(), names.end(), entry.key);
      if (found == names.end()) {
        unknown_key(entry, block, names);
        continue;
      }
      const bool list_allowed = entry.key.ends_with("-keys") || entry.key == "table-options";
      Field& field = fields[static_cast<size_t>(found - names.begin())];
      field.line = entry.line;
      if (auto text = text_of(entry.key, entry.value, entry.line, list_allowed)) {
        field.text = std::move(*text);
      } else {
        field.text = "?";  // reported; not also missing
      }
    }
    for (size_t i = 0; i < required; ++i) {
      if (!fields[i].text.empty()) continue;
      problems_.error(at(fields[i].line > 0 ? fields[i].line : rule.line), std::string(names[i]),
                      fmt::format("'{}' needs '{}'", block, names[i]));
    }
    return fields;
  }

  void parse_route(const YamlNode& rule) {
    auto fields = fields_of(rule, "route", {"source-table", "sink-table", "replace-symbol", "description"}, 2);
    RouteSpec route{std::move(fields[0].text), std::move(fields[1].text), std::move(fields[2].text), at(rule.line)};
    if (!route.replace_symbol.empty() && route.sink_table.find(route.replace_symbol) == std::string::npos) {
      problems_.warn(at(fields[2].line), "replace-symbol",
                     fmt::format("'sink-table' does not contain the 'replace-symbol' '{}'", route.replace_symbol),
                     "Every table of this route goes to one and the same target.");
    }
    spec_.routes.push_back(std::move(route));
  }

  void parse_transform(const YamlNode& rule) {
    auto fields = fields_of(rule, "transform",
                            {"source-table", "projection", "filter", "primary-keys", "partition-keys", "table-options",
                             "table-options.delimiter", "converter-after-transform", "description"},
                            1);
    TransformSpec transform;
    transform.source_table = std::move(fields[0].text);
    transform.projection = without_star_escapes(fields[1].text);
    transform.filter = std::move(fields[2].text);
    transform.primary_keys = split_list(fields[3].text);
    if (fields[4].line > 0) {
      problems_.warn(at(fields[4].line), "partition-keys", "'partition-keys' has no effect",
                     "Target tables are created without partitions; the rows are the same.");
    }
    if (fields[5].line > 0) {
      problems_.warn(at(fields[5].line), "table-options", "'table-options' has no effect",
                     "Target tables are created with the server's own settings; the rows are the same.");
    }
    const Field& converter = fields[7];
    transform.soft_delete = equals_without_case(converter.text, "SOFT_DELETE");
    if (!converter.text.empty() && !transform.soft_delete) {
      problems_.error(at(converter.line), "converter-after-transform",
                      fmt::format("'converter-after-transform': unknown converter '{}'", converter.text),
                      "The only one is SOFT_DELETE.");
    }
    transform.location = at(rule.line);
    spec_.transforms.push_back(std::move(transform));
  }

  void parse_pipeline(const YamlNode& root) {
    Settings settings{at(0), {}};
    for (const YamlEntry& block : root.entries) {
      if (block.key != "pipeline" || block.value.kind == Kind::kNull) continue;
      settings.location = at(block.line);
      if (!is_map(block)) continue;
      for (const YamlEntry& entry : block.value.entries) {
        if (entry.key == "user-defined-function" || entry.key == "model") {
          refuse_definitions(entry);
        } else {
          flatten(entry.key, entry.value, entry.line, settings);
        }
      }
    }
    const auto options = parse_options<PipelineOptions>(settings, "the pipeline", problems_);
    const bool exclude_given = spec_.pipeline.exclude_given;
    spec_.pipeline = to_pipeline_spec(options);
    spec_.pipeline.exclude_given = exclude_given;
    check_compatibility(options, settings);
  }

  // Functions and models run in another system; what no expression calls changes nothing and is only warned of.
  void refuse_definitions(const YamlEntry& block) {
    const bool is_model = block.key == "model";
    const std::string_view noun = is_model ? "model" : "user-defined function";
    if (block.value.kind == Kind::kNull) return;
    if (block.value.kind != Kind::kList) {
      problems_.error(at(block.line), block.key,
                      fmt::format("'{}' must be a list, not {}", block.key, yaml_kind_name(block.value.kind)),
                      "Begin each entry with '- '.");
      return;
    }
    for (const YamlNode& definition : block.value.items) {
      const YamlNode* name = definition.find(is_model && definition.find("name") == nullptr ? "model-name" : "name");
      if (name == nullptr || name->text.empty()) {
        problems_.error(at(definition.line), "", fmt::format("a {} needs 'name'", noun));
        continue;
      }
      if (is_called(name->text)) {
        problems_.error(
            at(definition.line), "",
            fmt::format("{} '{}' cannot be called: {}", noun, name->text,
                        is_model ? "models are not supported" : "Java classes and Python code are not supported"),
            "Write the expression with built-in functions.");
      } else {
        problems_.warn(at(definition.line), "", fmt::format("{} '{}' has no effect", noun, name->text),
                       "No transform calls it.");
      }
    }
  }

  bool is_called(std::string_view name) const {
    return std::any_of(spec_.transforms.begin(), spec_.transforms.end(), [&](const TransformSpec& transform) {
      return mentions(transform.projection, name) || mentions(transform.filter, name);
    });
  }

  static const Setting* find_setting(const Settings& settings, std::string_view key) {
    for (const Setting& setting : settings.entries) {
      if (setting.key == key) return &setting;
    }
    return nullptr;
  }

  void check_compatibility(const PipelineOptions& options, const Settings& settings) {
    if (options.runtime_mode == "BATCH") {
      const Setting* mode = find_setting(spec_.source.settings, "scan.startup.mode");
      if (mode == nullptr || !equals_without_case(mode->value, "snapshot")) {
        problems_.error(find_setting(settings, "execution.runtime-mode")->location, "execution.runtime-mode",
                        "'execution.runtime-mode' BATCH needs a source that ends",
                        "Set 'scan.startup.mode: snapshot' in the source, or leave the runtime mode away.");
      }
    }
    if (!options.partitioning.empty() && options.partitioning != "SINK_DEFINED") {
      problems_.warn(find_setting(settings, "sink.partitioning.strategy")->location, "sink.partitioning.strategy",
                     fmt::format("'sink.partitioning.strategy' {} has no effect", options.partitioning),
                     "Changes of one key always stay in order; the sink decides how keys are spread.");
    }
    if (options.decimal_mode == "UP_TO_19") {
      problems_.warn(find_setting(settings, "transform.decimal.precision.mode")->location,
                     "transform.decimal.precision.mode", "'transform.decimal.precision.mode' UP_TO_19 has no effect",
                     "Computed decimals keep all their digits instead of becoming NULL beyond 19.");
    }
  }

  Problems& problems_;
  JobSpec spec_;
};

}  // namespace

std::optional<JobSpec> parse_pipeline_yaml(std::string file_name, std::string_view text, Problems& problems) {
  const auto root = parse_yaml(file_name, text, problems);
  if (!root) return std::nullopt;
  return parse_pipeline(std::move(file_name), *root, true, problems);
}

std::optional<JobSpec> parse_pipeline(std::string file_name, const YamlNode& root, bool with_source,
                                      Problems& problems) {
  if (root.kind == Kind::kMap) return PipelineParser(std::move(file_name), problems).parse(root, with_source);
  problems.error({file_name, std::max(root.line, 1)}, "",
                 root.kind == Kind::kNull ? "the file is empty"
                                          : fmt::format("a job must be a map, not {}", yaml_kind_name(root.kind)),
                 with_source ? "A job needs at least the blocks 'source' and 'sink'."
                             : "The file of a sink needs at least the block 'sink'.");
  return std::nullopt;
}

std::vector<OptionHelp> pipeline_option_help() { return option_help<PipelineOptions>(); }

}  // namespace sluice
