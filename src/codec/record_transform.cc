// SPDX-License-Identifier: Apache-2.0
#include "codec/record_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "codec/java_regex.h"
#include "codec/record_transforms.h"

namespace sluice {
namespace {

struct KnownTransform {
  std::string_view type;  // the class, without the package
  TransformPtr (*make)(const TransformArguments&);
  bool key_or_value = false;  // Type$Value, and Type$Key too
};

constexpr KnownTransform kTransforms[] = {
    {"io.debezium.transforms.ExtractNewRecordState", make_extract_new_record_state},
    {"io.debezium.transforms.ByLogicalTableRouter", make_by_logical_table_router},
    {"io.debezium.transforms.HeaderToValue", make_header_to_value},
    {"io.debezium.transforms.outbox.EventRouter", make_outbox_event_router},
    {"org.apache.kafka.connect.transforms.RegexRouter", make_regex_router},
    {"org.apache.kafka.connect.transforms.InsertField$Value", make_insert_field, true},
    {"org.apache.kafka.connect.transforms.ReplaceField$Value", make_replace_field, true},
    {"org.apache.kafka.connect.transforms.MaskField$Value", make_mask_field, true},
    {"org.apache.kafka.connect.transforms.ValueToKey", make_value_to_key},
    {"org.apache.kafka.connect.transforms.ExtractField$Value", make_extract_field, true},
    {"org.apache.kafka.connect.transforms.HoistField$Value", make_hoist_field, true},
    {"org.apache.kafka.connect.transforms.Flatten$Value", make_flatten, true},
    {"org.apache.kafka.connect.transforms.Cast$Value", make_cast, true},
    {"org.apache.kafka.connect.transforms.TimestampConverter$Value", make_timestamp_converter, true},
    {"org.apache.kafka.connect.transforms.DropHeaders", make_drop_headers},
    {"org.apache.kafka.connect.transforms.InsertHeader", make_insert_header},
    {"org.apache.kafka.connect.transforms.Filter", make_filter},
};

const Setting* find(const Settings& settings, std::string_view key) {
  const auto found = std::ranges::find(settings.entries, key, &Setting::key);
  return found == settings.entries.end() ? nullptr : &*found;
}

// The settings whose keys begin so, without that.
Settings below(const Settings& settings, const std::string& prefix) {
  Settings out{settings.location, {}};
  for (const Setting& setting : settings.entries) {
    if (!setting.key.starts_with(prefix)) continue;
    out.entries.push_back(setting);
    out.entries.back().key = setting.key.substr(prefix.size());
    out.location = setting.location;
  }
  return out;
}

// Takes an entry out; null if it is not there.
std::optional<Setting> taken(Settings& settings, std::string_view key) {
  const auto found = std::ranges::find(settings.entries, key, &Setting::key);
  if (found == settings.entries.end()) return std::nullopt;
  Setting setting = std::move(*found);
  settings.entries.erase(found);
  return setting;
}

class Predicate {
 public:
  virtual ~Predicate() = default;
  virtual bool test(const EventRecord& record) const = 0;
};

class TopicNameMatches : public Predicate {
 public:
  explicit TopicNameMatches(JavaRegex pattern) : pattern_(std::move(pattern)) {}
  bool test(const EventRecord& record) const override { return pattern_.matches(record.topic); }

 private:
  JavaRegex pattern_;
};

class HasHeaderKey : public Predicate {
 public:
  explicit HasHeaderKey(std::string name) : name_(std::move(name)) {}
  bool test(const EventRecord& record) const override {
    return std::ranges::find(record.headers, name_, &RecordHeader::name) != record.headers.end();
  }

