// SPDX-License-Identifier: Apache-2.0
// What is compared with what: ranges of target tables and the source chunks whose rows they hold, read through the
// job's transform. Borrows everything it is given; one thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "connector/sink.h"
#include "connector/source.h"
#include "engine/rate_limiter.h"
#include "transform/job_transform.h"
#include "verify/row_digest.h"

namespace sluice {

struct Range {
  TableSchemaPtr target;
  SnapshotChunk rows;  // of the target; without bounds: the whole table
  std::vector<std::pair<TableSchemaPtr, SnapshotChunk>> sources;

  // True if a row of the target table belongs here, by its key.
  bool holds(const ChangeBatch& batch, size_t row) const;
  // The source tables.
  std::set<TableId> source_tables() const;
};

// A source table and its chunks.
using ChunkedTable = std::pair<TableSchemaPtr, std::vector<SnapshotChunk>>;
// Of a target table: one range a chunk where both sides order keys alike (integers that pass through unchanged), else
// one.
std::vector<Range> ranges_of(const TableSchemaPtr& target, const std::vector<ChunkedTable>& sources);

using EachBatch = std::function<Result<>(const ChangeBatch&)>;
using EachBegun = std::function<void(const SnapshotChunk&)>;

// The two sides of a job.
struct Sides {
  Context& context;
  Source& source;
  Sink& sink;
  JobTransform& transform;
  RateLimiter* limiter = nullptr;  // of what is read from the source; null: none

  // Of a target table, as the source cuts its tables now.
  Result<std::vector<Range>> ranges_of(const TableSchemaPtr& target, const std::vector<TableSchemaPtr>& sources);
  // Sees the source's rows of now. A `placed` one knows where in the log that is, if the source can tell.
  Result<std::unique_ptr<ChunkReader>> fresh_reader(bool placed = false);
  // `begun` is called after each chunk's begin, when the reader's position is that of the chunk.
  Result<> read_source(ChunkReader& reader, const Range& range, const EachBatch& each, const EachBegun& begun = {});
  Result<> read_target(TableReader& reader, const Range& range, const EachBatch& each);
};

}  // namespace sluice
