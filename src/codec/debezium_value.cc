// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>

#include "codec/debezium_field.h"
#include "codec/debezium_number.h"
#include "codec/debezium_time.h"
#include "codec/java_number.h"
#include "codec/postgres_array.h"
#include "data/json_value.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr size_t kSridBytes = 4;
constexpr size_t kPointBytes = kSridBytes + 21;
constexpr int64_t kLatest = std::numeric_limits<int64_t>::max();
constexpr int64_t kEarliest = std::numeric_limits<int64_t>::min();
// PostgreSQL's infinite timestamps, as its JDBC driver has them.
constexpr int64_t kLatestMicros = 9'223'372'036'825'200'000;
constexpr int64_t kEarliestMicros = -9'223'372'036'832'400'000;

void append_integer(int64_t value, std::string& out) {
  const fmt::format_int text(value);
  out.append(text.data(), text.size());
}

template <typename T>
void append_floating(T value, std::string& out) {
  const bool finite = std::isfinite(value);
  if (!finite) out += '"';
  append_java_number(value, out);
  if (!finite) out += '"';
}

int64_t finite_micros(int64_t value) {
  return value == kLatest ? kLatestMicros : value == kEarliest ? kEarliestMicros : value;
}

// The millisecond that has begun.
int64_t millis_of(int64_t micros) { return micros / 1000 - (micros % 1000 < 0 ? 1 : 0); }

Error unreadable(const EventField& field, std::string_view what) {
  return Error(ErrorCode::kData, fmt::format("column {} holds {} that cannot be written", field.name, what));
}

bool is_true(const ColumnVector& values, size_t row) {
  if (values.storage() == Storage::kInt64) return values.int_at(row) != 0;
  // One bit, as a byte or as text.
  const std::string_view bytes = values.bytes_at(row);
  return !bytes.empty() && (bytes.back() & 1) != 0;
}

void append_date_days(int64_t days, std::string& out) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  append_integer(days == kLatest ? kMost : days == kEarliest ? -kMost - 1 : days, out);
}

Result<> append_nanos(const EventField& field, int64_t micros, std::string& out) {
  int64_t nanos = micros;
  if (micros != kLatest && micros != kEarliest && __builtin_mul_overflow(micros, 1000, &nanos)) {
    return unreadable(field, "a time beyond the range of nanoseconds");
  }
  append_integer(nanos, out);
  return {};
}

Result<> append_decimal_as_double(std::string_view text, std::string& out) {
  double value = 0;
  if (text.ends_with("Infinity") || text == "NaN") {
    value = text == "NaN" ? std::nan("") : std::numeric_limits<double>::infinity() * (text[0] == '-' ? -1 : 1);
  } else if (std::from_chars(text.data(), text.data() + text.size(), value).ec == std::errc::result_out_of_range) {
    value = std::strtod(std::string(text).c_str(), nullptr);  // which tells infinity and zero apart
  }
  append_floating(value, out);
  return {};
}

void append_decimal_as_text(std::string_view text, std::string& out) {
  if (text == "NaN") {
    out += "\"NAN\"";
  } else if (text.ends_with("Infinity")) {
    out += text[0] == '-' ? "\"NEGATIVE_INFINITY\"" : "\"POSITIVE_INFINITY\"";
  } else {
    out.append("\"").append(text).append("\"");
  }
}

void append_base64_url(std::string_view bytes, std::string& out) {
  const size_t begin = out.size();
  append_base64(bytes, out);
  for (size_t i = begin; i < out.size(); ++i) {
    if (out[i] == '+') out[i] = '-';
    if (out[i] == '/') out[i] = '_';
  }
}

// Base64 of the bytes in reverse.
void append_reversed(std::string_view bytes, std::string& out) {
  constexpr size_t kGroup = 3;
  char group[kGroup];
  size_t left = bytes.size();
  while (left > 0) {
    const size_t count = std::min(left, kGroup);
    for (size_t i = 0; i < count; ++i) group[i] = bytes[left - 1 - i];
    append_base64({group, count}, out);
    left -= count;
  }
}

// '0' and '1', the last one the lowest, as little-endian bytes.
void append_bits_text(std::string_view bits, std::string& out) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    char& byte = bytes[i / 8];
    if (bits[bits.size() - 1 - i] == '1') byte = static_cast<char>(byte | 1 << (i % 8));
  }
  append_base64(bytes, out);
}

