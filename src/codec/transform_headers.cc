// SPDX-License-Identifier: Apache-2.0
// HeaderToValue, InsertHeader, DropHeaders and Filter.
// GCC 12, optimizing, believes that an option's member may be of a type which the small structs here do not have.
#pragma GCC diagnostic ignored "-Warray-bounds"

#include <fmt/format.h>

#include <algorithm>

#include "codec/record_transforms.h"

namespace sluice {
namespace {

std::vector<std::string> split_path(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = std::min(text.find('.'), text.size());
    parts.emplace_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

struct HeaderToValueOptions {
  std::vector<std::string> headers;
  std::vector<std::string> fields;
  std::string operation;

  static std::span<const Option<HeaderToValueOptions>> options() {
    using T = HeaderToValueOptions;
    static const Option<T> kOptions[] = {
        {{.name = "headers", .summary = "Headers to put into the value."}, &T::headers},
        {{.name = "fields", .summary = "Fields for them, in the same order; dots lead into structs."}, &T::fields},
        {{.name = "operation", .summary = "Whether the headers stay.", .allowed = {"move", "copy"}}, &T::operation},
    };
    return kOptions;
  }
};

class HeaderToValue : public RecordTransform {
 public:
  explicit HeaderToValue(HeaderToValueOptions options) : options_(std::move(options)) {
    for (const std::string& field : options_.fields) paths_.push_back(split_path(field));
  }

  Result<bool> apply(EventRecord& record) override {
    if (!record.value.is_struct()) return true;
    for (size_t i = 0; i < paths_.size(); ++i) {
      const auto header = std::ranges::find(record.headers, options_.headers[i], &RecordHeader::name);
      if (header == record.headers.end()) continue;
      if (!add(paths_[i], header->part.value, record.value.value)) continue;
      record.value.schema =
          schemas_.get(record.value.schema, fmt::format("{} {}", i, header->part.schema->text),
                       [&](const RecordSchema& from) { return with_field(from, paths_[i], 0, header->part.schema); });
      if (options_.operation == "move") record.headers.erase(header);
    }
    return true;
  }

 private:
  // False where a struct on the way is null.
  static bool add(const std::vector<std::string>& path, const JsonNode& value, JsonNode& into) {
    JsonNode* at = &into;
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      const auto member = std::ranges::find(at->members, path[i], &JsonMember::name);
      if (member == at->members.end() || member->value.kind != JsonNode::Kind::kObject) return false;
      at = &member->value;
    }
    at->members.push_back({path.back(), value});
    return true;
  }
  static SchemaPtr with_field(const RecordSchema& from, const std::vector<std::string>& path, size_t depth,
                              const SchemaPtr& field) {
    RecordSchema made = from;
    if (depth + 1 == path.size()) {
      made.fields.push_back({path[depth], field});
    } else {
      for (RecordField& each : made.fields) {
        if (each.name == path[depth]) each.schema = with_field(*each.schema, path, depth + 1, field);
      }
    }
    return make_schema(std::move(made));
  }

  const HeaderToValueOptions options_;
  std::vector<std::vector<std::string>> paths_;
  SchemaCache schemas_;
};

struct InsertHeaderOptions {
  std::string header;
  std::string literal;

  static std::span<const Option<InsertHeaderOptions>> options() {
    using T = InsertHeaderOptions;
    static const Option<T> kOptions[] = {
        {{.name = "header", .summary = "Name of the header."}, &T::header},
        {{.name = "value.literal", .summary = "Its value."}, &T::literal},
    };
    return kOptions;
  }
};

class InsertHeader : public RecordTransform {
 public:
  explicit InsertHeader(InsertHeaderOptions options)
      : options_(std::move(options)), part_{simple_schema("string", false), json_string(options_.literal)} {}
  Result<bool> apply(EventRecord& record) override {
    record.headers.push_back({options_.header, part_});
    return true;
  }

 private:
  const InsertHeaderOptions options_;
  const RecordPart part_;
};

struct DropHeadersOptions {
  std::vector<std::string> headers;

  static std::span<const Option<DropHeadersOptions>> options() {
    static const Option<DropHeadersOptions> kOptions[] = {
        {{.name = "headers", .summary = "Headers to drop."}, &DropHeadersOptions::headers},
    };
    return kOptions;
  }
};

class DropHeaders : public RecordTransform {
 public:
  explicit DropHeaders(std::vector<std::string> names) : names_(std::move(names)) {}
  Result<bool> apply(EventRecord& record) override {
    std::erase_if(record.headers,
                  [&](const RecordHeader& header) { return std::ranges::find(names_, header.name) != names_.end(); });
    return true;
  }

 private:
  const std::vector<std::string> names_;
};

struct NoOptions {
  static std::span<const Option<NoOptions>> options() { return {}; }
};

// Drops what its predicate lets through to it.
class Filter : public RecordTransform {
 public:
  Result<bool> apply(EventRecord&) override { return false; }
};

}  // namespace

TransformPtr make_header_to_value(const TransformArguments& arguments) {
  auto options = parse_options<HeaderToValueOptions>(arguments.settings, arguments.owner, arguments.problems);
  if (options.headers.size() != options.fields.size()) {
    arguments.refuse("fields",
                     fmt::format("there are {} headers and {} fields", options.headers.size(), options.fields.size()));
    return nullptr;
  }
  return std::make_unique<HeaderToValue>(std::move(options));
}

TransformPtr make_insert_header(const TransformArguments& arguments) {
  return std::make_unique<InsertHeader>(
      parse_options<InsertHeaderOptions>(arguments.settings, arguments.owner, arguments.problems));
}

TransformPtr make_drop_headers(const TransformArguments& arguments) {
  return std::make_unique<DropHeaders>(
      parse_options<DropHeadersOptions>(arguments.settings, arguments.owner, arguments.problems).headers);
}

TransformPtr make_filter(const TransformArguments& arguments) {
  parse_options<NoOptions>(arguments.settings, arguments.owner, arguments.problems);
  return std::make_unique<Filter>();
}

}  // namespace sluice
