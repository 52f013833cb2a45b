// SPDX-License-Identifier: Apache-2.0
// Follows a server's binary log as a replica and turns it into groups of changes.
//
// A transaction is known by its GTID, or by the file and offset where it starts. Changes are collected into one open
// batch per table; a group ends where the log pauses or enough has come, always between two transactions. Statements
// that change tables end the group before them and travel alone.
#pragma once

#include <memory>

#include "connector/source.h"
#include "connectors/mysql/captured_tables.h"
#include "connectors/mysql/mysql_source_options.h"

namespace sluice::mysql {

Result<std::unique_ptr<LogReader>> open_mysql_log_reader(Context& context, const MysqlSourceOptions& options,
                                                         const CapturedTables& captured, LogStart start);

}  // namespace sluice::mysql
