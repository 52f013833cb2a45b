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

Result<ColumnVector> PostgresChunkFilter::bounds(const DataType& type) const {
  ColumnVector bounds(type.kind);
  std::string scratch;
  for (size_t i = 1; i < chunks_.size(); ++i) {
    if (!chunks_[i].range.lower) {
      return Error(ErrorCode::kInternal,
                   fmt::format("chunk {} of table {} has no lower bound", i, chunks_[i].range.table.text()));
    }
    RETURN_IF_ERROR(append_postgres_text(bounds, type, *chunks_[i].range.lower, scratch));
  }
  return bounds;
}

Result<> PostgresChunkFilter::drop_known_rows(std::span<const Lsn> commits, uint32_t column, ChangeBatch& batch) const {
  std::optional<ColumnVector> lower;
  const auto is_below = [&](size_t row, size_t bound) {
    const ColumnVector& keys = batch.columns[column];
    return keys.storage() == Storage::kInt64 ? keys.int_at(row) < lower->int_at(bound)
                                             : keys.bytes_at(row) < lower->bytes_at(bound);
  };
  // The last chunk whose lower bound is not greater than the key.
  const auto chunk_of = [&](size_t row) -> const Chunk& {
    size_t low = 0;
    size_t high = chunks_.size() - 1;
    while (low < high) {
      const size_t middle = (low + high + 1) / 2;
      if (is_below(row, middle - 1)) {
        high = middle - 1;
      } else {
        low = middle;
      }
    }
    return chunks_[low];
  };
  std::vector<bool> is_known;
  bool any = false;
  for (size_t row = 0; row < batch.rows(); ++row) {
    const Known whole = known(commits[row]);
    if (whole == Known::kSome && !lower) {
      ASSIGN_OR_RETURN(lower, bounds(batch.schema->columns[column].type));
    }
    if (whole == Known::kSome && !batch.columns[column].has_value(row)) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("a change of table {} does not tell the old value of column '{}', by which its copy was "
                               "cut",
                               batch.schema->id.text(), batch.schema->columns[column].name),
                   "Cut it by its key (scan.incremental.snapshot.chunk.key-column) and start the job with --reset.");
    }
    is_known.push_back(whole == Known::kAll || (whole == Known::kSome && commits[row] < chunk_of(row).position));
    any = any || is_known.back();
  }
  return any ? drop_known_changes(batch, is_known) : Result<>();
}

}  // namespace sluice
