// SPDX-License-Identifier: Apache-2.0
// Names single rows that differ: their key, and the columns in which they differ. Values of other columns than the key
// are not told.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "verify/ranges.h"
#include "verify/row_digest.h"

namespace sluice {

// What differs about one key: both sides' rows (count 0: not there).
struct Difference {
  KeyedRow source;
  KeyedRow target;
  friend bool operator==(const Difference&, const Difference&) = default;
};
using Differences = std::unordered_map<Digest, Difference, DigestHash>;

struct NamedDifference {
  Difference difference;
  // Column and value; of a table without a key all columns, long values cut. No value: NULL.
  std::vector<std::pair<std::string, std::optional<std::string>>> key;
  std::vector<std::string> columns;  // that differ; empty if one side lacks the row, or it has changed since
};

// Reads the range again on both sides to name these differences. Rows that are gone by now are left out.
Result<std::vector<NamedDifference>> name_differences(Sides& sides, ChunkReader& source, TableReader& target,
                                                      const Range& range, const Differences& wanted);

}  // namespace sluice
