// SPDX-License-Identifier: Apache-2.0
// TABLE_MAP: the physical layout of the rows events behind it. How much it tells beyond types depends on the server:
// binlog_row_metadata NO_LOG (MariaDB's default) nothing, MINIMAL signedness, character sets and geometry types, FULL
// also names, labels, primary key and visibility. Absent knowledge is an empty vector.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/binlog_event.h"

namespace sluice::mysql {

// Physical types in the log.
enum class BinlogType : uint8_t {
  kDecimalOld = 0,
  kTiny = 1,
  kShort = 2,
  kLong = 3,
  kFloat = 4,
  kDouble = 5,
  kNull = 6,
  kTimestampOld = 7,
  kLongLong = 8,
  kInt24 = 9,
  kDate = 10,
  kTimeOld = 11,
  kDatetimeOld = 12,
  kYear = 13,
  kNewDate = 14,
  kVarchar = 15,
  kBit = 16,
  kTimestamp2 = 17,
  kDatetime2 = 18,
  kTime2 = 19,
  kTypedArray = 20,
  kMariadbBlobCompressed = 140,
  kMariadbVarcharCompressed = 141,
  kVector = 242,
  kJson = 245,
  kNewDecimal = 246,
  kEnum = 247,
  kSet = 248,
  kTinyBlob = 249,
  kMediumBlob = 250,
  kLongBlob = 251,
  kBlob = 252,
  kVarString = 253,
  kString = 254,
  kGeometry = 255,
};
std::string binlog_type_name(BinlogType type);

struct KeyPart {
  uint32_t column = 0;
  uint32_t prefix = 0;  // characters; 0: the whole column
};

struct TableMap {
  uint64_t table_id = 0;
  std::string database;
  std::string table;
  // Per column. STRING columns that are in truth ENUM or SET are told apart: types holds kEnum or kSet.
  std::vector<BinlogType> types;
  std::vector<uint16_t> metadata;  // see binlog_table_map.cc for what it means per type
  std::vector<bool> nullable;

  // Optional, per column where not empty.
  std::vector<bool> is_unsigned;     // false for columns that are not numeric
  std::vector<uint32_t> collations;  // collation id of character, ENUM and SET columns, 0 for others
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> labels;  // ENUM and SET, in the column's own character set
  std::vector<uint32_t> geometry_types;          // 0 for columns that are not geometry
  std::vector<bool> invisible;
  std::vector<KeyPart> primary_key;
  bool has_primary_key = false;

  // Columns at the end that the server shows nowhere else (count_hidden_columns). The reader of the log says how many at most;
  // with names it need not.
  size_t hidden = 0;

  // The event's body; two events with equal bytes mean the same, so a caller can keep what it built for the last one.
  std::vector<uint8_t> bytes;

  size_t columns() const { return types.size(); }
};

Result<TableMap> parse_table_map(const Event& event, const BinlogFormat& format);

// The table id alone, of a TABLE_MAP or rows event.
Result<uint64_t> parse_table_id(const Event& event, const BinlogFormat& format);

}  // namespace sluice::mysql
