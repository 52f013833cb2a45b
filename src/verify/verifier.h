// SPDX-License-Identifier: Apache-2.0
// Proves that a target equals its source, through the job's transforms and routes, also while changes flow.
//
// Each target table is compared range by range: both sides are read, values become the same canonical form, and counts
// and hashes must agree. Where they do not, rows are compared by key, again and again with pauses: a change that is on
// its way arrives meanwhile. What differs in the same way each time is a difference; what keeps changing is told apart.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "connector/sink.h"
#include "connector/source.h"
#include "transform/job_transform.h"

namespace sluice {

struct VerifyOptions {
  int rounds = 5;                        // comparisons of a range that differs before it is judged
  std::chrono::milliseconds pause{500};  // between them
};

struct TableVerdict {
  TableId target;
  uint64_t rows = 0;       // compared at the source
  uint64_t missing = 0;    // in the source only
  uint64_t surplus = 0;    // in the target only
  uint64_t different = 0;  // in both, with other values
  uint64_t unsettled = 0;  // still changing after the last round
  bool equal() const { return missing + surplus + different + unsettled == 0; }
};

// Rows that correct the target, in the target's shape: kInsert rows replace by key, kDelete rows remove by key.
using RepairSink = std::function<Result<>(const ChangeBatch& rows)>;

// Verifies all tables. `repair` may be empty; it gets the settled differences of tables that have a key.
Result<std::vector<TableVerdict>> verify_tables(Context& context, Source& source, Sink& sink, JobTransform& transform,
                                                const VerifyOptions& options, const RepairSink& repair);

}  // namespace sluice
