// SPDX-License-Identifier: Apache-2.0
// Debezium's outbox EventRouter: rows that are inserted into an outbox table become messages of their own.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/log.h"
#include "codec/java_regex.h"
#include "codec/record_transforms.h"

namespace sluice {
namespace {

struct OutboxOptions {
  std::string id;
  std::string key;
  std::string type;
  std::string payload;
  std::vector<std::string> placement;
  bool missing_is_error = true;
  std::string route_field;
  std::string route_regex;
  std::string route_replacement;
  bool tombstone_on_empty = false;
  std::string invalid;
  std::string expand;

  // tidy: one table
  static std::span<const Option<OutboxOptions>> options() {
    using T = OutboxOptions;
    static const Option<T> kOptions[] = {
        {{.name = "table.field.event.id", .summary = "Column for the header 'id'.", .default_value = "id"}, &T::id},
        {{.name = "table.field.event.key", .summary = "Column for the key.", .default_value = "aggregateid"}, &T::key},
        {{.name = "table.field.event.type", .summary = "Column with the event's type.", .default_value = "type"},
         &T::type},
        {{.name = "table.field.event.payload", .summary = "Column for the value.", .default_value = "payload"},
         &T::payload},
        {{.name = "table.fields.additional.placement",
          .summary = "COLUMN:header[:NAME], COLUMN:envelope[:NAME] or COLUMN:partition, separated by commas.",
          .optional = true},
         &T::placement},
        {{.name = "table.fields.additional.error.on.missing",
          .summary = "Whether such a column must be there.",
          .default_value = "true"},
         &T::missing_is_error},
        {{.name = "route.by.field", .summary = "Column that names the topic.", .default_value = "aggregatetype"},
         &T::route_field},
        {{.name = "route.topic.regex",
          .summary = "Expression for that column.",
          .default_value = "(?<routedByValue>.*)"},
         &T::route_regex},
        {{.name = "route.topic.replacement", .summary = "The topic.", .default_value = "outbox.event.${routedByValue}"},
         &T::route_replacement},
        {{.name = "route.tombstone.on.empty.payload",
          .summary = "Whether an empty payload becomes a record without value.",
          .default_value = "false"},
         &T::tombstone_on_empty},
        {{.name = "table.op.invalid.behavior",
          .summary = "What an update of the table does.",
          .default_value = "warn",
          .allowed = {"warn", "error", "fatal"}},
         &T::invalid},
        {{.name = "table.expand.json.payload",
          .summary = "JSON as a struct, which is not there yet.",
          .default_value = "false",
          .allowed = {"false"}},
         &T::expand},
    };
    return kOptions;
  }
};

struct Placement {
  enum class Where : uint8_t { kHeader, kEnvelope, kPartition };
  std::string column;
  Where where = Where::kHeader;
  std::string name;
};

class EventRouter : public RecordTransform {
 public:
  EventRouter(OutboxOptions options, std::vector<Placement> placements, JavaRegex topic)
      : options_(std::move(options)), placements_(std::move(placements)), topic_(std::move(topic)) {}

  Result<bool> apply(EventRecord& record) override {
    if (record.value.is_null()) return false;
    if (!is_envelope(record.value)) return true;
    const JsonNode* operation = record.value.value.find("op");
    const std::string op = operation == nullptr ? "" : json_plain(*operation);
    if (op == "u") {
      constexpr std::string_view kWhat = "a row of the outbox table was updated";
      if (options_.invalid == "fatal") return Error(ErrorCode::kData, std::string(kWhat));
      if (options_.invalid == "error") {
        log_error("{}; its event is left out", kWhat);
      } else {
        log_warn("{}; its event is left out", kWhat);
      }
    }
    if (op != "c" && op != "r") return false;
    const RecordField* after = record.value.schema->find("after");
    row_ = {after->schema, *record.value.value.find("after")};
    return convert(record);
  }

 private:
  // The column, or null if it is not there.
  std::optional<RecordPart> column(const std::string& name) const {
    const RecordField* field = row_.schema->find(name);
    if (field == nullptr) return std::nullopt;
    const JsonNode* value = row_.value.find(name);
    return RecordPart{field->schema, value == nullptr ? JsonNode() : *value};
  }
  Result<RecordPart> required(const std::string& name) const {
    if (auto part = column(name)) return std::move(*part);
    return Error(ErrorCode::kData, fmt::format("the outbox table has no column '{}'", name),
                 "Name it in the transform's options 'table.field.*'.");
  }

