// SPDX-License-Identifier: Apache-2.0
// The transforms that there are, for record_transform.cc, and what they share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "codec/record_transform.h"
#include "config/option.h"

namespace sluice {

// What a transform is made from: its own options, without "transforms.NAME." in front.
struct TransformArguments {
  Settings settings;
  std::string owner;    // "transform 'unwrap'", for messages
  bool of_key = false;  // Type$Key
  Problems& problems;

  void refuse(std::string_view key, const std::string& message, std::string advice = {}) const;
  void refuse(std::string_view key, const Error& error) const;
};
using TransformPtr = std::unique_ptr<RecordTransform>;

// Of the transforms that have it; only Kafka Connect's default is there.
inline OptionInfo replace_null_option() {
  return {.name = "replace.null.with.default",
          .summary = "Whether null of a field with a default is written as that.",
          .default_value = "true",
          .allowed = {"true"}};
}

TransformPtr make_extract_new_record_state(const TransformArguments& arguments);
TransformPtr make_regex_router(const TransformArguments& arguments);
TransformPtr make_by_logical_table_router(const TransformArguments& arguments);
TransformPtr make_insert_field(const TransformArguments& arguments);
TransformPtr make_replace_field(const TransformArguments& arguments);
TransformPtr make_mask_field(const TransformArguments& arguments);
TransformPtr make_value_to_key(const TransformArguments& arguments);
TransformPtr make_extract_field(const TransformArguments& arguments);
TransformPtr make_hoist_field(const TransformArguments& arguments);
TransformPtr make_flatten(const TransformArguments& arguments);
TransformPtr make_cast(const TransformArguments& arguments);
TransformPtr make_timestamp_converter(const TransformArguments& arguments);
TransformPtr make_header_to_value(const TransformArguments& arguments);
TransformPtr make_drop_headers(const TransformArguments& arguments);
TransformPtr make_insert_header(const TransformArguments& arguments);
TransformPtr make_filter(const TransformArguments& arguments);
TransformPtr make_outbox_event_router(const TransformArguments& arguments);

// Schemas made from others, each once.
class SchemaCache {
 public:
  using Make = std::function<SchemaPtr(const RecordSchema&)>;
  const SchemaPtr& get(const SchemaPtr& from, const std::string& also, const Make& make);
  const SchemaPtr& get(const SchemaPtr& from, const Make& make) { return get(from, "", make); }

 private:
  std::map<std::pair<SchemaPtr, std::string>, SchemaPtr> made_;
};

// What Kafka Connect's transforms keep of a struct's schema when they make another: not whether it is optional.
RecordSchema schema_basics(const RecordSchema& schema);
// A text (`is_text`) or a number as one of another of Connect's types; nothing if it is none or out of its range.
std::optional<JsonNode> cast_text(std::string_view text, bool is_text, std::string_view type);
// True for Debezium's envelope.
bool is_envelope(const RecordPart& value);

}  // namespace sluice
