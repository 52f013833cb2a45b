// SPDX-License-Identifier: Apache-2.0
// Values in COPY's binary format, which costs the server a third less than text. It is chosen only where the server
// would take exactly the same value from text; a table with any other column is copied as text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "connectors/postgres/postgres_types.h"

namespace sluice {

enum class PostgresBinary : uint8_t {
  kNone,  // only as text
  kBoolean,
  kInt2,
  kInt4,
  kInt8,
  kFloat4,
  kFloat8,
  kNumericOfInteger,
  kNumericOfUnsigned,
  kNumericOfText,
  kText,
  kJsonb,
  kBytes,
  kBits,
  kDate,
  kTime,
  kTimestamp,
  kUuid,
};
PostgresBinary postgres_binary(const DataType& type, const PostgresColumn& target);

// What stands before the first row and behind the last one.
std::string_view postgres_binary_header();
std::string_view postgres_binary_trailer();
void begin_postgres_binary_row(size_t columns, std::string& out);
void append_postgres_binary_null(std::string& out);
// Appends a present value with its length. False if PostgreSQL would refuse its text.
bool append_postgres_binary(const ColumnVector& values, const DataType& type, PostgresBinary form, size_t row,
                            std::string& out);

}  // namespace sluice
