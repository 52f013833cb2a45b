// SPDX-License-Identifier: Apache-2.0
// Values as text, both ways. One form per type, shared by snapshot readers, sinks, transforms, verification:
//   boolean true/false (parsing also takes t/f/1/0) · integers plain · float/double shortest that reads back, "NaN",
//   "Infinity", "-Infinity" · decimal plain with its scale, "NaN"; of precision 0 as it is, also "Infinity" · date
//   2024-02-29 (years 0001 to 9999, signed beyond), "infinity", "-infinity", timestamps alike ·
//   time [-]hh:mm:ss[.ffffff], hh may exceed 24 · timestamp 2024-02-29 12:00:00[.ffffff] · timestamptz the same in UTC
//   · bytes, bit, geometry lower-case hex without prefix.
// A fraction has exactly type.precision digits.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// Appends the text of one present value. Does not allocate beyond `out`'s growth.
void append_value_text(const ColumnVector& column, const DataType& type, size_t row, std::string& out);

// Parses text in the form above and appends it. For kBytes, kBit and kGeometry the text is taken as raw bytes,
// not hex. Fractions longer than the type's precision are an error (kData), never rounded.
Result<> append_parsed(ColumnVector& column, const DataType& type, std::string_view text);

// Calendar arithmetic on the proleptic Gregorian calendar.
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
struct CivilDate {
  int64_t year;
  unsigned month;
  unsigned day;
};
CivilDate civil_from_days(int64_t days);

void append_hex(std::string_view bytes, std::string& out);

}  // namespace sluice
