// SPDX-License-Identifier: Apache-2.0
// Values as Flink and Flink CDC print them, which is how Java prints them: shortest doubles with a point ("5.0",
// "1.0E10"), timestamps with 'T' and without seconds that are zero ("2020-07-17T18:00", fractions of 3 or 6 digits),
// NULL as "null". What Java's types cannot hold is printed in Sluice's own form (data/value_text.h): times below 0 or
// beyond 24 h. A value that the log did not carry is "<absent>".
#pragma once

#include <string>

#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

enum class JavaForm : uint8_t {
  kEvent,  // Flink CDC's events: bytes in base64, timestamps with zone as the wall clock in UTC
  kRow,    // Flink's rows: bytes as [1, -2], timestamps with zone as an instant with 'Z'
};

void append_java_value(const ColumnVector& column, const DataType& type, size_t row, JavaForm form, std::string& out);

}  // namespace sluice
