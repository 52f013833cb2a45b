// SPDX-License-Identifier: Apache-2.0
// ExtractNewRecordState: the row instead of the envelope.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "codec/record_transforms.h"

namespace sluice {
namespace {

constexpr std::string_view kDeleted = "__deleted";

struct ExtractOptions {
  std::string tombstones;
  std::optional<std::string> legacy_deletes;
  std::optional<std::string> legacy_drop;
  std::vector<std::string> add_fields;
  std::string add_fields_prefix;
  std::vector<std::string> add_headers;
  std::string add_headers_prefix;
  std::optional<std::string> route_by_field;
  std::string replace_null;

  // tidy: one table
  static std::span<const Option<ExtractOptions>> options() {
    using T = ExtractOptions;
    using O = Option<T>;
    static const O kOptions[] = {
        {{.name = "delete.tombstone.handling.mode",
          .summary = "What becomes of deletions and their tombstones.",
          .default_value = "tombstone",
          .allowed = {"drop", "tombstone", "delete-to-tombstone", "rewrite", "rewrite-with-tombstone"}},
         &T::tombstones},
        {{.name = "delete.handling.mode",
          .summary = "The older option for deletions.",
          .optional = true,
          .allowed = {"drop", "rewrite", "none"}},
         &T::legacy_deletes},
        {{.name = "drop.tombstones",
          .summary = "The older option for tombstones.",
          .optional = true,
          .allowed = {"true", "false"}},
         &T::legacy_drop},
        {{.name = "add.fields", .summary = "Fields of the envelope to add to the row.", .optional = true},
         &T::add_fields},
        {{.name = "add.fields.prefix", .summary = "Begins their names.", .default_value = "__"}, &T::add_fields_prefix},
        {{.name = "add.headers", .summary = "Fields of the envelope to add as headers.", .optional = true},
         &T::add_headers},
        {{.name = "add.headers.prefix", .summary = "Begins their names.", .default_value = "__"},
         &T::add_headers_prefix},
        {{.name = "route.by.field", .summary = "Column that holds the topic.", .optional = true}, &T::route_by_field},
        {replace_null_option(), &T::replace_null},
    };
    return kOptions;
  }
};

// A field of the envelope and what it is called beside the row.
struct AddedField {
  std::string structure;  // "source", "transaction"; empty: the envelope itself, or wherever it is found
  std::string field;
  std::string name;
};

// "op", "source.ts_ms", "ts_ms:when"
std::vector<AddedField> added_fields(const std::vector<std::string>& list, const std::string& prefix) {
  std::vector<AddedField> out;
  for (const std::string& item : list) {
    const size_t colon = item.find(':');
    const std::string path = item.substr(0, colon);
    const size_t dot = path.find('.');
    AddedField field;
    if (dot != std::string::npos) field.structure = path.substr(0, dot);
    field.field = path.substr(dot == std::string::npos ? 0 : dot + 1);
    if (colon != std::string::npos) {
      field.name = prefix + item.substr(colon + 1);
    } else {
      field.name = prefix + (dot == std::string::npos ? "" : field.structure + "_") + field.field;
    }
    out.push_back(std::move(field));
  }
  return out;
}

RecordPart field_of(const RecordPart& structure, std::string_view name) {
  const RecordField* field = structure.schema ? structure.schema->find(name) : nullptr;
  if (field == nullptr) return {};
  const JsonNode* value = structure.value.find(name);
  return {field->schema, value == nullptr ? JsonNode() : *value};
}

RecordPart find_added(const RecordPart& envelope, const AddedField& wanted) {
  if (!wanted.structure.empty()) return field_of(field_of(envelope, wanted.structure), wanted.field);
  for (const RecordPart& place : {envelope, field_of(envelope, "source"), field_of(envelope, "transaction")}) {
    RecordPart found = field_of(place, wanted.field);
    if (found.schema) return found;
  }
  return {};
}

class ExtractNewRecordState : public RecordTransform {
 public:
  explicit ExtractNewRecordState(const ExtractOptions& options)
      : options_(options),
        fields_(added_fields(options.add_fields, options.add_fields_prefix)),
        headers_(added_fields(options.add_headers, options.add_headers_prefix)) {
    const std::string& mode = options.tombstones;
    rewrite_ = mode.starts_with("rewrite");
    drop_deletes_ = mode == "drop";
    keep_tombstones_ = mode == "rewrite-with-tombstone";
    to_tombstone_ = mode == "delete-to-tombstone";
    if (options.legacy_deletes || options.legacy_drop) {
      const std::string deletes = options.legacy_deletes.value_or("drop");
      rewrite_ = deletes == "rewrite";
      drop_deletes_ = deletes == "drop";
      keep_tombstones_ = options.legacy_drop == "false";
    }
  }

