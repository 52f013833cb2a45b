// SPDX-License-Identifier: Apache-2.0
// Kafka Connect's transforms of fields: InsertField, ReplaceField, MaskField, ValueToKey, ExtractField, HoistField and
// Flatten. Records without a value pass them as they are.
// GCC 12, optimizing, believes that an option's member may be of a type which the small structs here do not have.
#pragma GCC diagnostic ignored "-Warray-bounds"

#include <fmt/format.h>

#include <algorithm>

#include "codec/record_transforms.h"

namespace sluice {
namespace {

RecordPart& part_of(EventRecord& record, bool key) { return key ? record.key : record.value; }

Error no_struct(std::string_view transform, const EventRecord& record) {
  return Error(ErrorCode::kData,
               fmt::format("{} needs a record with fields; one of topic {} has none", transform, record.topic),
               "Records without a value (tombstones) can be kept from a transform by the predicate RecordIsTombstone.");
}

struct InsertFieldOptions {
  std::optional<std::string> static_field;
  std::optional<std::string> static_value;
  std::optional<std::string> topic_field;

  static std::span<const Option<InsertFieldOptions>> options() {
    using T = InsertFieldOptions;
    static const Option<T> kOptions[] = {
        {{.name = "static.field", .summary = "Name of a field with a fixed value.", .optional = true},
         &T::static_field},
        {{.name = "static.value", .summary = "That value.", .optional = true}, &T::static_value},
        {{.name = "topic.field", .summary = "Name of a field with the topic.", .optional = true}, &T::topic_field},
    };
    return kOptions;
  }
};

class InsertField : public RecordTransform {
 public:
  InsertField(const InsertFieldOptions& options, bool key) : key_(key) {
    if (options.topic_field) add(*options.topic_field, std::nullopt);
    if (options.static_field) add(*options.static_field, options.static_value);
  }

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (!part.is_struct()) return true;
    part.schema = schemas_.get(part.schema, [&](const RecordSchema& from) {
      RecordSchema made = schema_basics(from);
      made.fields = from.fields;
      for (const Added& each : added_) made.fields.push_back({each.name, simple_schema("string", each.optional)});
      return make_schema(std::move(made));
    });
    for (const Added& each : added_) {
      part.value.members.push_back({each.name, json_string(each.value ? *each.value : record.topic)});
    }
    return true;
  }

 private:
  struct Added {
    std::string name;
    bool optional = true;
    std::optional<std::string> value;  // unset: the topic
  };
  // "name!" is a required field, "name?" and "name" an optional one.
  void add(std::string name, std::optional<std::string> value) {
    const bool required = name.ends_with('!');
    if (required || name.ends_with('?')) name.pop_back();
    added_.push_back({std::move(name), !required, std::move(value)});
  }

  const bool key_;
  std::vector<Added> added_;
  SchemaCache schemas_;
};

struct ReplaceFieldOptions {
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::vector<std::string> renames;

  static std::span<const Option<ReplaceFieldOptions>> options() {
    using T = ReplaceFieldOptions;
    static const Option<T> kOptions[] = {
        {{.name = "include",
          .summary = "The fields to keep; all without it.",
          .optional = true,
          .aliases = {"whitelist"}},
         &T::include},
        {{.name = "exclude", .summary = "Fields to leave out.", .optional = true, .aliases = {"blacklist"}},
         &T::exclude},
        {{.name = "renames", .summary = "OLD:NEW, separated by commas.", .optional = true}, &T::renames},
    };
    return kOptions;
  }
};

class ReplaceField : public RecordTransform {
 public:
  ReplaceField(ReplaceFieldOptions options, std::map<std::string, std::string> renames, bool key)
      : options_(std::move(options)), renames_(std::move(renames)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (!part.is_struct()) return true;
    part.schema = schemas_.get(part.schema, [&](const RecordSchema& from) {
      RecordSchema made = schema_basics(from);
      for (const RecordField& field : from.fields) {
        if (kept(field.name)) made.fields.push_back({renamed(field.name), field.schema});
      }
      return make_schema(std::move(made));
    });
    std::erase_if(part.value.members, [&](const JsonMember& member) { return !kept(member.name); });
    for (JsonMember& member : part.value.members) member.name = renamed(member.name);
    return true;
  }

 private:
  static bool holds(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
  }
  bool kept(const std::string& name) const {
    return !holds(options_.exclude, name) && (options_.include.empty() || holds(options_.include, name));
  }
  std::string renamed(const std::string& name) const {
    const auto found = renames_.find(name);
    return found == renames_.end() ? name : found->second;
  }

  const ReplaceFieldOptions options_;
  const std::map<std::string, std::string> renames_;
  const bool key_;
  SchemaCache schemas_;
};

struct MaskFieldOptions {
  std::vector<std::string> fields;
  std::optional<std::string> replacement;

