// SPDX-License-Identifier: Apache-2.0
// Single values of row images, as binlog_rows.cc meets them: the forms that need more than a load. The caller has
// checked that the bytes exist. Internal to the decoder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/mysql/byte_reader.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice::mysql {

inline uint64_t load_little(const uint8_t* from, size_t count) {
  uint64_t value = 0;
  std::memcpy(&value, from, count);
  return value;
}
inline uint64_t load_big(const uint8_t* from, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | from[i];
  return value;
}

// Bytes of the fraction of TIME2, DATETIME2 and TIMESTAMP2.
constexpr size_t fraction_size(uint32_t digits) { return (digits + 1) / 2; }

int64_t time2_micros(const uint8_t* from, uint32_t digits);
void append_datetime2(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out);
void append_timestamp2(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out);
void append_date(const uint8_t* from, const DataType& type, ColumnVector& out);

// Forms from before 5.6, which MariaDB still writes for tables made then; with a fraction they are MariaDB's own.
size_t old_time_size(uint32_t digits);
size_t old_datetime_size(uint32_t digits);
size_t old_timestamp_size(uint32_t digits);
int64_t old_time_micros(const uint8_t* from, uint32_t digits);
void append_old_datetime(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out);
void append_old_timestamp(const uint8_t* from, uint32_t digits, const DataType& type, ColumnVector& out);

// Binary forms of MariaDB's types; shorter values lack trailing zero bytes.
bool append_uuid(std::string_view bytes, ColumnVector& out);
bool append_inet4(std::string_view bytes, ColumnVector& out);
bool append_inet6(std::string_view bytes, ColumnVector& out);

// A value of a COMPRESSED column of MariaDB (also of an uncompressed one inside such a column).
bool expand_column(std::string_view bytes, std::string& out);

// Labels of a SET joined with ','; false if a bit has no label.
bool join_labels(uint64_t bits, const std::vector<std::string>& labels, std::string& out);

}  // namespace sluice::mysql
