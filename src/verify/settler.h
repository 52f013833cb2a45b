// SPDX-License-Identifier: Apache-2.0
// Decides about rows whose sums differed while changes flow.
//
// Where the source's log can be read a second time the answer is exact: both sides are read in snapshots whose places
// in the log are known, and the log between the two tells the rest (verify/log_replay.h). Elsewhere rows are compared
// again and again with pauses: what differs in the same way each time is a difference, what keeps changing is told
// apart.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/job_ledger.h"
#include "verify/log_replay.h"
#include "verify/row_names.h"
#include "verify/suspect.h"
#include "verify/verifier.h"

namespace sluice {

class Settler {
 public:
  Settler(Sides& sides, std::string job, const std::vector<SourceTable>& tables, const VerifyOptions& options,
          Repair* repair)
      : sides_(sides), job_(std::move(job)), tables_(tables), options_(options), repair_(repair) {}

  // Adds what it finds to the tables' verdicts, and has the differences repaired if there is a `repair`.
  Result<> settle(std::vector<Suspect>& suspects, std::vector<TableVerdict>& verdicts);

 private:
  // One comparison of all suspects.
  struct Comparison {
    bool exact = false;
    bool copying = false;  // the job's first copy of a table has not ended
    bool behind = false;   // the target lacks changes that the source's snapshot has
    std::vector<Position> lanes;
    std::vector<Differences> differences;  // by suspect
    std::vector<uint64_t> unsettled;       // by suspect: keys about which nothing can be said yet
    uint64_t waiting() const;
  };
  Result<Comparison> compare(std::vector<Suspect>& suspects);
  Result<SnapshotPositions> read_source(std::vector<Suspect>& suspects);
  Result<JobState> open_target_snapshot(const SnapshotPositions& source);
  Result<Comparison> settled(std::vector<Suspect>& suspects);
  Result<> name(const Suspect& suspect, const Differences& differences, TableVerdict& verdict);
  Result<> correct(const Suspect& suspect, const Differences& differences);

  Sides& sides_;
  const std::string job_;
  const std::vector<SourceTable>& tables_;
  const VerifyOptions& options_;
  Repair* repair_;
  bool place_known_ = true;              // until a source could not tell where in the log its rows stand
  std::unique_ptr<ChunkReader> source_;  // of the last comparison
  std::unique_ptr<TableReader> target_;
};

}  // namespace sluice
