// SPDX-License-Identifier: Apache-2.0
// One column in Debezium's events: its Kafka Connect schema and how its values are written as Connect's JsonConverter
// writes them. Which columns of a source become what is Debezium's mapping of MySQL's, MariaDB's and PostgreSQL's
// types; columns that a transform computed are mapped by their kind alone.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "codec/column_rules.h"
#include "codec/debezium_options.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// How a present value is written.
enum class EventForm : uint8_t {
  kBoolean,
  kInteger,
  kFloat,
  kDouble,
  kDecimal,          // text of a decimal: Base64 of the unscaled number
  kUnsignedDecimal,  // the same for a uint64
  kVariableDecimal,
  kDecimalAsDouble,
  kDecimalAsText,
  kText,
  kMasked,  // text
  kBase64,
  kBase64Url,
  kHex,
  kBits,      // Base64, little-endian
  kBitsText,  // the same of '0' and '1'
  kDateDays,  // also with infinities
  kMillis,    // of microseconds
  kMicros,    // also with infinities
  kNanos,
  kIsoDate,
  kIsoTime,
  kIsoTimestamp,
  kZonedTimestamp,
  kZonedTimeText,  // PostgreSQL's timetz
  kDurationText,   // PostgreSQL's interval, in microseconds
  kIntervalText,   // the same as ISO 8601
  kHstoreText,     // as text of JSON
  kHstoreMap,
  kArrayText,  // of PostgreSQL
  kPointText,  // PostgreSQL's point
  kPoint,      // of MySQL
  kGeometry,
  kFloatVector,
};

struct EventField {
  std::string name;  // as JSON, with a colon behind
  EventForm form = EventForm::kText;
  DataType type;
  std::string schema;                           // the field's, as JSON
  std::string null_value;                       // what is written for NULL
  std::string unavailable;                      // for a value that the log did not carry
  const ColumnMask* mask = nullptr;             // kMasked; of the options
  std::shared_ptr<const EventField> element{};  // kArrayText
};

// What a column's schema is besides that of its type.
struct FieldExtras {
  const ColumnMask* mask = nullptr;  // for columns of text alone
  bool source_type = false;          // tells the type in the source
};
// kUnsupported names the column if its type cannot be carried yet.
Result<EventField> make_event_field(const Column& column, const DebeziumOptions& options, FieldExtras extras = {});

// Appends a present value; kData if it has no form in the field's schema.
Result<> append_event_value(const EventField& field, const ColumnVector& values, size_t row, std::string& out);

}  // namespace sluice
