// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_field.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "codec/connect_schema.h"
#include "codec/debezium_default.h"
#include "codec/postgres_array.h"
#include "codec/source_type.h"
#include "data/json_value.h"
#include "data/value_text.h"

namespace sluice {
namespace {

using std::string_view;

constexpr string_view kDecimalName = "org.apache.kafka.connect.data.Decimal";

// A form with its schema, before the column's nullability and default.
struct Mapping {
  EventForm form = EventForm::kText;
  ConnectSchema schema{};
  std::string zero = "\"\"";  // for NULL where it must not be
  std::shared_ptr<const EventField> element{};
};

Mapping plain(EventForm form, string_view type, string_view zero) {
  return {.form = form, .schema = {.type = type}, .zero = std::string(zero)};
}
Mapping named(EventForm form, string_view type, string_view name, string_view zero) {
  return {.form = form, .schema = {.type = type, .name = name}, .zero = std::string(zero)};
}
Mapping text(string_view name = {}) { return named(EventForm::kText, "string", name, "\"\""); }

Mapping decimal(EventForm form, int precision, int scale) {
  Mapping mapping = named(form, "bytes", kDecimalName, "\"AA==\"");
  mapping.schema.parameters.emplace_back("scale", std::to_string(scale));
  if (precision > 0) mapping.schema.parameters.emplace_back("connect.decimal.precision", std::to_string(precision));
  return mapping;
}

Mapping map_decimal(const DataType& type, const DebeziumOptions& options) {
  switch (options.decimals) {
    case DecimalMode::kDouble: return plain(EventForm::kDecimalAsDouble, "double", "0.0");
    case DecimalMode::kString: return plain(EventForm::kDecimalAsText, "string", "\"\"");
    case DecimalMode::kPrecise: break;
  }
  if (type.precision != 0) return decimal(EventForm::kDecimal, type.precision, type.scale);
  Mapping mapping = named(EventForm::kVariableDecimal, "struct", "io.debezium.data.VariableScaleDecimal",
                          R"({"scale":0,"value":"AA=="})");
  mapping.schema.doc = "Variable scaled decimal";
  mapping.schema.fields =
      connect_field_json("int32", false, "scale") + ',' + connect_field_json("bytes", false, "value");
  return mapping;
}

Mapping map_binary(const DebeziumOptions& options) {
  switch (options.binaries) {
    case BinaryMode::kBytes: return plain(EventForm::kBase64, "bytes", "\"\"");
    case BinaryMode::kBase64: return plain(EventForm::kBase64, "string", "\"\"");
    case BinaryMode::kBase64Url: return plain(EventForm::kBase64Url, "string", "\"\"");
    case BinaryMode::kHex: return plain(EventForm::kHex, "string", "\"\"");
  }
  return {};
}

Mapping map_date(TimeMode mode) {
  if (mode == TimeMode::kConnect)
    return named(EventForm::kDateDays, "int32", "org.apache.kafka.connect.data.Date", "0");
  if (mode == TimeMode::kIsostring) return named(EventForm::kIsoDate, "string", "io.debezium.time.IsoDate", "\"\"");
  return named(EventForm::kDateDays, "int32", "io.debezium.time.Date", "0");
}

Mapping map_time(int precision, TimeMode mode) {
  switch (mode) {
    case TimeMode::kConnect: return named(EventForm::kMillis, "int32", "org.apache.kafka.connect.data.Time", "0");
    case TimeMode::kIsostring: return named(EventForm::kIsoTime, "string", "io.debezium.time.IsoTime", "\"\"");
    case TimeMode::kNanoseconds: return named(EventForm::kNanos, "int64", "io.debezium.time.NanoTime", "0");
    case TimeMode::kAdaptive:
      if (precision <= 3) return named(EventForm::kMillis, "int32", "io.debezium.time.Time", "0");
      break;
    case TimeMode::kAdaptiveTimeMicroseconds:
    case TimeMode::kMicroseconds: break;
  }
  return named(EventForm::kInteger, "int64", "io.debezium.time.MicroTime", "0");
}

Mapping map_timestamp(int precision, TimeMode mode) {
  switch (mode) {
    case TimeMode::kConnect: return named(EventForm::kMillis, "int64", "org.apache.kafka.connect.data.Timestamp", "0");
    case TimeMode::kIsostring:
      return named(EventForm::kIsoTimestamp, "string", "io.debezium.time.IsoTimestamp", "\"\"");
    case TimeMode::kNanoseconds: return named(EventForm::kNanos, "int64", "io.debezium.time.NanoTimestamp", "0");
    case TimeMode::kAdaptive:
    case TimeMode::kAdaptiveTimeMicroseconds:
      if (precision <= 3) return named(EventForm::kMillis, "int64", "io.debezium.time.Timestamp", "0");
      break;
    case TimeMode::kMicroseconds: break;
  }
  return named(EventForm::kMicros, "int64", "io.debezium.time.MicroTimestamp", "0");
}

Mapping map_geometry(const DataType& type) {
  Mapping mapping;
  const std::string wkb_and_srid = connect_field_json("int32", true, "srid");
  if (type.source_type == "point") {
    mapping = named(EventForm::kPoint, "struct", "io.debezium.data.geometry.Point",
                    R"({"x":0.0,"y":0.0,"wkb":null,"srid":null})");
    mapping.schema.doc = "Geometry (POINT)";
    mapping.schema.fields = connect_field_json("double", false, "x") + ',' + connect_field_json("double", false, "y") +
                            ',' + connect_field_json("bytes", true, "wkb") + ',' + wkb_and_srid;
  } else {
    mapping = named(EventForm::kGeometry, "struct", "io.debezium.data.geometry.Geometry", R"({"wkb":"","srid":null})");
    mapping.schema.doc = "Geometry";
    mapping.schema.fields = connect_field_json("bytes", false, "wkb") + ',' + wkb_and_srid;
  }
  return mapping;
}

Mapping map_labels(const DataType& type, string_view name) {
  Mapping mapping = text(name);
  std::string allowed;
  if (type.labels) {
    for (const std::string& label : *type.labels) {
      if (!allowed.empty()) allowed += ',';
      for (const char c : label) {
        if (c == ',' || c == '\\') allowed += '\\';
        allowed += c;
      }
    }
  }
  mapping.schema.parameters.emplace_back("allowed", std::move(allowed));
  return mapping;
}

Mapping map_bits(EventForm form, uint32_t length) {
  if (length == 1) return plain(EventForm::kBoolean, "boolean", "false");
  Mapping mapping = named(form, "bytes", "io.debezium.data.Bits", "\"\"");
  mapping.schema.parameters.emplace_back("length", length == 0 ? "2147483647" : std::to_string(length));
  return mapping;
}

uint32_t length_in(string_view type) {
  const size_t open = type.find('(');
  return open == string_view::npos ? 0 : static_cast<uint32_t>(std::strtoul(type.data() + open + 1, nullptr, 10));
}

// What only PostgreSQL has comes as the server's text, with the type's name ("public.hstore", "interval(3)").
Result<Mapping> map_postgres_text(const DataType& type, const DebeziumOptions& options) {
  const std::string& name = type.source_type;
  const string_view last = string_view(name).substr(name.rfind('.') == std::string::npos ? 0 : name.rfind('.') + 1);
  if (type.labels) return map_labels(type, "io.debezium.data.Enum");
  if (name.starts_with("interval")) {
    if (options.interval_as_text) return named(EventForm::kIntervalText, "string", "io.debezium.time.Interval", "\"\"");
    return named(EventForm::kDurationText, "int64", "io.debezium.time.MicroDuration", "0");
  }
  if (name.starts_with("time") && name.ends_with("with time zone")) {
    return named(EventForm::kZonedTimeText, "string", "io.debezium.time.ZonedTime", "\"\"");
  }
  if (name.starts_with("bit varying")) return map_bits(EventForm::kBitsText, length_in(name));
  if (name == "xml") return text("io.debezium.data.Xml");
  if (name == "tsvector") return text("io.debezium.data.TsVector");
  if (last == "ltree") return text("io.debezium.data.Ltree");
  if (last == "hstore" && options.hstore_as_map) {
    Mapping mapping = plain(EventForm::kHstoreMap, "map", "{}");
    mapping.schema.keys = connect_field_json("string", false, "");
    mapping.schema.values = connect_field_json("string", true, "");
    return mapping;
  }
  if (last == "hstore") return named(EventForm::kHstoreText, "string", "io.debezium.data.Json", "\"{}\"");
  if (name == "point") {
    Mapping mapping = map_geometry(DataType{.kind = TypeKind::kGeometry, .source_type = "point"});
    mapping.form = EventForm::kPointText;
    return mapping;
  }
  return text();
}

// Elements may be null, and are otherwise what a column of their type is.
Result<Mapping> map_array(const DataType& type, const DebeziumOptions& options) {
  auto element = postgres_element_type(type);
  if (!element) {
    return Error(ErrorCode::kUnsupported, fmt::format("Debezium's events have no form for {}", type.source_type),
                 "Leave the column out with column.exclude.list or a projection.");
  }
  auto field =
      make_event_field({.name = {}, .type = std::move(*element), .comment = {}, .default_expression = {}}, options);
  if (!field) return std::move(field).error();
  Mapping mapping = plain(EventForm::kArrayText, "array", "[]");
  mapping.schema.items = field->schema;
  mapping.element = std::make_shared<const EventField>(std::move(*field));
  return mapping;
}

Result<Mapping> map_type(const DataType& type, const DebeziumOptions& options) {
  const bool postgres = options.source == EventSource::kPostgres;
  switch (type.kind) {
    case TypeKind::kBoolean:
      if (type.source_type.starts_with("tinyint")) return plain(EventForm::kInteger, "int16", "0");
      return plain(EventForm::kBoolean, "boolean", "false");
    case TypeKind::kInt8:
    case TypeKind::kInt16: return plain(EventForm::kInteger, "int16", "0");
    case TypeKind::kInt32: return plain(EventForm::kInteger, "int32", "0");
    case TypeKind::kInt64: return plain(EventForm::kInteger, "int64", "0");
    case TypeKind::kUInt64:
      if (options.unsigned_bigint_precise) return decimal(EventForm::kUnsignedDecimal, 20, 0);
      return plain(EventForm::kInteger, "int64", "0");
    case TypeKind::kFloat:
      return plain(EventForm::kFloat, type.source_type.find(',') != std::string::npos ? "double" : "float", "0.0");
    case TypeKind::kDouble: return plain(EventForm::kDouble, "double", "0.0");
    case TypeKind::kDecimal: return map_decimal(type, options);
    case TypeKind::kString:
      if (postgres && type.source_type.ends_with("[]")) return map_array(type, options);
      if (postgres && !type.source_type.empty()) return map_postgres_text(type, options);
      return text();
    case TypeKind::kBytes: {
      if (!type.source_type.starts_with("vector")) return map_binary(options);
      Mapping mapping = named(EventForm::kFloatVector, "array", "io.debezium.data.vector.FloatVector", "[]");
      mapping.schema.items = connect_field_json("float", false, "");
      return mapping;
    }
    case TypeKind::kDate: return map_date(options.times);
    case TypeKind::kTime: return map_time(type.precision, options.times);
    case TypeKind::kTimestamp: return map_timestamp(type.precision, options.times);
    case TypeKind::kTimestampTz:
      return named(EventForm::kZonedTimestamp, "string", "io.debezium.time.ZonedTimestamp", "\"1970-01-01T00:00:00Z\"");
    case TypeKind::kYear: return named(EventForm::kInteger, "int32", "io.debezium.time.Year", "0");
    case TypeKind::kJson: return named(EventForm::kText, "string", "io.debezium.data.Json", "\"{}\"");
    case TypeKind::kEnum: return map_labels(type, "io.debezium.data.Enum");
    case TypeKind::kSet: return map_labels(type, "io.debezium.data.EnumSet");
    case TypeKind::kBit: return map_bits(EventForm::kBits, type.length);
    case TypeKind::kUuid: return text("io.debezium.data.Uuid");
    case TypeKind::kGeometry: return map_geometry(type);
  }
  return text();
}

// A name-based UUID (version 3) of the text.
std::string uuid_of(string_view text) {
  std::array<unsigned char, 16> digest{};
  SLUICE_CHECK(EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_md5(), nullptr) == 1);
  digest[6] = static_cast<unsigned char>((digest[6] & 0x0f) | 0x30);
  digest[8] = static_cast<unsigned char>((digest[8] & 0x3f) | 0x80);
  std::string out;
  append_hex({reinterpret_cast<const char*>(digest.data()), digest.size()}, out);
  for (const size_t dash : {8U, 13U, 18U, 23U}) out.insert(dash, 1, '-');
  return out;
}

// An array's elements tell the placeholder, each kind in its way.
std::string unavailable_array(const EventField& element, const DebeziumOptions& options,
                              const std::string& null_value) {
  const TypeKind kind = element.type.kind;
  std::string out = "[";
  if (kind == TypeKind::kUuid) {
    append_json_string(uuid_of(options.placeholder), out);
  } else if (kind == TypeKind::kBytes || (kind == TypeKind::kString && element.form == EventForm::kText)) {
    out += element.unavailable;
  } else if (kind == TypeKind::kInt32 || kind == TypeKind::kInt64) {
    for (const char c : options.placeholder) {
      if (out.size() > 1) out += ',';
      out += std::to_string(static_cast<signed char>(c));
    }
  } else {
    return null_value;
  }
  return out + ']';
}

// Debezium's placeholder where the log left a value out, in the forms that can hold it.
std::string unavailable_value(const Mapping& mapping, const DebeziumOptions& options, const std::string& null_value) {
  std::string out = "\"";
  switch (mapping.form) {
    case EventForm::kText:
    case EventForm::kMasked:
    case EventForm::kHstoreText:
      out.clear();
      append_json_string(options.placeholder, out);
      return out;
    case EventForm::kBase64:
    case EventForm::kBase64Url: append_base64(options.placeholder, out); break;
    case EventForm::kHex: append_hex(options.placeholder, out); break;
    case EventForm::kHstoreMap:
      out = "{";
      append_json_string(options.placeholder, out);
      out += ':';
      append_json_string(options.placeholder, out);
      return out + '}';
    case EventForm::kArrayText: return unavailable_array(*mapping.element, options, null_value);
    case EventForm::kBoolean:
    case EventForm::kInteger:
    case EventForm::kFloat:
    case EventForm::kDouble:
    case EventForm::kDecimal:
    case EventForm::kUnsignedDecimal:
    case EventForm::kVariableDecimal:
    case EventForm::kDecimalAsDouble:
    case EventForm::kDecimalAsText:
    case EventForm::kBits:
    case EventForm::kBitsText:
    case EventForm::kDateDays:
    case EventForm::kMillis:
    case EventForm::kMicros:
    case EventForm::kNanos:
    case EventForm::kIsoDate:
    case EventForm::kIsoTime:
    case EventForm::kIsoTimestamp:
    case EventForm::kZonedTimestamp:
    case EventForm::kZonedTimeText:
    case EventForm::kDurationText:
    case EventForm::kIntervalText:
    case EventForm::kPointText:
    case EventForm::kPoint:
    case EventForm::kGeometry:
    case EventForm::kFloatVector: return null_value;
  }
  out += '"';
  return out;
}

// Takes the place of the text and of what stands for one that is not there.
void apply_mask(const ColumnMask& mask, const DebeziumOptions& options, Mapping& mapping, EventField& field) {
  const auto text = [&](std::string_view value) {
    std::string json;
    append_json_string(mask.of(value, field.type.length), json);
    return json;
  };
  field.form = EventForm::kMasked;
  field.mask = &mask;
  field.unavailable = text(options.placeholder);
  if (mask.kind == ColumnMask::Kind::kAsterisks) field.null_value = text("");
  if (mask.kind == ColumnMask::Kind::kTruncate) {
    mapping.schema.parameters.emplace_back("truncateLength", std::to_string(mask.length));
  } else {
    mapping.schema.parameters.emplace_back("masked", "true");
  }
}

void tell_source_type(const Column& column, ConnectSchema& schema) {
  SourceType type = parse_source_type(column.type.source_type);
  schema.parameters.emplace_back("__debezium.source.column.type", std::move(type.name));
  if (!type.length.empty()) {
    schema.parameters.emplace_back("__debezium.source.column.length", std::move(type.length));
  }
  if (!type.scale.empty()) schema.parameters.emplace_back("__debezium.source.column.scale", std::move(type.scale));
  schema.parameters.emplace_back("__debezium.source.column.name", column.name);
}

}  // namespace

Result<EventField> make_event_field(const Column& column, const DebeziumOptions& options, FieldExtras extras) {
  auto mapped = map_type(column.type, options);
  if (!mapped) return std::move(mapped).error().context(fmt::format("column '{}'", column.name));
  EventField field;
  append_json_string(column.name, field.name);
  field.name += ':';
  field.form = mapped->form;
  field.element = mapped->element;
  field.type = column.type;
  const std::string default_value = event_default(column, field, options, mapped->zero);
  field.null_value = !default_value.empty() ? default_value : column.type.nullable ? "null" : mapped->zero;
  field.unavailable = unavailable_value(*mapped, options, field.null_value);
  // Labels of ENUM and SET are texts, too.
  const bool is_text = column.type.kind == TypeKind::kString || column.type.kind == TypeKind::kEnum ||
                       column.type.kind == TypeKind::kSet;
  if (extras.mask != nullptr && mapped->form == EventForm::kText && is_text) {
    apply_mask(*extras.mask, options, *mapped, field);
  }
  if (extras.source_type) tell_source_type(column, mapped->schema);
  field.schema = connect_schema_json(mapped->schema, column.type.nullable, default_value, column.name);
  return field;
}

}  // namespace sluice
