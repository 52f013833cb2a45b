// SPDX-License-Identifier: Apache-2.0
// Reads chunks in a consistent snapshot whose place in the binary log is known exactly.
//
// MariaDB tells the place itself (status variables binlog_snapshot_*), without any lock; there the transaction is
// renewed every few seconds. MySQL does not: all readers open their transactions under one FLUSH TABLES WITH READ LOCK
// that is held for milliseconds. DDL at the source waits for the chunks that are being read, not for the whole copy:
// metadata locks are given up every few seconds, and while a slow target is waited for.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "connector/key_range_reader.h"
#include "connector/source.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_source_options.h"
#include "connectors/mysql/mysql_types.h"

namespace sluice::mysql {

// `prepared_from`: of the readers' positions, see BinlogPosition.
Result<std::vector<std::unique_ptr<ChunkReader>>> open_mysql_chunk_readers(Context& context,
                                                                           const MysqlSourceOptions& options, int count,
                                                                           const Position& prepared_from);

// Opens such a snapshot whenever it is asked for one. `options` live longer.
std::unique_ptr<KeyRangeReader> make_mysql_key_range_reader(const MysqlSourceOptions& options);

}  // namespace sluice::mysql