 private:
  std::string name_;
};

class RecordIsTombstone : public Predicate {
 public:
  bool test(const EventRecord& record) const override { return record.value.is_null(); }
};

std::shared_ptr<const Predicate> make_predicate(const Settings& all, const std::string& name, const Setting& used,
                                                Problems& problems) {
  constexpr std::string_view kPackage = "org.apache.kafka.connect.transforms.predicates.";
  Settings settings = below(all, "predicates." + name + ".");
  const auto type = taken(settings, "type");
  const auto refuse = [&](const Setting& at, const std::string& message, std::string advice = {}) {
    problems.error(at.location, at.key, message, std::move(advice));
    return std::shared_ptr<const Predicate>();
  };
  if (!type) return refuse(used, fmt::format("predicate '{}' has no 'predicates.{}.type'", name, name));
  std::string_view simple = type->value;
  if (simple.starts_with(kPackage)) simple.remove_prefix(kPackage.size());
  if (simple == "RecordIsTombstone") return std::make_shared<RecordIsTombstone>();
  const std::string_view key = simple == "TopicNameMatches" ? "pattern" : simple == "HasHeaderKey" ? "name" : "";
  if (key.empty()) {
    return refuse(*type, fmt::format("predicate '{}' is not there", type->value),
                  "Possible are TopicNameMatches, HasHeaderKey and RecordIsTombstone.");
  }
  const Setting* value = find(settings, key);
  if (value == nullptr) return refuse(*type, fmt::format("predicate '{}' needs '{}'", name, key));
  if (key == "name") return std::make_shared<HasHeaderKey>(value->value);
  auto pattern = JavaRegex::compile(value->value);
  if (!pattern) return refuse(*value, pattern.error().message(), std::string(pattern.error().advice()));
  return std::make_shared<TopicNameMatches>(std::move(*pattern));
}

struct Type {
  const KnownTransform* known = nullptr;
  bool of_key = false;
};

Type find_type(std::string_view name) {
  constexpr std::string_view kValue = "$Value";
  for (const KnownTransform& known : kTransforms) {
    if (name == known.type) return {&known, false};
    const std::string_view both = known.type.substr(0, known.type.size() - kValue.size());
    if (known.key_or_value && name == fmt::format("{}$Key", both)) return {&known, true};
  }
  return {};
}

}  // namespace

void TransformArguments::refuse(std::string_view key, const std::string& message, std::string advice) const {
  const Setting* at = find(settings, key);
  problems.error(at == nullptr ? settings.location : at->location, std::string(key),
                 fmt::format("{}: '{}': {}", owner, key, message), std::move(advice));
}

void TransformArguments::refuse(std::string_view key, const Error& error) const {
  refuse(key, error.message(), std::string(error.advice()));
}

struct TransformChain::Step {
  TransformPtr transform;
  std::shared_ptr<const Predicate> predicate;
  bool negate = false;
};

TransformChain::~TransformChain() = default;

std::unique_ptr<TransformChain> TransformChain::make(const Settings& settings, Problems& problems) {
  const Setting* list = find(settings, "transforms");
  if (list == nullptr) return nullptr;
  Problems found;
  std::unique_ptr<TransformChain> chain(new TransformChain());
  for (const std::string& name : split_list(list->value)) {
    TransformArguments arguments{below(settings, "transforms." + name + "."), fmt::format("transform '{}'", name),
                                 false, found};
    const auto type = taken(arguments.settings, "type");
    if (!type) {
      found.error(list->location, list->key, fmt::format("transform '{0}' has no 'transforms.{0}.type'", name));
      continue;
    }
    const Type known = find_type(type->value);
    if (known.known == nullptr) {
      const auto names = transform_names();
      const std::string_view closest = closest_name(type->value, names);
      found.error(type->location, fmt::format("transforms.{}.type", name),
                  fmt::format("transform '{}' is not there", type->value),
                  closest.empty() ? fmt::format("Possible are {}.", fmt::join(names, ", "))
                                  : fmt::format("Did you mean '{}'?", closest));
      continue;
    }
    Step step;
    const auto negate = taken(arguments.settings, "negate");
    if (negate) convert_option({.name = "negate", .summary = ""}, *negate, found, step.negate);
    if (const auto predicate = taken(arguments.settings, "predicate")) {
      step.predicate = make_predicate(settings, predicate->value, *predicate, found);
    }
    arguments.of_key = known.of_key;
    step.transform = known.known->make(arguments);
    chain->steps_.push_back(std::move(step));
  }
  const bool good = !found.has_errors();
  problems.append(std::move(found));
  return good && !chain->steps_.empty() ? std::move(chain) : nullptr;
}

Result<bool> TransformChain::apply(EventRecord& record) {
  for (const Step& step : steps_) {
    if (step.predicate && step.predicate->test(record) == step.negate) continue;
    ASSIGN_OR_RETURN(const bool kept, step.transform->apply(record));
    if (!kept) return false;
  }
  return true;
}

std::vector<std::string_view> transform_names() {
  std::vector<std::string_view> names;
  for (const KnownTransform& known : kTransforms) names.push_back(known.type);
  return names;
}

const SchemaPtr& SchemaCache::get(const SchemaPtr& from, const std::string& also, const Make& make) {
  SchemaPtr& made = made_[{from, also}];
  if (!made) made = make(*from);
  return made;
}

RecordSchema schema_basics(const RecordSchema& schema) {
  return {.type = schema.type,
          .name = schema.name,
          .version = schema.version,
          .doc = schema.doc,
          .parameters = schema.parameters};
}

bool is_envelope(const RecordPart& value) { return value.is_struct() && value.schema->name.ends_with(".Envelope"); }

}  // namespace sluice
