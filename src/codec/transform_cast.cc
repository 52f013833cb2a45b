// SPDX-License-Identifier: Apache-2.0
// Cast: other types for fields, or for a key or value that is one.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "codec/java_number.h"
#include "codec/record_transforms.h"

namespace sluice {
namespace {

// As `spec` calls them and as schemas do.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kTypes = {{{"int8", "int8"},
                                                                                  {"int16", "int16"},
                                                                                  {"int32", "int32"},
                                                                                  {"int64", "int64"},
                                                                                  {"float32", "float"},
                                                                                  {"float64", "double"},
                                                                                  {"boolean", "boolean"},
                                                                                  {"string", "string"}}};

struct CastOptions {
  std::vector<std::string> spec;
  std::string replace_null;

  static std::span<const Option<CastOptions>> options() {
    using T = CastOptions;
    static const Option<T> kOptions[] = {
        {{.name = "spec", .summary = "FIELD:TYPE, separated by commas, or one TYPE for the whole."}, &T::spec},
        {replace_null_option(), &T::replace_null},
    };
    return kOptions;
  }
};

int64_t bound(std::string_view type) {
  if (type == "int8") return std::numeric_limits<int8_t>::max();
  if (type == "int16") return std::numeric_limits<int16_t>::max();
  return type == "int32" ? std::numeric_limits<int32_t>::max() : std::numeric_limits<int64_t>::max();
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return value;
  return std::nullopt;
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size()) return value;
  return std::nullopt;
}

}  // namespace

std::optional<JsonNode> cast_text(std::string_view text, bool is_text, std::string_view type) {
  if (type == "string") return json_string(text);
  if (!is_text && (text == "true" || text == "false")) {
    if (type == "boolean") return json_scalar(text);
    text = text == "true" ? "1" : "0";
  }
  if (type == "boolean") {
    if (is_text) return json_scalar(text == "true" ? "true" : "false");
    const auto value = number(text);
    return value ? std::optional(json_scalar(*value != 0 ? "true" : "false")) : std::nullopt;
  }
  if (type == "float" || type == "double") {
    const auto value = number(text);
    if (!value) return std::nullopt;
    std::string out;
    if (type == "float") {
      append_java_number(static_cast<float>(*value), out);
    } else {
      append_java_number(*value, out);
    }
    return json_scalar(out);
  }
  auto value = whole_number(text);
  if (!value && !is_text) {
    const auto real = number(text);
    if (real && std::abs(*real) < 9.2e18) value = static_cast<int64_t>(*real);
  }
  if (!value || *value > bound(type) || *value < -bound(type) - 1) return std::nullopt;
  return json_scalar(fmt::format("{}", *value));
}

namespace {

class Cast : public RecordTransform {
 public:
  Cast(std::map<std::string, std::string> fields, std::string whole, bool key)
      : fields_(std::move(fields)), whole_(std::move(whole)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = key_ ? record.key : record.value;
    if (!part.schema) return true;
    if (!whole_.empty()) {
      ASSIGN_OR_RETURN(part.value, cast(*part.schema, part.value, whole_, "the whole"));
      part.schema = schemas_.get(part.schema, [&](const RecordSchema& from) { return other_type(from, whole_); });
      return true;
    }
    if (!part.is_struct()) return true;
    for (JsonMember& member : part.value.members) {
      const auto wanted = fields_.find(member.name);
      if (wanted == fields_.end()) continue;
      ASSIGN_OR_RETURN(member.value,
                       cast(*part.schema->find(member.name)->schema, member.value, wanted->second, member.name));
    }
    part.schema = schemas_.get(part.schema, [&](const RecordSchema& from) {
      RecordSchema made = schema_basics(from);
      for (const RecordField& field : from.fields) {
        const auto wanted = fields_.find(field.name);
        made.fields.push_back(
            {field.name, wanted == fields_.end() ? field.schema : other_type(*field.schema, wanted->second)});
      }
      return make_schema(std::move(made));
    });
    return true;
  }

 private:
  static SchemaPtr other_type(const RecordSchema& from, const std::string& type) {
    RecordSchema made{.type = type, .optional = from.optional};
    if (!from.default_value.empty()) {
      const auto value = parse_json_node(from.default_value);
      const auto changed = value ? cast_text(json_plain(*value), value->is_string(), type) : std::nullopt;
      if (changed) append_json_node(*changed, made.default_value);
    }
    return make_schema(std::move(made));
  }
  static Result<JsonNode> cast(const RecordSchema& schema, const JsonNode& value, const std::string& type,
                               std::string_view field) {
    if (value.is_null()) return JsonNode();
    const auto refuse = [&](std::string_view why) {
      return Error(ErrorCode::kData, fmt::format("Cast of {} from {} to {}: {}", field, schema.type, type, why),
                   "Leave the field out of the transform's 'spec'.");
    };
    if (schema.type == "bytes" || value.kind != JsonNode::Kind::kScalar) return refuse("it cannot be cast");
    auto changed = cast_text(json_plain(value), value.is_string(), type);
    if (!changed) return refuse("a value does not fit");
    return std::move(*changed);
  }

  const std::map<std::string, std::string> fields_;
  const std::string whole_;
  const bool key_;
  SchemaCache schemas_;
};

}  // namespace

TransformPtr make_cast(const TransformArguments& arguments) {
  const auto options = parse_options<CastOptions>(arguments.settings, arguments.owner, arguments.problems);
  std::map<std::string, std::string> fields;
  std::string whole;
  for (const std::string& entry : options.spec) {
    const size_t colon = entry.rfind(':');
    const std::string name = entry.substr(colon == std::string::npos ? 0 : colon + 1);
    const auto type = std::ranges::find(kTypes, name, &std::pair<std::string_view, std::string_view>::first);
    if (type == kTypes.end() || (colon == std::string::npos && options.spec.size() > 1)) {
      arguments.refuse("spec", fmt::format("'{}' is no FIELD:TYPE", entry),
                       "Types are int8, int16, int32, int64, float32, float64, boolean and string.");
    } else if (colon == std::string::npos) {
      whole = type->second;
    } else {
      fields[entry.substr(0, colon)] = type->second;
    }
  }
  return std::make_unique<Cast>(std::move(fields), std::move(whole), arguments.of_key);
}

}  // namespace sluice