double little_endian_double(std::string_view bytes, size_t at) {
  double value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

void append_srid(std::string_view bytes, std::string& out) {
  uint32_t srid = 0;
  std::memcpy(&srid, bytes.data(), sizeof srid);
  out += ",\"srid\":";
  if (srid == 0) {
    out += "null";
  } else {
    append_integer(srid, out);
  }
  out += '}';
}

Result<> append_mysql_geometry(const EventField& field, std::string_view bytes, std::string& out) {
  const bool point = field.form == EventForm::kPoint;
  if (bytes.size() < kSridBytes || (point && bytes.size() != kPointBytes)) return unreadable(field, "a geometry");
  out += '{';
  if (point) {
    out += "\"x\":";
    append_floating(little_endian_double(bytes, kPointBytes - 16), out);
    out += ",\"y\":";
    append_floating(little_endian_double(bytes, kPointBytes - 8), out);
    out += ',';
  }
  out += "\"wkb\":\"";
  append_base64(bytes.substr(kSridBytes), out);
  out += '"';
  append_srid(bytes, out);
  return {};
}

// "(1,2.5)"
Result<> append_postgres_point(const EventField& field, std::string_view text, std::string& out) {
  double x = 0;
  double y = 0;
  const char* const end = text.data() + text.size();
  if (!text.starts_with('(')) return unreadable(field, "a point");
  const auto first = std::from_chars(text.data() + 1, end, x);
  if (first.ec != std::errc() || first.ptr == end) return unreadable(field, "a point");
  if (std::from_chars(first.ptr + 1, end, y).ec != std::errc()) return unreadable(field, "a point");
  out += "{\"x\":";
  append_floating(x, out);
  out += ",\"y\":";
  append_floating(y, out);
  out += ",\"wkb\":null,\"srid\":null}";
  return {};
}

void append_float_vector(std::string_view bytes, std::string& out) {
  out += '[';
  for (size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    if (at > 0) out += ',';
    append_floating(value, out);
  }
  out += ']';
}

// A quoted string of hstore's text, at the front of it.
bool take_quoted(std::string_view& text, std::string& out) {
  if (!text.starts_with('"')) return false;
  out.clear();
  size_t i = 1;
  for (; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
    if (i < text.size()) out += text[i];
  }
  if (i >= text.size()) return false;
  text.remove_prefix(i + 1);
  return true;
}

// "a"=>"1", "b"=>NULL as the text of a JSON object.
Result<> append_hstore(const EventField& field, std::string_view text, std::string& out) {
  std::string json = "{";
  std::string part;
  while (!text.empty()) {
    if (json.size() > 1) json += ',';
    if (!take_quoted(text, part) || !text.starts_with("=>")) return unreadable(field, "an hstore");
    append_json_string(part, json);
    json += ':';
    text.remove_prefix(2);
    if (text.starts_with("NULL")) {
      json += "null";
      text.remove_prefix(4);
    } else {
      if (!take_quoted(text, part)) return unreadable(field, "an hstore");
      append_json_string(part, json);
    }
    if (text.starts_with(", ")) text.remove_prefix(2);
  }
  json += '}';
  if (field.form == EventForm::kHstoreMap) {
    out += json;
  } else {
    append_json_string(json, out);
  }
  return {};
}

Result<> append_array(const EventField& field, std::string_view text, std::string& out) {
  const EventField& element = *field.element;
  ColumnVector value(element.type.kind);
  char separator = '[';
  const auto take = [&](std::optional<std::string_view> item) -> Result<> {
    out += separator;
    separator = ',';
    if (!item) {
      out += "null";
      return {};
    }
    value.clear();
    if (!append_array_element(value, element.type, *item)) return unreadable(field, "an element");
    return append_event_value(element, value, 0, out);
  };
  Result<> result;
  if (!for_each_array_element(text, take, result)) return unreadable(field, "an array of more than one dimension");
  RETURN_IF_ERROR(result);
  out += separator == '[' ? "[]" : "]";
  return {};
}

Result<> append_interval_value(const EventField& field, std::string_view text, std::string& out) {
  IntervalParts parts;
  if (!parse_interval(text, parts)) return unreadable(field, "an interval");
  if (field.form == EventForm::kDurationText) {
    append_integer(interval_micros(parts), out);
  } else {
    out += '"';
    append_interval(parts, out);
    out += '"';
  }
  return {};
}

Result<> append_zoned_time_value(const EventField& field, std::string_view text, std::string& out) {
  out += '"';
  if (!append_zoned_time(text, out)) return unreadable(field, "a time");
  out += '"';
  return {};
}

template <typename Append>
void quote(std::string& out, Append append) {
  out += '"';
  append();
  out += '"';
}

}  // namespace

