// SPDX-License-Identifier: Apache-2.0
// Leaves out of a log that was read beside a copy what the copied chunks contain.
#pragma once

#include "connector/reads_beside_copies.h"
#include "connectors/postgres/postgres_source_options.h"

namespace sluice {

// `options` live longer.
Result<std::unique_ptr<CopiedChanges>> make_postgres_copied_changes(const PostgresSourceOptions& options,
                                                                    const std::vector<FinishedChunk>& chunks);

}  // namespace sluice
