// SPDX-License-Identifier: Apache-2.0
// Turns rows events into columns of a ChangeBatch. A RowDecoder is a plan made once per (table map, schema): per column
// a physical form, a target kind and a character set; decoding then walks the rows without look-ups or allocation.
// One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "base/result.h"
#include "connector/group_builder.h"
#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/binlog_table_map.h"
#include "connectors/mysql/mysql_types.h"
#include "data/change_batch.h"

namespace sluice::mysql {

// Flags of a rows event.
inline constexpr uint16_t kRowsEndOfStatement = 0x1;

class RowDecoder {
 public:
  // Checks that the log's columns and the schema's agree: by name if the map has names, else by count and physical
  // type. A disagreement is kUnsupported and names table, column and both types (the schema is not the one of this
  // position). `columns` is parallel to schema->columns; collations told by the map are preferred to it.
  static Result<std::unique_ptr<RowDecoder>> make(const TableMap& map, TableSchemaPtr schema,
                                                  std::span<const MysqlColumnInfo> columns);
  RowDecoder(const RowDecoder&) = delete;
  RowDecoder& operator=(const RowDecoder&) = delete;
  ~RowDecoder();

  const TableSchemaPtr& schema() const;

  // Appends all rows of one event (any rows event; MariaDB's compressed ones too) with kinds and origins and returns
  // the number of row changes (an update counts once). Columns missing from a partial image are kAbsent. On error `out`
  // may hold half a row: throw it away.
  Result<uint32_t> decode(const Event& event, const BinlogFormat& format, const RowsOrigin& origin, ChangeBatch& out);

 private:
  RowDecoder();
  struct Plan;
  std::unique_ptr<Plan> plan_;
};

}  // namespace sluice::mysql
