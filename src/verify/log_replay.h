// SPDX-License-Identifier: Apache-2.0
// Makes two snapshots comparable that were not taken at the same moment: brings the rows that a source had in its
// snapshot to what they were where the target stands, by the source's log between the two.
//
// The target's lanes say exactly up to where each of them has every change and nothing behind it. For a key whose lane
// stands at Q, the row at Q is the image after the last change up to Q in that part of the log; if there is none, the
// image before the first change behind Q, up to the snapshot; if there is none either, what the snapshot saw. An image
// that lacks columns leaves its key untold. Rows without a key are counted: every change between snapshot and Q adds or
// removes one.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "engine/job_ledger.h"
#include "verify/ranges.h"
#include "verify/suspect.h"

namespace sluice {

// Where the snapshot stood when a source table's rows were read; several places if it moved on between chunks.
using SnapshotPositions = std::map<TableId, std::vector<Position>>;

// Brings Suspect::source to where `target` stands and fills Suspect::pending and untold. False, leaving all as it is,
// if the log cannot tell: the snapshot's place is unknown, the copy has not ended, a table changed its shape in
// between, or images do not carry the key.
Result<bool> replay_log(Sides& sides, const std::vector<SourceTable>& tables, const SnapshotPositions& snapshot,
                        const JobState& target, std::span<Suspect> suspects);

// True if the target has everything that the snapshot has.
bool has_caught_up(const Source& source, const SnapshotPositions& snapshot, const JobState& target);

}  // namespace sluice
