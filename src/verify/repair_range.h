// SPDX-License-Identifier: Apache-2.0
// Writes what a range of the target lacks, has otherwise or has too much, as part of the writer's open transaction.
// Nobody else writes the target. One thread.
//
// A source whose snapshot moves on between two readings (MariaDB) may show rows of a key as they are behind the place
// of the first one; the log from that place on makes up for it. Rows without a key are exactly those of the last
// reading.
#pragma once

#include <cstdint>

#include "engine/schema_policy.h"
#include "verify/range_sums.h"
#include "verify/ranges.h"

namespace sluice {

struct RepairCounts {
  uint64_t missing = 0;    // of the source's rows
  uint64_t different = 0;  // in both, with other values
  uint64_t surplus = 0;    // in the target only
  uint64_t rows() const { return missing + different + surplus; }
};

struct RangeRepair {
  Sides& sides;
  ChunkReader& source;
  TableReader& target;
  SinkWriter& writer;
  SchemaPolicy& policy;
  // Rows that differ are removed and not written: rows of other ranges may hold their unique values yet.
  bool remove_only = false;
  EachBegun filling;  // a chunk of a table without a key is read to fill its target again

  // Of buckets whose sums differ.
  Result<RepairCounts> repair(const Range& range, const RangeSums& sums) const;

 private:
  Result<> repair_buckets(const Range& range, const std::bitset<kBuckets>& buckets, RepairCounts& counts) const;
  Result<> fill_again(const Range& range, RepairCounts& counts) const;
  Result<> write(const ChangeBatch& rows) const;
};

}  // namespace sluice
