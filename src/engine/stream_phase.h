// SPDX-License-Identifier: Apache-2.0
// Reads the source's log and carries its changes into the target until it is told to stop, an error happens, or the
// job has caught up with `until`. The reader and the lanes are tasks; what comes between them is the coordinator's.
#pragma once

#include <memory>
#include <optional>

#include "engine/job_parts.h"

namespace sluice {

class StreamPhase {
 public:
  // `parts` and `state` outlive it.
  static std::unique_ptr<StreamPhase> make(JobParts& parts, JobState& state, std::optional<Position> until);
  // Ends its tasks.
  virtual ~StreamPhase() = default;

  // A step of the coordinator. True: `until` is reached and durable. False: the source's log must be spooled; the phase
  // is to begin again, from what the ledger says then. Empty: `next` says when to go on. kSchemaChanged: a table must
  // be copied (again); `state` and ledger say which. The phase is over with all but the empty one.
  virtual Result<std::optional<bool>> step(NextStep& next) = 0;
};

}  // namespace sluice