// tidy: one case for each form
Result<> append_event_value(const EventField& field, const ColumnVector& values, size_t row, std::string& out) {
  switch (field.form) {
    case EventForm::kBoolean: out += is_true(values, row) ? "true" : "false"; return {};
    case EventForm::kInteger: append_integer(values.int_at(row), out); return {};
    case EventForm::kFloat: append_floating(static_cast<float>(values.double_at(row)), out); return {};
    case EventForm::kDouble: append_floating(values.double_at(row), out); return {};
    case EventForm::kDecimal: return append_unscaled(values.bytes_at(row), out);
    case EventForm::kUnsignedDecimal: {
      const fmt::format_int text(static_cast<uint64_t>(values.int_at(row)));
      return append_unscaled({text.data(), text.size()}, out);
    }
    case EventForm::kVariableDecimal: return append_variable_decimal(values.bytes_at(row), out);
    case EventForm::kDecimalAsDouble: return append_decimal_as_double(values.bytes_at(row), out);
    case EventForm::kDecimalAsText: append_decimal_as_text(values.bytes_at(row), out); return {};
    case EventForm::kText: append_json_string(values.bytes_at(row), out); return {};
    case EventForm::kMasked:
      append_json_string(field.mask->of(values.bytes_at(row), field.type.length), out);
      return {};
    case EventForm::kBase64: quote(out, [&] { append_base64(values.bytes_at(row), out); }); return {};
    case EventForm::kBase64Url: quote(out, [&] { append_base64_url(values.bytes_at(row), out); }); return {};
    case EventForm::kHex: quote(out, [&] { append_hex(values.bytes_at(row), out); }); return {};
    case EventForm::kBits: quote(out, [&] { append_reversed(values.bytes_at(row), out); }); return {};
    case EventForm::kBitsText: quote(out, [&] { append_bits_text(values.bytes_at(row), out); }); return {};
    case EventForm::kDateDays: append_date_days(values.int_at(row), out); return {};
    case EventForm::kMillis: append_integer(millis_of(finite_micros(values.int_at(row))), out); return {};
    case EventForm::kMicros: append_integer(finite_micros(values.int_at(row)), out); return {};
    case EventForm::kNanos: return append_nanos(field, values.int_at(row), out);
    case EventForm::kIsoDate: quote(out, [&] { append_iso_date(values.int_at(row), out); }); return {};
    case EventForm::kIsoTime: quote(out, [&] { append_iso_time(values.int_at(row), out); }); return {};
    case EventForm::kIsoTimestamp: quote(out, [&] { append_iso_timestamp(values.int_at(row), -1, out); }); return {};
    case EventForm::kZonedTimestamp:
      quote(out, [&] { append_iso_timestamp(values.int_at(row), field.type.precision, out); });
      return {};
    case EventForm::kZonedTimeText: return append_zoned_time_value(field, values.bytes_at(row), out);
    case EventForm::kDurationText:
    case EventForm::kIntervalText: return append_interval_value(field, values.bytes_at(row), out);
    case EventForm::kArrayText: return append_array(field, values.bytes_at(row), out);
    case EventForm::kHstoreMap:
    case EventForm::kHstoreText: return append_hstore(field, values.bytes_at(row), out);
    case EventForm::kPointText: return append_postgres_point(field, values.bytes_at(row), out);
    case EventForm::kPoint:
    case EventForm::kGeometry: return append_mysql_geometry(field, values.bytes_at(row), out);
    case EventForm::kFloatVector: append_float_vector(values.bytes_at(row), out); return {};
  }
  return {};
}

}  // namespace sluice
