// SPDX-License-Identifier: Apache-2.0
// A Kafka Connect record as single message transforms see it: topic, and key, value and headers with their schemas.
// Made from the text that DebeziumEncoder writes, and written as JsonConverter does.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/json_node.h"

namespace sluice {

struct RecordSchema;
using SchemaPtr = std::shared_ptr<const RecordSchema>;  // shared by the records of a table

struct RecordField {
  std::string name;
  SchemaPtr schema;
};

struct RecordSchema {
  std::string type = "string";
  bool optional = false;
  std::string name{};  // of the logical type
  int version = 0;     // 0: none
  std::string doc{};
  std::vector<std::pair<std::string, std::string>> parameters{};
  std::string default_value{};  // JSON or empty
  std::vector<RecordField> fields{};
  SchemaPtr items{};
  SchemaPtr keys{};  // of a map, with its values
  SchemaPtr values{};
  std::string text{};  // as JSON

  const RecordField* find(std::string_view field) const;
};

// Fills `text`.
SchemaPtr make_schema(RecordSchema schema);
SchemaPtr simple_schema(std::string_view type, bool optional);
SchemaPtr parse_schema(const JsonNode& json);
// The same with another optionality / another name.
SchemaPtr with_optional(const SchemaPtr& schema, bool optional);
SchemaPtr with_name(const SchemaPtr& schema, std::string name);

struct RecordPart {
  SchemaPtr schema;
  JsonNode value;

  bool is_null() const { return value.is_null(); }
  bool is_struct() const { return schema && schema->type == "struct" && !value.is_null(); }
};

struct RecordHeader {
  std::string name;
  RecordPart part;
};

struct EventRecord {
  std::string topic;
  RecordPart key;
  RecordPart value;
  std::vector<RecordHeader> headers;
  int32_t partition = -1;  // chosen by a transform; else by the key
};

// Reads texts {"schema":..,"payload":..}, keeping the schemas it has met. Null texts (data() null) have no schema.
class RecordReader {
 public:
  Result<RecordPart> read(std::string_view text);

 private:
  std::map<std::string, SchemaPtr, std::less<>> schemas_;
};

// Replaces `out`; false for a null, of which nothing is written.
bool write_record_part(const RecordPart& part, bool schemas, std::string& out);

}  // namespace sluice