  Result<bool> convert(EventRecord& record) {
    ASSIGN_OR_RETURN(RecordPart id, required(options_.id));
    ASSIGN_OR_RETURN(const RecordPart route, required(options_.route_field));
    ASSIGN_OR_RETURN(RecordPart payload, required(options_.payload));
    if (auto key = column(options_.key)) record.key = std::move(*key);
    record.headers.push_back({"id", std::move(id)});
    record.topic = json_plain(route.value);
    if (auto topic = topic_.replaced(record.topic)) record.topic = std::move(*topic);
    const bool empty = payload.is_null() || json_plain(payload.value).empty();
    ASSIGN_OR_RETURN(auto placed, place(record));
    if (empty && options_.tombstone_on_empty) {
      record.value = {};
    } else if (placed.empty()) {
      record.value = std::move(payload);
    } else {
      make_envelope(std::move(payload), std::move(placed), record);
    }
    return true;
  }

  // Puts additional columns into headers and partition; what is for the value is returned.
  Result<std::vector<std::pair<std::string, RecordPart>>> place(EventRecord& record) const {
    std::vector<std::pair<std::string, RecordPart>> envelope;
    for (const Placement& placement : placements_) {
      auto part = column(placement.column);
      if (!part) {
        if (!options_.missing_is_error) continue;
        ASSIGN_OR_RETURN(part, required(placement.column));
      }
      switch (placement.where) {
        case Placement::Where::kHeader: record.headers.push_back({placement.name, std::move(*part)}); break;
        case Placement::Where::kEnvelope: envelope.emplace_back(placement.name, std::move(*part)); break;
        case Placement::Where::kPartition: {
          const std::string text = json_plain(part->value);
          std::from_chars(text.data(), text.data() + text.size(), record.partition);
          break;
        }
      }
    }
    return envelope;
  }

  void make_envelope(RecordPart payload, std::vector<std::pair<std::string, RecordPart>> placed, EventRecord& record) {
    record.value.schema = schemas_.get(row_.schema, [&](const RecordSchema&) {
      RecordSchema made{.type = "struct"};
      made.fields.push_back({"payload", payload.schema});
      for (const auto& [name, part] : placed) made.fields.push_back({name, part.schema});
      return make_schema(std::move(made));
    });
    record.value.value = {.kind = JsonNode::Kind::kObject, .text = {}, .members = {}, .items = {}};
    record.value.value.members.push_back({"payload", std::move(payload.value)});
    for (auto& [name, part] : placed) record.value.value.members.push_back({name, std::move(part.value)});
  }

  const OutboxOptions options_;
  const std::vector<Placement> placements_;
  const JavaRegex topic_;
  RecordPart row_;
  SchemaCache schemas_;
};

std::vector<Placement> placements(const OutboxOptions& options, const TransformArguments& arguments) {
  std::vector<Placement> out;
  for (const std::string& entry : options.placement) {
    const size_t first = entry.find(':');
    const size_t second = first == std::string::npos ? first : entry.find(':', first + 1);
    const std::string where = first == std::string::npos ? "" : entry.substr(first + 1, second - first - 1);
    Placement placement{.column = entry.substr(0, first), .name = {}};
    placement.name = second == std::string::npos ? placement.column : entry.substr(second + 1);
    if (where == "envelope") {
      placement.where = Placement::Where::kEnvelope;
    } else if (where == "partition") {
      placement.where = Placement::Where::kPartition;
    } else if (where != "header") {
      arguments.refuse("table.fields.additional.placement", fmt::format("'{}' has no place", entry),
                       "Entries are COLUMN:header[:NAME], COLUMN:envelope[:NAME] and COLUMN:partition.");
    }
    out.push_back(std::move(placement));
  }
  return out;
}

}  // namespace

TransformPtr make_outbox_event_router(const TransformArguments& arguments) {
  auto options = parse_options<OutboxOptions>(arguments.settings, arguments.owner, arguments.problems);
  auto placed = placements(options, arguments);
  auto regex = JavaRegex::compile(options.route_regex);
  if (!regex) {
    arguments.refuse("route.topic.regex", regex.error());
    return nullptr;
  }
  if (const auto set = regex->set_replacement(options.route_replacement); !set) {
    arguments.refuse("route.topic.replacement", set.error());
    return nullptr;
  }
  return std::make_unique<EventRouter>(std::move(options), std::move(placed), std::move(*regex));
}

}  // namespace sluice
