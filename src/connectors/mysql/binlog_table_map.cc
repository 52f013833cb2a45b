// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_table_map.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::mysql {
namespace {

constexpr uint64_t kMaxColumns = 4096;  // of both servers

Error damaged(const Event& event, std::string_view what) {
  return Error(ErrorCode::kCorrupt, fmt::format("decoding {} that ends at log position {}: {} is damaged",
                                                event_type_name(event.header.type), event.header.next_position, what));
}

// The metadata of a column:
//   FLOAT, DOUBLE: bytes of the value · BLOB family, GEOMETRY, JSON, VECTOR: bytes of the length
//   TIME2, DATETIME2, TIMESTAMP2: digits of the fraction · VARCHAR, STRING: longest value in bytes
//   ENUM, SET: bytes of the value · NEWDECIMAL: precision << 8 | scale · BIT: bytes << 8 | bits beyond them
Result<> read_metadata(ByteReader& reader, TableMap& map, const Event& event) {
  for (size_t i = 0; i < map.columns(); ++i) {
    uint16_t& metadata = map.metadata[i];
    switch (map.types[i]) {
      case BinlogType::kFloat:
      case BinlogType::kDouble:
      case BinlogType::kTinyBlob:
      case BinlogType::kMediumBlob:
      case BinlogType::kLongBlob:
      case BinlogType::kBlob:
      case BinlogType::kMariadbBlobCompressed:
      case BinlogType::kGeometry:
      case BinlogType::kJson:
      case BinlogType::kVector:
      case BinlogType::kTime2:
      case BinlogType::kDatetime2:
      case BinlogType::kTimestamp2: metadata = reader.u8(); break;
      case BinlogType::kVarchar:
      case BinlogType::kMariadbVarcharCompressed:
      case BinlogType::kBit: metadata = reader.u16(); break;
      case BinlogType::kNewDecimal:
      case BinlogType::kEnum:
      case BinlogType::kSet:
      case BinlogType::kVarString:
      case BinlogType::kString: {
        uint8_t first = reader.u8();
        uint8_t second = reader.u8();
        metadata = static_cast<uint16_t>(first << 8 | second);
        if (map.types[i] == BinlogType::kNewDecimal) break;
        // The first byte is the real type; two of its bits hide bits 8 and 9 of a CHAR's length, inverted.
        auto real = static_cast<BinlogType>(first | 0x30);
        bool by_number = real == BinlogType::kEnum || real == BinlogType::kSet;
        if (by_number && (first & 0x30) == 0x30) {
          map.types[i] = real;
          metadata = second;
        } else {
          metadata = static_cast<uint16_t>(second | ((first & 0x30) ^ 0x30) << 4);
        }
        break;
      }
      case BinlogType::kTiny:
      case BinlogType::kShort:
      case BinlogType::kInt24:
      case BinlogType::kLong:
      case BinlogType::kLongLong:
      case BinlogType::kYear:
      case BinlogType::kDate:
      case BinlogType::kNewDate:
      case BinlogType::kTimeOld:
      case BinlogType::kDatetimeOld:
      case BinlogType::kTimestampOld:
      case BinlogType::kNull:
      case BinlogType::kDecimalOld:
      case BinlogType::kTypedArray: break;
      default:
        return Error(ErrorCode::kUnsupported,
                     fmt::format("decoding the table map of {}.{}: column {} has type {}, which is not known",
                                 map.database, map.table, i + 1, static_cast<uint8_t>(map.types[i])));
    }
  }
  if (reader.failed()) return damaged(event, "the column metadata");
  return {};
}

// Those whose signedness the log tells: YEAR, too.
bool is_numeric(BinlogType type) {
  return type == BinlogType::kTiny || type == BinlogType::kShort || type == BinlogType::kInt24 ||
         type == BinlogType::kLong || type == BinlogType::kLongLong || type == BinlogType::kNewDecimal ||
         type == BinlogType::kFloat || type == BinlogType::kDouble || type == BinlogType::kYear;
}

bool is_character(BinlogType type) {
  return type == BinlogType::kString || type == BinlogType::kVarString || type == BinlogType::kVarchar ||
         type == BinlogType::kBlob || type == BinlogType::kTinyBlob || type == BinlogType::kMediumBlob ||
         type == BinlogType::kLongBlob || type == BinlogType::kMariadbVarcharCompressed ||
         type == BinlogType::kMariadbBlobCompressed || type == BinlogType::kVector;
}

bool is_labelled(BinlogType type) { return type == BinlogType::kEnum || type == BinlogType::kSet; }

template <typename Predicate>
std::vector<uint32_t> columns_where(const TableMap& map, Predicate predicate) {
  std::vector<uint32_t> columns;
  for (uint32_t i = 0; i < map.columns(); ++i) {
    if (predicate(map.types[i])) columns.push_back(i);
  }
  return columns;
}

// One bit per chosen column, the first in the highest bit of the first byte.
bool read_bits(ByteReader& reader, const std::vector<uint32_t>& columns, std::vector<bool>& out) {
  if (reader.left() < (columns.size() + 7) / 8) return false;
  Bytes bits = reader.rest();
  for (size_t i = 0; i < columns.size(); ++i) out[columns[i]] = (bits[i / 8] >> (7 - i % 8) & 1) != 0;
  return true;
}

// A collation for all chosen columns, then exceptions by their number among them.
bool read_default_charset(ByteReader& reader, const std::vector<uint32_t>& columns, std::vector<uint32_t>& out) {
  auto common = static_cast<uint32_t>(reader.packed());
  for (uint32_t column : columns) out[column] = common;
  while (!reader.at_end()) {
    uint64_t index = reader.packed();
    auto collation = static_cast<uint32_t>(reader.packed());
    if (reader.failed() || index >= columns.size()) return false;
    out[columns[index]] = collation;
  }
  return true;
}

bool read_numbers(ByteReader& reader, const std::vector<uint32_t>& columns, std::vector<uint32_t>& out) {
  for (uint32_t column : columns) out[column] = static_cast<uint32_t>(reader.packed());
  return !reader.failed();
}

bool read_labels(ByteReader& reader, const std::vector<uint32_t>& columns, TableMap& map) {
  map.labels.resize(map.columns());
  for (uint32_t column : columns) {
    uint64_t count = reader.packed();
    if (reader.failed() || count > reader.left()) return false;
    for (uint64_t i = 0; i < count; ++i) map.labels[column].emplace_back(reader.text(reader.packed()));
  }
  return !reader.failed();
}

bool read_key(ByteReader& reader, bool with_prefix, TableMap& map) {
  map.has_primary_key = true;
  while (!reader.at_end()) {
    uint64_t column = reader.packed();
    uint64_t prefix = with_prefix ? reader.packed() : 0;
    if (reader.failed() || column >= map.columns()) return false;
    map.primary_key.push_back({static_cast<uint32_t>(column), static_cast<uint32_t>(prefix)});
  }
  return true;
}

bool read_optional(uint8_t field, ByteReader& reader, TableMap& map) {
  switch (field) {
    case 1:
      map.is_unsigned.assign(map.columns(), false);
      return read_bits(reader, columns_where(map, is_numeric), map.is_unsigned);
    case 2:
      map.collations.resize(map.columns());
      return read_default_charset(reader, columns_where(map, is_character), map.collations);
    case 3:
      map.collations.resize(map.columns());
      return read_numbers(reader, columns_where(map, is_character), map.collations);
    case 4:
      for (size_t i = 0; i < map.columns() && !reader.failed(); ++i)
        map.names.emplace_back(reader.text(reader.packed()));
      return !reader.failed();
    case 5:
      return read_labels(reader, columns_where(map, [](BinlogType type) { return type == BinlogType::kSet; }), map);
    case 6:
      return read_labels(reader, columns_where(map, [](BinlogType type) { return type == BinlogType::kEnum; }), map);
    case 7:
      map.geometry_types.resize(map.columns());
      return read_numbers(reader, columns_where(map, [](BinlogType type) { return type == BinlogType::kGeometry; }),
                          map.geometry_types);
    case 8: return read_key(reader, false, map);
    case 9: return read_key(reader, true, map);
    case 10:
      map.collations.resize(map.columns());
      return read_default_charset(reader, columns_where(map, is_labelled), map.collations);
    case 11:
      map.collations.resize(map.columns());
      return read_numbers(reader, columns_where(map, is_labelled), map.collations);
    case 12: {
      std::vector<bool> visible(map.columns());
      if (!read_bits(reader, columns_where(map, [](BinlogType) { return true; }), visible)) return false;
      map.invisible = visible;
      map.invisible.flip();
      return true;
    }
    default: return true;  // dimensions of vectors, and whatever comes: hints that rows can be read without
  }
}

size_t table_id_size(const BinlogFormat& format, EventType type) {
  return format.post_header_lengths[static_cast<uint8_t>(type)] == 6 ? 4 : 6;
}

}  // namespace

