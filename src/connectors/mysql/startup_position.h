// SPDX-License-Identifier: Apache-2.0
// Where a job without a copy begins in the log.
#pragma once

#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_position.h"
#include "connectors/mysql/mysql_source_options.h"

namespace sluice::mysql {

Result<BinlogPosition> startup_position(Context& context, MysqlConnection& connection,
                                        const MysqlSourceOptions& options);

}  // namespace sluice::mysql
