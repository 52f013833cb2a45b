// SPDX-License-Identifier: Apache-2.0
// Copies the rows of tables, chunk by chunk, each chunk in one transaction of the target together with its ledger
// entry. A killed copy goes on with the chunks that have no position yet.
#pragma once

#include <vector>

#include "engine/job_parts.h"

namespace sluice {

// Creates target tables, plans tables that `state` does not know, copies what is not copied. On return every table of
// `tables` is in `state` and copied. kSchemaChanged: the table's plan was forgotten, try the whole again.
Result<> run_snapshot_phase(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state);

}  // namespace sluice
