// SPDX-License-Identifier: Apache-2.0
#include "codec/event_record.h"

#include <algorithm>
#include <charconv>

#include "codec/connect_schema.h"

namespace sluice {
namespace {

constexpr std::string_view kSchema = "{\"schema\":";
constexpr std::string_view kPayload = ",\"payload\":";

std::string schema_json(const RecordSchema& schema, std::string_view field) {
  ConnectSchema json{.type = schema.type, .name = schema.name, .version = schema.version, .doc = schema.doc};
  for (const RecordField& each : schema.fields) {
    if (!json.fields.empty()) json.fields += ',';
    json.fields += schema_json(*each.schema, each.name);
  }
  if (schema.items) json.items = schema.items->text;
  if (schema.keys) json.keys = schema.keys->text;
  if (schema.values) json.values = schema.values->text;
  for (const auto& [name, value] : schema.parameters) json.parameters.emplace_back(name, value);
  return connect_schema_json(json, schema.optional, schema.default_value, field);
}

// Where the object that begins at `at` ends.
size_t end_of_object(std::string_view text, size_t at) {
  int depth = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return text.size();
}

}  // namespace

const RecordField* RecordSchema::find(std::string_view field) const {
  const auto found = std::ranges::find(fields, field, &RecordField::name);
  return found == fields.end() ? nullptr : &*found;
}

SchemaPtr make_schema(RecordSchema schema) {
  schema.text = schema_json(schema, "");
  return std::make_shared<const RecordSchema>(std::move(schema));
}

SchemaPtr simple_schema(std::string_view type, bool optional) {
  return make_schema({.type = std::string(type), .optional = optional});
}

SchemaPtr parse_schema(const JsonNode& json) {
  RecordSchema schema;
  for (const auto& [name, value] : json.members) {
    if (name == "type") {
      schema.type = json_plain(value);
    } else if (name == "optional") {
      schema.optional = value.text == "true";
    } else if (name == "name") {
      schema.name = json_plain(value);
    } else if (name == "version") {
      std::from_chars(value.text.data(), value.text.data() + value.text.size(), schema.version);
    } else if (name == "doc") {
      schema.doc = json_plain(value);
    } else if (name == "parameters") {
      for (const auto& [key, text] : value.members) schema.parameters.emplace_back(key, json_plain(text));
    } else if (name == "default") {
      append_json_node(value, schema.default_value);
    } else if (name == "items") {
      schema.items = parse_schema(value);
    } else if (name == "keys") {
      schema.keys = parse_schema(value);
    } else if (name == "values") {
      schema.values = parse_schema(value);
    } else if (name == "fields") {
      for (const JsonNode& field : value.items) {
        const JsonNode* field_name = field.find("field");
        schema.fields.push_back({field_name == nullptr ? "" : json_plain(*field_name), parse_schema(field)});
      }
    }
  }
  return make_schema(std::move(schema));
}

SchemaPtr with_optional(const SchemaPtr& schema, bool optional) {
  if (schema->optional == optional) return schema;
  RecordSchema copy = *schema;
  copy.optional = optional;
  return make_schema(std::move(copy));
}

SchemaPtr with_name(const SchemaPtr& schema, std::string name) {
  RecordSchema copy = *schema;
  copy.name = std::move(name);
  return make_schema(std::move(copy));
}

Result<RecordPart> RecordReader::read(std::string_view text) {
  if (text.data() == nullptr) return RecordPart();
  const size_t end = end_of_object(text, kSchema.size());
  const std::string_view schema = text.substr(kSchema.size(), end - kSchema.size());
  RecordPart part;
  const auto known = schemas_.find(schema);
  if (known != schemas_.end()) {
    part.schema = known->second;
  } else {
    ASSIGN_OR_RETURN(const JsonNode json, parse_json_node(schema));
    part.schema = schemas_.emplace(std::string(schema), parse_schema(json)).first->second;
  }
  const size_t payload = end + kPayload.size();
  ASSIGN_OR_RETURN(part.value, parse_json_node(text.substr(payload, text.size() - payload - 1)));
  return part;
}

bool write_record_part(const RecordPart& part, bool schemas, std::string& out) {
  out.clear();
  if (!part.schema && part.value.is_null()) return false;
  if (schemas) {
    out.append(kSchema).append(part.schema ? part.schema->text : "null").append(kPayload);
  }
  append_json_node(part.value, out);
  if (schemas) out += '}';
  return true;
}

}  // namespace sluice
