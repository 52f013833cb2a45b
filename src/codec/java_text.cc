// SPDX-License-Identifier: Apache-2.0
#include "codec/java_text.h"

#include <fmt/format.h>

#include <cstdlib>
#include <iterator>

#include "codec/java_number.h"
#include "data/json_value.h"
#include "data/value_text.h"

namespace sluice {
namespace {

constexpr int64_t kMicrosPerSecond = 1000000;
constexpr int64_t kMicrosPerDay = 86400 * kMicrosPerSecond;

// hh:mm[:ss[.fff[fff]]]
void append_time_of_day(int64_t micros, bool always_seconds, std::string& out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  const int64_t fraction = micros % kMicrosPerSecond;
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
  if (always_seconds || seconds % 60 != 0 || fraction != 0)
    fmt::format_to(std::back_inserter(out), ":{:02}", seconds % 60);
  if (fraction == 0) return;
  if (fraction % 1000 == 0) {
    fmt::format_to(std::back_inserter(out), ".{:03}", fraction / 1000);
  } else {
    fmt::format_to(std::back_inserter(out), ".{:06}", fraction);
  }
}

void append_timestamp(int64_t micros, bool always_seconds, std::string& out) {
  int64_t days = micros / kMicrosPerDay;
  int64_t time = micros % kMicrosPerDay;
  if (time < 0) {
    --days;
    time += kMicrosPerDay;
  }
  const CivilDate date = civil_from_days(days);
  if (date.year > 9999) out += '+';
  if (date.year < 0) out += '-';
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T", std::abs(date.year), date.month, date.day);
  append_time_of_day(time, always_seconds, out);
}

void append_signed_bytes(std::string_view bytes, std::string& out) {
  out += '[';
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ", ";
    const fmt::format_int number(static_cast<signed char>(bytes[i]));
    out.append(number.data(), number.size());
  }
  out += ']';
}

}  // namespace

void append_java_value(const ColumnVector& column, const DataType& type, size_t row, JavaForm form, std::string& out) {
  if (!column.has_value(row)) {
    out += column.presence(row) == Presence::kNull ? "null" : "<absent>";
    return;
  }
  switch (type.kind) {
    case TypeKind::kFloat: append_java_number(static_cast<float>(column.double_at(row)), out); return;
    case TypeKind::kDouble: append_java_number(column.double_at(row), out); return;
    case TypeKind::kTimestamp: append_timestamp(column.int_at(row), false, out); return;
    case TypeKind::kTimestampTz:
      append_timestamp(column.int_at(row), form == JavaForm::kRow, out);
      if (form == JavaForm::kRow) out += 'Z';
      return;
    case TypeKind::kTime:
      if (const int64_t micros = column.int_at(row); micros >= 0 && micros < kMicrosPerDay) {
        append_time_of_day(micros, false, out);
      } else {
        append_value_text(column, type, row, out);
      }
      return;
    case TypeKind::kBytes:
    case TypeKind::kBit:
    case TypeKind::kGeometry:
      if (form == JavaForm::kEvent) {
        append_base64(column.bytes_at(row), out);
      } else {
        append_signed_bytes(column.bytes_at(row), out);
      }
      return;
    case TypeKind::kBoolean:
    case TypeKind::kInt8:
    case TypeKind::kInt16:
    case TypeKind::kInt32:
    case TypeKind::kInt64:
    case TypeKind::kUInt64:
    case TypeKind::kDecimal:
    case TypeKind::kString:
    case TypeKind::kDate:
    case TypeKind::kYear:
    case TypeKind::kJson:
    case TypeKind::kEnum:
    case TypeKind::kSet:
    case TypeKind::kUuid: append_value_text(column, type, row, out); return;
  }
}

}  // namespace sluice
