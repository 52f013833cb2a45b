// SPDX-License-Identifier: Apache-2.0
// Reads the source's log and carries its changes into the target until it is told to stop, an error happens, or the
// job has caught up with `until`.
#pragma once

#include <optional>

#include "engine/job_parts.h"

namespace sluice {

// True: `until` is reached and durable. False: the source's log must be spooled; the phase is to begin again, from what
// the ledger says then. kSchemaChanged: a table must be copied (again); `state` and ledger say which.
Result<bool> run_stream_phase(JobParts& parts, JobState& state, const std::optional<Position>& until);

}  // namespace sluice