  static std::span<const Option<MaskFieldOptions>> options() {
    using T = MaskFieldOptions;
    static const Option<T> kOptions[] = {
        {{.name = "fields", .summary = "Fields to mask."}, &T::fields},
        {{.name = "replacement", .summary = "Instead of the empty value: for texts and numbers.", .optional = true},
         &T::replacement},
    };
    return kOptions;
  }
};

class MaskField : public RecordTransform {
 public:
  MaskField(MaskFieldOptions options, bool key) : options_(std::move(options)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (!part.is_struct()) return true;
    for (JsonMember& member : part.value.members) {
      if (std::ranges::find(options_.fields, member.name) == options_.fields.end()) continue;
      if (member.value.is_null()) continue;
      const RecordField* field = part.schema->find(member.name);
      ASSIGN_OR_RETURN(member.value, masked(*field));
    }
    return true;
  }

 private:
  Result<JsonNode> masked(const RecordField& field) const {
    const std::string& type = field.schema->type;
    const bool number = type.starts_with("int") || type == "float" || type == "double";
    if (options_.replacement) {
      if (type == "string") return json_string(*options_.replacement);
      if (number && field.schema->name.empty()) {
        if (auto value = cast_text(*options_.replacement, true, type)) return std::move(*value);
      }
    } else {
      if (type == "string") return json_string("");
      if (type == "boolean") return json_scalar("false");
      if (number) return json_scalar(type.starts_with("int") ? "0" : "0.0");
      if (type == "array") return JsonNode{.kind = JsonNode::Kind::kArray, .text = {}, .members = {}, .items = {}};
      if (field.schema->name == "org.apache.kafka.connect.data.Decimal") return json_string("AA==");
    }
    return Error(ErrorCode::kData, fmt::format("MaskField cannot mask field '{}' of type {}", field.name, type),
                 options_.replacement ? "Leave 'replacement' out." : "Leave the field out with ReplaceField.");
  }

  const MaskFieldOptions options_;
  const bool key_;
};

struct ValueToKeyOptions {
  std::vector<std::string> fields;
  std::string replace_null;

  static std::span<const Option<ValueToKeyOptions>> options() {
    using T = ValueToKeyOptions;
    static const Option<T> kOptions[] = {
        {{.name = "fields", .summary = "Fields of the value that become the key."}, &T::fields},
        {replace_null_option(), &T::replace_null},
    };
    return kOptions;
  }
};

class ValueToKey : public RecordTransform {
 public:
  explicit ValueToKey(ValueToKeyOptions options) : options_(std::move(options)) {}

  Result<bool> apply(EventRecord& record) override {
    if (!record.value.is_struct()) return no_struct("ValueToKey", record);
    const RecordSchema& schema = *record.value.schema;
    for (const std::string& name : options_.fields) {
      if (schema.find(name) != nullptr) continue;
      return Error(ErrorCode::kData, fmt::format("ValueToKey: topic {} has no field '{}'", record.topic, name));
    }
    record.key.schema = schemas_.get(record.value.schema, [&](const RecordSchema& from) {
      RecordSchema made{.type = "struct"};
      for (const std::string& name : options_.fields) made.fields.push_back(*from.find(name));
      return make_schema(std::move(made));
    });
    record.key.value = {.kind = JsonNode::Kind::kObject, .text = {}, .members = {}, .items = {}};
    for (const std::string& name : options_.fields) {
      const JsonNode* value = record.value.value.find(name);
      record.key.value.members.push_back({name, value == nullptr ? JsonNode() : *value});
    }
    return true;
  }

 private:
  const ValueToKeyOptions options_;
  SchemaCache schemas_;
};

struct FieldOptions {
  std::string field;

  static std::span<const Option<FieldOptions>> options() {
    static const Option<FieldOptions> kOptions[] = {
        {{.name = "field", .summary = "Name of the field."}, &FieldOptions::field},
    };
    return kOptions;
  }
};

class ExtractField : public RecordTransform {
 public:
  ExtractField(std::string field, bool key) : field_(std::move(field)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (part.is_null()) return true;
    if (!part.is_struct()) return no_struct("ExtractField", record);
    const RecordField* field = part.schema->find(field_);
    if (field == nullptr) {
      return Error(ErrorCode::kData, fmt::format("ExtractField: topic {} has no field '{}'", record.topic, field_));
    }
    const JsonNode* value = part.value.find(field_);
    part = RecordPart{field->schema, value == nullptr ? JsonNode() : JsonNode(*value)};
    return true;
  }

 private:
  const std::string field_;
  const bool key_;
};

class HoistField : public RecordTransform {
 public:
  HoistField(std::string field, bool key) : field_(std::move(field)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (!part.schema) return true;
    part.schema = schemas_.get(part.schema, [&](const RecordSchema&) {
      return make_schema({.type = "struct", .fields = {{field_, part.schema}}});
    });
    JsonNode hoisted{.kind = JsonNode::Kind::kObject, .text = {}, .members = {}, .items = {}};
    hoisted.members.push_back({field_, std::move(part.value)});
    part.value = std::move(hoisted);
    return true;
  }

