// SPDX-License-Identifier: Apache-2.0
// The log that a server keeps for a replication slot: how much it is, a warning when it is too much, and readers of it.
#pragma once

#include <memory>

#include "connector/source.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

// `captured` must outlive it.
std::unique_ptr<HeldLog> make_postgres_held_log(const PostgresSourceOptions& options,
                                                const PostgresCapturedTables& captured);

}  // namespace sluice
