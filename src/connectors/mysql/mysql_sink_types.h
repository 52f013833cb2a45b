// SPDX-License-Identifier: Apache-2.0
// Types and values on their way to MySQL and MariaDB and back. A source type that is MySQL's own text is kept as it is;
// others map by kind.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/mysql/mysql_connection.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

// `in_key`: text and bytes without a length get one, because an index needs it.
std::string mysql_type_sql(const DataType& type, bool in_key);
// From information_schema: DATA_TYPE and COLUMN_TYPE, both lower case.
DataType mysql_data_type(std::string_view data_type, std::string_view column_type, int64_t length, int64_t precision,
                         int64_t scale, int64_t datetime_precision);
bool is_mysql_type_text(std::string_view source_type);

// The error value of an ENUM reads as ''. In strict mode MySQL takes this text for it: the index, which is no label.
// Empty: '' is a label, or the type is another.
std::string mysql_enum_error_index(const DataType& type);

// Appends a present value as a literal of a statement.
void append_mysql_literal(const MysqlConnection& connection, const ColumnVector& values, const DataType& type,
                          size_t row, std::string& sql);
// Appends a present value as a field of LOAD DATA (tab-separated, backslash escapes).
void append_mysql_field(const ColumnVector& values, const DataType& type, size_t row, std::string& out);
// Reads the text of a result column.
Result<> append_mysql_text(ColumnVector& values, const DataType& type, std::string_view text, std::string& scratch);

}  // namespace sluice
