// SPDX-License-Identifier: Apache-2.0
// TimestampConverter: instants as texts, numbers or Kafka Connect's own types.
#include <fmt/format.h>

#include <charconv>

#include "codec/java_date_format.h"
#include "codec/record_transforms.h"

namespace sluice {
namespace {

constexpr int64_t kDay = 86'400'000;
constexpr std::string_view kConnect = "org.apache.kafka.connect.data.";

struct TimestampOptions {
  std::string field;
  std::string target;
  std::string format;
  std::string precision;
  std::string replace_null;

  static std::span<const Option<TimestampOptions>> options() {
    using T = TimestampOptions;
    static const Option<T> kOptions[] = {
        {{.name = "field", .summary = "Field to convert; without it the whole.", .default_value = ""}, &T::field},
        {{.name = "target.type",
          .summary = "What it becomes.",
          .allowed = {"string", "unix", "Date", "Time", "Timestamp"}},
         &T::target},
        {{.name = "format", .summary = "SimpleDateFormat of texts.", .default_value = ""}, &T::format},
        {{.name = "unix.precision",
          .summary = "What numbers count.",
          .default_value = "milliseconds",
          .allowed = {"seconds", "milliseconds", "microseconds", "nanoseconds"}},
         &T::precision},
        {replace_null_option(), &T::replace_null},
    };
    return kOptions;
  }
};

int64_t floor_day(int64_t millis) { return millis >= 0 ? millis / kDay : -((kDay - 1 - millis) / kDay); }

class TimestampConverter : public RecordTransform {
 public:
  TimestampConverter(TimestampOptions options, JavaDateFormat format, bool key)
      : options_(std::move(options)), format_(std::move(format)), key_(key) {}

  Result<bool> apply(EventRecord& record) override {
    RecordPart& part = key_ ? record.key : record.value;
    if (options_.field.empty()) {
      if (!part.schema) return true;
      ASSIGN_OR_RETURN(part.value, converted(*part.schema, part.value));
      part.schema = target_schema(part.schema->optional);
      return true;
    }
    if (!part.is_struct()) return true;
    const RecordField* field = part.schema->find(options_.field);
    if (field == nullptr) return true;
    for (JsonMember& member : part.value.members) {
      if (member.name != options_.field) continue;
      ASSIGN_OR_RETURN(member.value, converted(*field->schema, member.value));
    }
    part.schema = schemas_.get(part.schema, [&](const RecordSchema& from) {
      RecordSchema made = schema_basics(from);
      made.fields = from.fields;
      for (RecordField& each : made.fields) {
        if (each.name == options_.field) each.schema = target_schema(each.schema->optional);
      }
      return make_schema(std::move(made));
    });
    return true;
  }

 private:
  SchemaPtr target_schema(bool optional) const {
    if (options_.target == "string") return simple_schema("string", optional);
    if (options_.target == "unix") return simple_schema("int64", optional);
    const bool timestamp = options_.target == "Timestamp";
    return make_schema({.type = timestamp ? "int64" : "int32",
                        .optional = optional,
                        .name = std::string(kConnect) + options_.target,
                        .version = 1});
  }

  Result<JsonNode> converted(const RecordSchema& schema, const JsonNode& value) const {
    if (value.is_null()) return JsonNode();
    const auto millis = read(schema, json_plain(value));
    if (millis && *millis > INT64_MIN + kDay) return written(*millis);
    return Error(ErrorCode::kData,
                 fmt::format("TimestampConverter: a value of type {} {} is no time{}", schema.type, schema.name,
                             schema.type == "string" ? fmt::format(" of the form '{}'", options_.format) : ""),
                 "Texts need 'format'; numbers are int64, as 'unix.precision' says.");
  }

  std::optional<int64_t> read(const RecordSchema& schema, const std::string& text) const {
    if (schema.type == "string") return options_.format.empty() ? std::nullopt : format_.parse(text);
    int64_t number = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
    if (schema.name == std::string(kConnect) + "Timestamp" || schema.name == std::string(kConnect) + "Time")
      return number;
    if (schema.name == std::string(kConnect) + "Date") return number * kDay;
    if (schema.type != "int64") return std::nullopt;
    if (options_.precision == "seconds")
      return number > INT64_MAX / 1000 || number < INT64_MIN / 1000 ? std::nullopt : std::optional(number * 1000);
    if (options_.precision == "microseconds") return number / 1000;
    return options_.precision == "nanoseconds" ? number / 1'000'000 : number;
  }

  Result<JsonNode> written(int64_t millis) const {
    const auto number = [](int64_t value) { return json_scalar(fmt::format("{}", value)); };
    if (options_.target == "string") return json_string(format_.format(millis));
    if (options_.target == "Timestamp") return number(millis);
    if (options_.target == "Date") return number(floor_day(millis));
    if (options_.target == "Time") return number(millis - floor_day(millis) * kDay);
    if (options_.precision == "seconds") return number(millis / 1000);
    const int64_t factor = options_.precision == "microseconds"  ? 1000
                           : options_.precision == "nanoseconds" ? 1'000'000
                                                                 : 1;
    int64_t result = 0;
    if (__builtin_mul_overflow(millis, factor, &result)) {
      return Error(ErrorCode::kData, "TimestampConverter: a time is too far away for its 'unix.precision'");
    }
    return number(result);
  }

  const TimestampOptions options_;
  const JavaDateFormat format_;
  const bool key_;
  SchemaCache schemas_;
};

}  // namespace

TransformPtr make_timestamp_converter(const TransformArguments& arguments) {
  auto options = parse_options<TimestampOptions>(arguments.settings, arguments.owner, arguments.problems);
  auto format = JavaDateFormat::compile(options.format);
  if (!format) {
    arguments.refuse("format", format.error());
    return nullptr;
  }
  if (options.target == "string" && options.format.empty()) arguments.refuse("format", "texts need it");
  return std::make_unique<TimestampConverter>(std::move(options), std::move(*format), arguments.of_key);
}

}  // namespace sluice
