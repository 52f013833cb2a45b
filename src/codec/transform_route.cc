// SPDX-License-Identifier: Apache-2.0
// RegexRouter and ByLogicalTableRouter: other names of topics.
#include <fmt/format.h>

#include "codec/java_regex.h"
#include "codec/record_transforms.h"

namespace sluice {
namespace {

struct RegexRouterOptions {
  std::string regex;
  std::string replacement;

  static std::span<const Option<RegexRouterOptions>> options() {
    using T = RegexRouterOptions;
    static const Option<T> kOptions[] = {
        {{.name = "regex", .summary = "Expression for the whole name of a topic."}, &T::regex},
        {{.name = "replacement", .summary = "The new name; $1 is a group."}, &T::replacement},
    };
    return kOptions;
  }
};

// Null after a mistake.
std::optional<JavaRegex> compiled(const TransformArguments& arguments, std::string_view pattern_key,
                                  const std::string& pattern, std::string_view replacement_key,
                                  const std::string& replacement) {
  if (pattern.empty()) return std::nullopt;  // reported by the options
  auto regex = JavaRegex::compile(pattern);
  if (!regex) {
    arguments.refuse(pattern_key, regex.error());
    return std::nullopt;
  }
  if (const auto set = regex->set_replacement(replacement); !set) {
    arguments.refuse(replacement_key, set.error());
    return std::nullopt;
  }
  return std::move(*regex);
}

class RegexRouter : public RecordTransform {
 public:
  explicit RegexRouter(JavaRegex regex) : regex_(std::move(regex)) {}
  Result<bool> apply(EventRecord& record) override {
    if (auto topic = regex_.replaced(record.topic)) record.topic = std::move(*topic);
    return true;
  }

 private:
  const JavaRegex regex_;
};

struct LogicalTableOptions {
  std::string regex;
  std::string replacement;
  bool unique = true;
  std::string key_name;
  std::optional<std::string> key_regex;
  std::optional<std::string> key_replacement;

  static std::span<const Option<LogicalTableOptions>> options() {
    using T = LogicalTableOptions;
    static constexpr std::string_view kCache = "names of topics are kept as long as the job runs";
    static const Option<T> kOptions[] = {
        {{.name = "topic.regex", .summary = "Expression for the whole name of a topic."}, &T::regex},
        {{.name = "topic.replacement", .summary = "The new name; $1 is a group."}, &T::replacement},
        {{.name = "key.enforce.uniqueness",
          .summary = "Whether keys get a field that tells the tables apart.",
          .default_value = "true"},
         &T::unique},
        {{.name = "key.field.name",
          .summary = "What that field is called.",
          .default_value = "__dbz__physicalTableIdentifier"},
         &T::key_name},
        {{.name = "key.field.regex", .summary = "Expression for the topic, for the field's value.", .optional = true},
         &T::key_regex},
        {{.name = "key.field.replacement", .summary = "The field's value; $1 is a group.", .optional = true},
         &T::key_replacement},
        {{.name = "logical.table.cache.size", .summary = "Size.", .optional = true, .ignored_because = kCache},
         std::monostate{}},
        {{.name = "logical.destination.cache.size", .summary = "Size.", .optional = true, .ignored_because = kCache},
         std::monostate{}},
    };
    return kOptions;
  }
};

class ByLogicalTableRouter : public RecordTransform {
 public:
  ByLogicalTableRouter(LogicalTableOptions options, JavaRegex topic, std::optional<JavaRegex> key)
      : options_(std::move(options)), topic_(std::move(topic)), key_(std::move(key)) {}

  Result<bool> apply(EventRecord& record) override {
    auto topic = topic_.replaced(record.topic);
    if (!topic || topic->empty()) return true;
    const std::string from = std::move(record.topic);
    record.topic = std::move(*topic);
    if (record.key.is_struct()) change_key(from, record);
    if (is_envelope(record.value)) {
      record.value.schema = values_.get(record.value.schema, record.topic, [&](const RecordSchema& schema) {
        return renamed_envelope(schema, record.topic);
      });
    }
    return true;
  }

 private:
  void change_key(const std::string& from, EventRecord& record) {
    record.key.schema = keys_.get(record.key.schema, record.topic, [&](const RecordSchema& schema) {
      RecordSchema made = schema_basics(schema);
      made.name = record.topic + ".Key";
      made.fields = schema.fields;
      if (options_.unique) made.fields.push_back({options_.key_name, simple_schema("string", false)});
      return make_schema(std::move(made));
    });
    if (!options_.unique) return;
    const std::string value = key_ ? key_->replaced(from).value_or(from) : from;
    record.key.value.members.push_back({options_.key_name, json_string(value)});
  }

  static SchemaPtr renamed_envelope(const RecordSchema& schema, const std::string& topic) {
    RecordSchema made = schema;
    made.name = topic + ".Envelope";
    for (RecordField& field : made.fields) {
      if (field.name == "before" || field.name == "after") field.schema = with_name(field.schema, topic + ".Value");
    }
    return make_schema(std::move(made));
  }

  const LogicalTableOptions options_;
  const JavaRegex topic_;
  const std::optional<JavaRegex> key_;
  SchemaCache keys_;
  SchemaCache values_;
};

}  // namespace

TransformPtr make_regex_router(const TransformArguments& arguments) {
  const auto options = parse_options<RegexRouterOptions>(arguments.settings, arguments.owner, arguments.problems);
  auto regex = compiled(arguments, "regex", options.regex, "replacement", options.replacement);
  return regex ? std::make_unique<RegexRouter>(std::move(*regex)) : nullptr;
}

TransformPtr make_by_logical_table_router(const TransformArguments& arguments) {
  auto options = parse_options<LogicalTableOptions>(arguments.settings, arguments.owner, arguments.problems);
  auto topic = compiled(arguments, "topic.regex", options.regex, "topic.replacement", options.replacement);
  std::optional<JavaRegex> key;
  if (options.key_regex.has_value() != options.key_replacement.has_value()) {
    arguments.refuse("key.field.regex", "key.field.regex and key.field.replacement belong together");
  } else if (options.key_regex) {
    key = compiled(arguments, "key.field.regex", *options.key_regex, "key.field.replacement", *options.key_replacement);
  }
  if (!topic) return nullptr;
  return std::make_unique<ByLogicalTableRouter>(std::move(options), std::move(*topic), std::move(key));
}

}  // namespace sluice
