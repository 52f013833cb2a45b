// SPDX-License-Identifier: Apache-2.0
// From where on the target shows whole source transactions only (apply: transactional). Its chunks were read at places
// of the log that may differ, and changes that a chunk holds already are left out of it; so the promise begins where
// the log has passed the last of them. Owned by the stream phase; its coordinator's thread.
#pragma once

#include "connector/source.h"
#include "engine/job_ledger.h"
#include "engine/progress.h"

namespace sluice {

class WholeTransactions {
 public:
  // `state` as the stream begins; all lanes stand at one place.
  WholeTransactions(const Source& source, const JobState& state, Progress& progress);
  // Everything up to here is in the target. Says once that the promise holds.
  void reached(const Position& durable);

 private:
  const Source& source_;
  Progress& progress_;
  Position begin_;
  bool begun_ = false;
};

}  // namespace sluice
