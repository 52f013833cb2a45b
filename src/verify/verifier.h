// SPDX-License-Identifier: Apache-2.0
// Proves that a target equals its source, through the job's transforms and routes, also while changes flow.
//
// Each target table is compared range by range: both sides are read, values become the same canonical form, and counts
// and hashes must agree: then the target held exactly the rows that the source had in a snapshot taken after verifying
// began. Rows of ranges where they do not agree are looked at one by one (verify/settler.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "connector/sink.h"
#include "connector/source.h"
#include "engine/rate_limiter.h"
#include "transform/job_transform.h"
#include "verify/row_names.h"

namespace sluice {

struct VerifyOptions {
  int rounds = 5;                        // comparisons of rows before what keeps changing is given up
  std::chrono::milliseconds pause{500};  // between them
  size_t named_differences = 10;         // of a table
  bool hash_in_servers = false;          // where they can; the job has no transforms
  bool rows_may_be_ahead = false;        // of the ledger, because they were repaired
  RateLimiter* limiter = nullptr;        // of what is read from the source; null: none
};

// verify.hash, for jobs whose rows reach the target as they are.
inline bool may_hash_in_servers(const JobSpec& spec) {
  return spec.pipeline.verify_hash_in_servers && spec.transforms.empty();
}

struct TableVerdict {
  TableId target;
  uint64_t rows = 0;       // compared at the source
  uint64_t hashed = 0;     // of these, by the servers alone: they were not read
  uint64_t missing = 0;    // in the source only
  uint64_t surplus = 0;    // in the target only
  uint64_t different = 0;  // in both, with other values
  uint64_t unsettled = 0;  // changes have not arrived, or the last round still saw others than the one before
  bool copying = false;    // because the job's first copy of it has not ended
  bool no_table = false;   // the target has none, so that nothing was compared
  std::vector<NamedDifference> named;
  uint64_t differences() const { return missing + surplus + different; }
  bool equal() const { return differences() + unsettled == 0 && !no_table; }
};

// What may correct the target.
class Repair {
 public:
  virtual ~Repair() = default;
  // From here on no other process writes for the job. Doing it again is nothing.
  virtual Result<> take_over() = 0;
  // Rows in the target's shape: kInsert rows replace by key, kDelete rows remove by key.
  virtual Result<> write(const ChangeBatch& rows) = 0;
};

// Verifies all tables of the job that has this name in the target's ledger. `repair` may be null; it gets what corrects
// the differences of tables that have a key.
Result<std::vector<TableVerdict>> verify_tables(Context& context, Source& source, Sink& sink, JobTransform& transform,
                                                const std::string& job, const VerifyOptions& options, Repair* repair);

}  // namespace sluice