  Result<bool> apply(EventRecord& record) override {
    if (record.value.is_null()) return keep_tombstones_;
    if (!is_envelope(record.value)) return true;
    const RecordPart envelope = std::move(record.value);
    const std::string operation = json_plain(field_of(envelope, "op").value);
    if (operation == "t") return false;
    add_headers(envelope, record);
    const bool deleted = operation == "d";
    if (deleted && drop_deletes_) return false;
    if (options_.route_by_field) route(field_of(envelope, deleted ? "before" : "after"), record);
    if (deleted && to_tombstone_) {
      record.value = {};
      return true;
    }
    record.value = field_of(envelope, deleted && rewrite_ ? "before" : "after");
    if (!record.value.is_null()) {
      add_fields(envelope, deleted, record.value);
    }
    return true;
  }

 private:
  void add_headers(const RecordPart& envelope, EventRecord& record) const {
    for (const AddedField& wanted : headers_) {
      RecordPart found = find_added(envelope, wanted);
      if (found.schema) record.headers.push_back({wanted.name, std::move(found)});
    }
  }

  void route(const RecordPart& row, EventRecord& record) const {
    const RecordPart topic = field_of(row, *options_.route_by_field);
    if (!topic.is_null()) record.topic = json_plain(topic.value);
  }

  void add_fields(const RecordPart& envelope, bool deleted, RecordPart& row) {
    if (fields_.empty() && !rewrite_) return;
    std::vector<RecordPart> found;
    for (const AddedField& wanted : fields_) found.push_back(find_added(envelope, wanted));
    row.schema = schemas_.get(row.schema, [&](const RecordSchema& from) {
      RecordSchema made = schema_basics(from);
      made.fields = from.fields;
      for (size_t i = 0; i < fields_.size(); ++i) {
        if (found[i].schema) made.fields.push_back({fields_[i].name, plain_optional(*found[i].schema)});
      }
      if (rewrite_) made.fields.push_back({std::string(kDeleted), simple_schema("string", true)});
      return make_schema(std::move(made));
    });
    for (size_t i = 0; i < fields_.size(); ++i) {
      if (found[i].schema) row.value.members.push_back({fields_[i].name, std::move(found[i].value)});
    }
    if (rewrite_) row.value.members.push_back({std::string(kDeleted), json_string(deleted ? "true" : "false")});
  }

  // Optional, since a deletion may lack it, and without a default.
  static SchemaPtr plain_optional(const RecordSchema& schema) {
    RecordSchema made = schema_basics(schema);
    made.fields = schema.fields;
    made.items = schema.items;
    made.optional = true;
    return make_schema(std::move(made));
  }

  const ExtractOptions options_;
  const std::vector<AddedField> fields_;
  const std::vector<AddedField> headers_;
  bool rewrite_ = false;
  bool drop_deletes_ = false;
  bool keep_tombstones_ = false;
  bool to_tombstone_ = false;
  SchemaCache schemas_;
};

}  // namespace

TransformPtr make_extract_new_record_state(const TransformArguments& arguments) {
  return std::make_unique<ExtractNewRecordState>(
      parse_options<ExtractOptions>(arguments.settings, arguments.owner, arguments.problems));
}

}  // namespace sluice
