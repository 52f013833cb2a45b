// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_chunk_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "connector/known_changes.h"
#include "connectors/postgres/postgres_types.h"

namespace sluice {

Result<std::unique_ptr<PostgresChunkFilter>> PostgresChunkFilter::make(const std::vector<FinishedChunk>& chunks) {
  auto filter = std::make_unique<PostgresChunkFilter>();
  for (const auto& chunk : chunks) {
    ASSIGN_OR_RETURN(const Lsn position, Lsn::of(chunk.position));
    filter->chunks_.push_back({chunk.chunk, position});
    filter->first_ = filter->chunks_.size() == 1 ? position : std::min(filter->first_, position);
    filter->last_ = std::max(filter->last_, position);
  }
  std::ranges::sort(filter->chunks_, {}, [](const Chunk& chunk) { return chunk.range.index; });
  return filter;
}

PostgresChunkFilter::Known PostgresChunkFilter::known(Lsn commit) const {
  if (commit >= last_) return Known::kNone;
  return commit < first_ ? Known::kAll : Known::kSome;
}

Result<> PostgresChunkFilter::drop_known_rows(Lsn commit, uint32_t column, ChangeBatch& batch) const {
  // The lower bounds of all chunks but the first, in the form of the column's values.
  const DataType& type = batch.schema->columns[column].type;
  ColumnVector bounds(type.kind);
  std::string scratch;
  for (size_t i = 1; i < chunks_.size(); ++i) {
    if (!chunks_[i].range.lower) {
      return Error(ErrorCode::kInternal,
                   fmt::format("chunk {} of table {} has no lower bound", i, chunks_[i].range.table.text()));
    }
    RETURN_IF_ERROR(append_postgres_text(bounds, type, *chunks_[i].range.lower, scratch));
  }
  const ColumnVector& keys = batch.columns[column];
  const auto is_below = [&](size_t row, size_t bound) {
    return keys.storage() == Storage::kInt64 ? keys.int_at(row) < bounds.int_at(bound)
                                             : keys.bytes_at(row) < bounds.bytes_at(bound);
  };
  const auto is_known = [&](size_t row) {
    size_t low = 0;  // the last chunk whose lower bound is not greater than the key
    size_t high = chunks_.size() - 1;
    while (low < high) {
      const size_t middle = (low + high + 1) / 2;
      if (is_below(row, middle - 1)) {
        high = middle - 1;
      } else {
        low = middle;
      }
    }
    return commit < chunks_[low].position;
  };
  std::vector<bool> known;
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (!keys.has_value(row)) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("a change of table {} does not tell the old value of column '{}', by which its copy was "
                               "cut",
                               batch.schema->id.text(), batch.schema->columns[column].name),
                   "Cut it by its key (scan.incremental.snapshot.chunk.key-column) and start the job with --reset.");
    }
    known.push_back(is_known(row));
  }
  return drop_known_changes(batch, known);
}

}  // namespace sluice
