// SPDX-License-Identifier: Apache-2.0
// Compares a range by what both servers say of it, without reading its rows.
#pragma once

#include <optional>

#include "verify/ranges.h"

namespace sluice {

// How many rows both sides hold, if both servers hash every column of the range alike and their hashes are equal. The
// rows must reach the target as they are: the job has no transforms. `begun` as of Sides::read_source.
Result<std::optional<uint64_t>> rows_hashed_equal(Sides& sides, ChunkReader& source, TableReader& target,
                                                  const Range& range, const EachBegun& begun = {});

}  // namespace sluice