std::string binlog_type_name(BinlogType type) {
  switch (type) {
    case BinlogType::kDecimalOld: return "DECIMAL (before 5.0)";
    case BinlogType::kTiny: return "TINYINT";
    case BinlogType::kShort: return "SMALLINT";
    case BinlogType::kLong: return "INT";
    case BinlogType::kFloat: return "FLOAT";
    case BinlogType::kDouble: return "DOUBLE";
    case BinlogType::kNull: return "NULL";
    case BinlogType::kTimestampOld: return "TIMESTAMP (before 5.6)";
    case BinlogType::kLongLong: return "BIGINT";
    case BinlogType::kInt24: return "MEDIUMINT";
    case BinlogType::kDate:
    case BinlogType::kNewDate: return "DATE";
    case BinlogType::kTimeOld: return "TIME (before 5.6)";
    case BinlogType::kDatetimeOld: return "DATETIME (before 5.6)";
    case BinlogType::kYear: return "YEAR";
    case BinlogType::kVarchar:
    case BinlogType::kVarString: return "VARCHAR";
    case BinlogType::kBit: return "BIT";
    case BinlogType::kTimestamp2: return "TIMESTAMP";
    case BinlogType::kDatetime2: return "DATETIME";
    case BinlogType::kTime2: return "TIME";
    case BinlogType::kTypedArray: return "ARRAY";
    case BinlogType::kMariadbBlobCompressed: return "BLOB COMPRESSED";
    case BinlogType::kMariadbVarcharCompressed: return "VARCHAR COMPRESSED";
    case BinlogType::kVector: return "VECTOR";
    case BinlogType::kJson: return "JSON";
    case BinlogType::kNewDecimal: return "DECIMAL";
    case BinlogType::kEnum: return "ENUM";
    case BinlogType::kSet: return "SET";
    case BinlogType::kTinyBlob:
    case BinlogType::kMediumBlob:
    case BinlogType::kLongBlob:
    case BinlogType::kBlob: return "BLOB";
    case BinlogType::kString: return "CHAR";
    case BinlogType::kGeometry: return "GEOMETRY";
  }
  return fmt::format("type {}", static_cast<uint8_t>(type));
}

