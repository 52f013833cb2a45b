// SPDX-License-Identifier: Apache-2.0
// How values live in SQLite, where a column's declared type only chooses an affinity:
//   integers, boolean, year INTEGER-like · float, double REAL · decimal and unsigned bigint DECIMAL_TEXT(p,s), because
//   a number would lose digits · text, json (JSON_TEXT), enum, set, uuid TEXT · bytes, bit, geometry BLOB · date, time
//   and timestamps as the text of data/value_text.h (timestamps with zone in UTC).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "data/column_vector.h"
#include "data/types.h"
#include "state/sqlite_database.h"

namespace sluice {

enum class SqliteAffinity : uint8_t { kInteger, kText, kBlob, kReal, kNumeric };
// SQLite's own rule.
SqliteAffinity sqlite_affinity(std::string_view declared_type);

// The declared type for a column; `sole_integer_key` makes it the row id, which is the fastest key SQLite has.
std::string sqlite_declared_type(const DataType& type, bool sole_integer_key);
// The nearest DataType for a declared type, ours or somebody else's. `not_null` gives the nullability.
DataType sqlite_data_type(std::string_view declared_type, bool not_null);

// False if the affinity would change values of this type when they are stored.
bool sqlite_keeps(const DataType& type, SqliteAffinity affinity);

// Binds one value (not absent). Text that had to be made is kept in `scratch` until the statement is reset.
// kData if SQLite cannot hold the value; the message names column and table.
Result<> bind_sqlite_value(SqliteStatement& statement, int parameter, const ColumnVector& values, size_t row,
                           const TableSchema& schema, size_t column, std::string& scratch);

// Reads a result column back into a value of this type.
Result<> append_sqlite_value(const SqliteStatement& statement, int column, const DataType& type, ColumnVector& values);

}  // namespace sluice
