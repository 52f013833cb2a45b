// SPDX-License-Identifier: Apache-2.0
// How each column of a row image is read, decided once from the table map and the schema. Internal to the decoder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/binlog_table_map.h"
#include "connectors/mysql/charset.h"
#include "connectors/mysql/mysql_types.h"
#include "data/types.h"

namespace sluice::mysql {

enum class ValueForm : uint8_t {
  kInt8,
  kInt16,
  kInt24,
  kInt32,
  kInt64,  // also unsigned: the same bits
  kUint8,
  kUint16,
  kUint24,
  kUint32,
  kFloat,
  kDouble,
  kTruth,  // a byte that is 0 or 1
  kYear,
  kDecimal,
  kBit,
  kEnum,
  kSet,
  kDate,
  kTime2,
  kDatetime2,
  kTimestamp2,
  kTimeOld,
  kDatetimeOld,
  kTimestampOld,
  // With a length in front.
  kText,
  kBytes,
  kPadded,  // BINARY(n): the log leaves trailing zero bytes out
  kJson,
  kUuid,
  kInet4,
  kInet6,
  kCompressed,
};

struct ColumnPlan {
  ValueForm form = ValueForm::kInt8;
  uint8_t length_size = 0;  // bytes of the length in front; 0: the value has `size` bytes
  bool plain = false;       // the bytes behind the length are the value
  bool hidden = false;      // of the server's own: skipped
  uint32_t size = 0;
  uint32_t target = 0;                          // column of the schema
  const DataType* type = nullptr;               // in the schema
  std::unique_ptr<CharsetConverter> converter;  // null: none needed
  mutable std::string expanded;                 // of a compressed value
};

// One entry per column of the map, in its order. Errors as RowDecoder::make.
Result<std::vector<ColumnPlan>> plan_columns(const TableMap& map, const TableSchema& schema,
                                             std::span<const MysqlColumnInfo> columns);

}  // namespace sluice::mysql
