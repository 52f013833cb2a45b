// SPDX-License-Identifier: Apache-2.0
// Types and values on their way to PostgreSQL and back:
//   int8, int16, year smallint · int32 integer · int64 bigint · unsigned bigint numeric(20,0) · char(n) varchar(n),
//   because PostgreSQL's own char drops blanks · json json, because jsonb rewrites the text · enum, set text · bit
//   bit(n) · bytes, geometry bytea · time time(p). Values that a type cannot hold (NUL in text, times outside a day)
//   are kData. Types that only PostgreSQL has (inet, ranges, arrays, enums, ...) are strings of the server's own text
//   with the type's name in DataType::source_type; jsonb is JSON that is named there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "data/column_vector.h"
#include "data/types.h"

namespace sluice {

std::string postgres_type_sql(const DataType& type);
// True if the type is a string in the form of another type, which source_type names: "inet", "public.mood[]".
bool is_postgres_own_type(const DataType& type);

// True if values that PostgreSQL takes for equal are always the same to us: not 1.0 and 1.00, nor 'Bob' and 'bob' in a
// citext.
bool postgres_compares_bytewise(const DataType& type);

// A column of an existing table, as the catalog has it.
struct PostgresColumn {
  std::string name;
  std::string type_name;  // pg_type.typname: "varchar", "int4", "_text"
  std::string bare_type;  // for casts, without length: "character varying", "\"bit\""
  int32_t modifier = -1;  // atttypmod
  bool not_null = false;
  bool generated = false;
  int key_place = 0;  // from 1; 0: not in the primary key
};
DataType postgres_data_type(const PostgresColumn& column);
// The type of a source's column: of a domain, what it is made of. `type_name` is empty for types outside pg_catalog;
// `text` is format_type()'s, with schema unless that is pg_catalog.
DataType postgres_source_type(std::string_view type_name, int32_t modifier, std::string text);
// Nullopt if every value of `type` arrives unaltered or is refused; else why not.
std::optional<std::string> postgres_alters(const DataType& type, const PostgresColumn& target);

// How a value is written into text for one target column.
enum class PostgresForm : uint8_t { kPlain, kEscaped, kHex, kBits, kNumberFromBoolean, kTimeOfDay, kCalendar };
PostgresForm postgres_form(const DataType& type, const PostgresColumn& target);

enum class PostgresQuoting : uint8_t { kCopy, kArray };
// Appends a present value as a field of COPY text or as an element of an array literal. False if PostgreSQL cannot hold
// it.
bool append_postgres_value(const ColumnVector& values, const DataType& type, PostgresForm form, PostgresQuoting quoting,
                           size_t row, std::string& out);

// Reads the text that a session of ours gets for a value: result column, COPY field (unescaped) or log.
Result<> append_postgres_text(ColumnVector& values, const DataType& type, std::string_view text, std::string& scratch);

}  // namespace sluice
