// SPDX-License-Identifier: Apache-2.0
// The one type system between all sources, transforms and sinks. A DataType says what a value means; how it is
// stored follows from its kind (see Storage). A column read from a snapshot and the same column read from the log
// have the same DataType and give the same stored value, always.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

enum class TypeKind : uint8_t {
  kBoolean,      // int64: 0 or 1
  kInt8,         // int64
  kInt16,        // int64
  kInt32,        // int64
  kInt64,        // int64
  kUInt64,       // int64 holding the bits of a uint64
  kFloat,        // double holding exactly a float
  kDouble,       // double
  kDecimal,      // text: canonical plain notation with exactly `scale` digits, "-0.50"; up to 65 digits. Precision 0
                 // (PostgreSQL's bare numeric): any number of digits, as the source prints it; also "NaN", "Infinity"
  kString,       // UTF-8 text; length 0 means unbounded
  kBytes,        // bytes; length 0 means unbounded
  kDate,         // int64: days since 1970-01-01, proleptic Gregorian; INT64_MIN and INT64_MAX are -infinity, infinity
  kTime,         // int64: microseconds, signed, may exceed 24 h (MySQL: -838:59:59 .. 838:59:59)
  kTimestamp,    // int64: microseconds since 1970-01-01 00:00:00 of a wall clock without zone; infinities as kDate
  kTimestampTz,  // int64: microseconds since 1970-01-01 00:00:00 UTC; infinities as kDate
  kYear,         // int64
  kJson,         // UTF-8 text in the source server's own spacing
  kEnum,         // UTF-8 text: the label; "" for MySQL's index 0
  kSet,          // UTF-8 text: labels in definition order joined by ','
  kBit,          // bytes, big-endian, (length + 7) / 8 of them
  kUuid,         // text, lower case with dashes
  kGeometry,     // bytes: 4-byte little-endian SRID, then WKB (MySQL's own form)
};

// The three ways a column is laid out in memory.
enum class Storage : uint8_t { kInt64, kDouble, kBytes };
Storage storage_of(TypeKind kind);

struct Structure;

struct DataType {
  TypeKind kind = TypeKind::kString;
  bool nullable = true;
  // String, bytes, bit: declared length (characters, bytes, bits), 0 = unbounded. Not used by other kinds.
  uint32_t length = 0;
  // Decimal: total digits. Time, timestamp(tz): fractional digits, 0 to 6.
  uint16_t precision = 0;
  // Decimal: digits after the point.
  uint16_t scale = 0;
  // String: CHAR(n) rather than VARCHAR(n); bytes: BINARY(n), whose values are padded to n with zero bytes.
  bool fixed_length = false;
  // Enum and set: the labels in definition order.
  std::shared_ptr<const std::vector<std::string>> labels;
  // The source's own text of the type, lower case without attributes of the column ("int(10) unsigned"); may be
  // empty for computed columns.
  std::string source_type;
  // JSON within an expression: what its parts are. Never of a table's column, which is JSON of any shape.
  std::shared_ptr<const Structure> structure;

  friend bool operator==(const DataType&, const DataType&);
};

enum class StructureForm : uint8_t { kArray, kMap, kRow, kVariant };
struct Structure {
  StructureForm form;
  std::vector<DataType> parts;  // array: the element; map: key, value; row: the fields; variant: none

  friend bool operator==(const Structure&, const Structure&) = default;
};

// The type in Flink CDC's notation: "INT NOT NULL", "VARCHAR(17)", "DECIMAL(10, 2)", "ROW<f0 INT, f1 ARRAY<STRING>>".
std::string type_text(const DataType& type);

// db.table in MySQL, schema.table in PostgreSQL; `schema` is empty where a system has only table names.
struct TableId {
  std::string schema;
  std::string table;

  std::string text() const { return schema.empty() ? table : schema + "." + table; }
  friend auto operator<=>(const TableId&, const TableId&) = default;
};

struct Column {
  std::string name;
  DataType type;
  std::string comment;
  std::optional<std::string> default_expression;  // as the source prints it; null = no default

  friend bool operator==(const Column&, const Column&) = default;
};

// Immutable once shared; a changed table is a new TableSchema.
struct TableSchema {
  TableId id;
  std::vector<Column> columns;
  std::vector<uint32_t> key;  // indexes of the key columns in key order; empty: no key, rows are identified by value
  std::string comment;

  std::optional<uint32_t> find_column(std::string_view name) const;  // exact, then case-insensitive (ASCII)
  bool is_key(uint32_t column) const;
  friend bool operator==(const TableSchema&, const TableSchema&) = default;
};
using TableSchemaPtr = std::shared_ptr<const TableSchema>;

// A schema as one line of JSON with numbered format ("v":1), for ledgers and state stores, and back.
std::string schema_to_json(const TableSchema& schema);
Result<TableSchema> schema_from_json(std::string_view json);

}  // namespace sluice
