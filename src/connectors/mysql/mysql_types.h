// SPDX-License-Identifier: Apache-2.0
// MySQL's and MariaDB's column types in terms of data/types.h, and values of the text protocol. The same mapping serves
// information_schema, DDL text and the log, so a column has one DataType however we learned of it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice::mysql {

struct TypeOptions {
  bool tinyint1_as_boolean = true;
};

// What the decoder must know of a column beside its DataType.
struct MysqlColumnInfo {
  std::string charset;    // lower case; empty for columns that are not text; "binary" never occurs with kString
  std::string collation;  // may be empty if only the character set is known
  bool generated_virtual = false;  // VIRTUAL: in row images of MariaDB and MySQL, but never written by a sink
  bool invisible = false;
  // The server fills it when it is added to rows that are there: generated, AUTO_INCREMENT, default not a constant.
  bool computed = false;

  friend bool operator==(const MysqlColumnInfo&, const MysqlColumnInfo&) = default;
};

// `column_type` as in information_schema.COLUMNS.COLUMN_TYPE; `charset` as in CHARACTER_SET_NAME, empty for none.
// Labels of ENUM and SET must be UTF-8. kUnsupported for a type we do not know.
Result<DataType> mysql_data_type(std::string_view column_type, std::string_view charset, bool nullable,
                                 const TypeOptions& options);

// What to select for a column so that the text protocol gives the stored value: the quoted name itself, except for
// FLOAT and DOUBLE(m,d), whose text would be rounded.
std::string snapshot_expression(const DataType& type, std::string_view quoted_name);

// Appends a value of the text protocol (session: SET NAMES utf8mb4, time_zone '+00:00', character_set_results utf8mb4).
// NULL is append_null() at the caller. Zero dates follow append_zero_date.
Result<> append_mysql_text(ColumnVector& column, const DataType& type, std::string_view text);

// MariaDB's INET4 and INET6, which are text to us.
bool is_internet_address(const DataType& type);

// 'it''s' and 'back\\slash': labels, and MariaDB's defaults, as information_schema has them and any session reads them.
std::string quoted_label(std::string_view label);

// The policy for dates with a zero year, month or day: NULL if the column is nullable, else 1970-01-01 00:00:00.
void append_zero_date(ColumnVector& column, const DataType& type);

// A calendar date that exists? (MySQL can store '2010-02-31' with ALLOW_INVALID_DATES; treated as a zero date.)
bool valid_date(uint32_t year, uint32_t month, uint32_t day);

}  // namespace sluice::mysql
