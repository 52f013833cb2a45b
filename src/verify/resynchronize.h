// SPDX-License-Identifier: Apache-2.0
// Makes the target equal to the source again when the log between the two is lost: compares both sides range by range
// and writes only the rows that differ, those among them that only the target has.
//
// It takes the place of the first copy (engine/snapshot_phase.h): the source is read in snapshots whose places in the
// log are known, behind the log that the source keeps for the job from now on, and each chunk is recorded with its
// place; so the log follows exactly as after a copy, and a kill costs the chunks that were not recorded. Nobody else
// writes the target meanwhile: the job is ours.
//
// A table without a key that differs is emptied and filled again, in one transaction.
#pragma once

#include <vector>

#include "engine/job_parts.h"

namespace sluice {

// Of the tables whose chunks are planned to be compared and have no position yet; sets their positions.
Result<> resynchronize(JobParts& parts, const std::vector<SourceTable>& tables, JobState& state);

}  // namespace sluice