Result<uint64_t> parse_table_id(const Event& event, const BinlogFormat& format) {
  ByteReader reader(event.body);
  uint64_t id = table_id_size(format, event.header.type) == 4 ? reader.u32() : reader.u48();
  if (reader.failed()) return damaged(event, "the table id");
  return id;
}

Result<TableMap> parse_table_map(const Event& event, const BinlogFormat& format) {
  TableMap map;
  ByteReader reader(event.body);
  map.table_id = table_id_size(format, event.header.type) == 4 ? reader.u32() : reader.u48();
  reader.skip(2);
  map.database = reader.text(reader.packed());
  reader.skip(1);
  map.table = reader.text(reader.packed());
  reader.skip(1);
  uint64_t columns = reader.packed();
  if (reader.failed() || columns > kMaxColumns) return damaged(event, "the table's name or count of columns");
  for (uint8_t type : reader.bytes(columns)) map.types.push_back(static_cast<BinlogType>(type));
  ByteReader metadata(reader.bytes(reader.packed()));
  Bytes nulls = reader.bytes((columns + 7) / 8);
  if (reader.failed()) return damaged(event, "the list of columns");
  map.metadata.resize(columns);
  RETURN_IF_ERROR(read_metadata(metadata, map, event));
  for (size_t i = 0; i < columns; ++i) map.nullable.push_back((nulls[i / 8] >> (i % 8) & 1) != 0);
  while (!reader.at_end()) {
    uint8_t field = reader.u8();
    ByteReader value(reader.bytes(reader.packed()));
    if (reader.failed() || !read_optional(field, value, map)) {
      return damaged(event, fmt::format("optional metadata {} of {}.{}", field, map.database, map.table));
    }
  }
  map.bytes.assign(event.body.begin(), event.body.end());
  return map;
}

}  // namespace sluice::mysql
