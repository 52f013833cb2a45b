// SPDX-License-Identifier: Apache-2.0
// Follows a logical slot (plugin pgoutput) and turns it into groups of changes.
//
// A transaction is known by the LSN of its commit record. Changes are collected into one open batch per table shape; a
// group ends where the server pauses or enough has come, always between two transactions. A table whose shape in
// the log differs from the tracked one ends the group before it: the schema change travels alone.
#pragma once

#include <memory>

#include "connector/source.h"
#include "connectors/postgres/postgres_replication.h"
#include "connectors/postgres/postgres_source_options.h"
#include "connectors/postgres/relation_tracker.h"

namespace sluice {

// On a connection of its own if none is given; one that is given may own the slot.
Result<std::unique_ptr<LogReader>> open_postgres_log_reader(Context& context, const PostgresSourceOptions& options,
                                                            const PostgresCapturedTables& captured, LogStart start,
                                                            std::unique_ptr<ReplicationConnection> connection = nullptr,
                                                            UnknownTables unknown = UnknownTables::kAreCopiedNow);

}  // namespace sluice