 private:
  const std::string field_;
  const bool key_;
  SchemaCache schemas_;
};

struct FlattenOptions {
  std::string delimiter;

  static std::span<const Option<FlattenOptions>> options() {
    static const Option<FlattenOptions> kOptions[] = {
        {{.name = "delimiter", .summary = "Between the names.", .default_value = "."}, &FlattenOptions::delimiter},
    };
    return kOptions;
  }
};

class Flatten : public RecordTransform {
 public:
  Flatten(std::string delimiter, bool key) : delimiter_(std::move(delimiter)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = part_of(record, key_);
    if (!part.is_struct()) return true;
    const SchemaPtr from = part.schema;
    JsonNode flat{.kind = JsonNode::Kind::kObject, .text = {}, .members = {}, .items = {}};
    append(*from, &part.value, "", flat);
    part.value = std::move(flat);
    part.schema = schemas_.get(from, [&](const RecordSchema& schema) {
      RecordSchema made = schema_basics(schema);
      append(schema, schema.optional, "", made);
      return make_schema(std::move(made));
    });
    return true;
  }

 private:
  std::string joined(const std::string& prefix, const std::string& name) const {
    return prefix.empty() ? name : prefix + delimiter_ + name;
  }
  void append(const RecordSchema& schema, bool optional, const std::string& prefix, RecordSchema& out) const {
    for (const RecordField& field : schema.fields) {
      const bool can_lack = optional || field.schema->optional;
      if (field.schema->type == "struct") {
        append(*field.schema, can_lack, joined(prefix, field.name), out);
      } else {
        out.fields.push_back({joined(prefix, field.name), with_optional(field.schema, can_lack)});
      }
    }
  }
  void append(const RecordSchema& schema, const JsonNode* value, const std::string& prefix, JsonNode& out) const {
    for (const RecordField& field : schema.fields) {
      const JsonNode* member = value == nullptr ? nullptr : value->find(field.name);
      if (field.schema->type == "struct") {
        append(*field.schema, member, joined(prefix, field.name), out);
      } else {
        out.members.push_back({joined(prefix, field.name), member == nullptr ? JsonNode() : *member});
      }
    }
  }

  const std::string delimiter_;
  const bool key_;
  SchemaCache schemas_;
};

}  // namespace

TransformPtr make_insert_field(const TransformArguments& arguments) {
  const auto options = parse_options<InsertFieldOptions>(arguments.settings, arguments.owner, arguments.problems);
  if (options.static_field.has_value() != options.static_value.has_value()) {
    arguments.refuse("static.field", "static.field and static.value belong together");
  } else if (!options.static_field && !options.topic_field) {
    arguments.refuse("static.field", "no field is given", "Give static.field with static.value, or topic.field.");
  }
  return std::make_unique<InsertField>(options, arguments.of_key);
}

TransformPtr make_replace_field(const TransformArguments& arguments) {
  auto options = parse_options<ReplaceFieldOptions>(arguments.settings, arguments.owner, arguments.problems);
  std::map<std::string, std::string> renames;
  for (const std::string& entry : options.renames) {
    const size_t colon = entry.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == entry.size()) {
      arguments.refuse("renames", fmt::format("'{}' is no OLD:NEW", entry));
      continue;
    }
    renames[entry.substr(0, colon)] = entry.substr(colon + 1);
  }
  return std::make_unique<ReplaceField>(std::move(options), std::move(renames), arguments.of_key);
}

TransformPtr make_mask_field(const TransformArguments& arguments) {
  auto options = parse_options<MaskFieldOptions>(arguments.settings, arguments.owner, arguments.problems);
  return std::make_unique<MaskField>(std::move(options), arguments.of_key);
}

TransformPtr make_value_to_key(const TransformArguments& arguments) {
  return std::make_unique<ValueToKey>(
      parse_options<ValueToKeyOptions>(arguments.settings, arguments.owner, arguments.problems));
}

TransformPtr make_extract_field(const TransformArguments& arguments) {
  const auto options = parse_options<FieldOptions>(arguments.settings, arguments.owner, arguments.problems);
  return std::make_unique<ExtractField>(options.field, arguments.of_key);
}

TransformPtr make_hoist_field(const TransformArguments& arguments) {
  const auto options = parse_options<FieldOptions>(arguments.settings, arguments.owner, arguments.problems);
  return std::make_unique<HoistField>(options.field, arguments.of_key);
}

TransformPtr make_flatten(const TransformArguments& arguments) {
  const auto options = parse_options<FlattenOptions>(arguments.settings, arguments.owner, arguments.problems);
  return std::make_unique<Flatten>(options.delimiter, arguments.of_key);
}

}  // namespace sluice
