// SPDX-License-Identifier: Apache-2.0
// What both sides of a range hold, as sums of their rows' hashes by bucket: equal sums, equal rows.
#pragma once

#include <vector>

#include "verify/ranges.h"
#include "verify/row_digest.h"
#include "verify/suspect.h"

namespace sluice {

struct RangeSums {
  std::vector<DigestSum> source;
  std::vector<DigestSum> target;

  uint64_t rows() const;  // of the source
  // The buckets whose sums differ; all of them of a range of a cut table, which is small as it is.
  std::bitset<kBuckets> differing() const;
  // Rows of both sides in the bucket, as far as they are told apart.
  uint64_t rows_of(size_t bucket) const;
};

// Reads both sides at the same time. `begun` as of Sides::read_source.
Result<RangeSums> sum_range(Sides& sides, ChunkReader& source, TableReader& target, const Range& range,
                            const EachBegun& begun = {});

}  // namespace sluice
