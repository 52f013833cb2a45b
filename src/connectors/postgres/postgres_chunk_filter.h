// SPDX-License-Identifier: Apache-2.0
// While the log overlaps the copy: which changes a copied table already has. Chunks of one table may have been read at
// different positions (copies that were resumed); then a change is judged by the chunk that its key belongs to. Used by
// the log reader's thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "connector/source.h"
#include "connectors/postgres/postgres_lsn.h"
#include "data/change_batch.h"

namespace sluice {

class PostgresChunkFilter {
 public:
  // `chunks` are all of one table, any order.
  static Result<std::unique_ptr<PostgresChunkFilter>> make(const std::vector<FinishedChunk>& chunks);

  enum class Known : uint8_t { kNone, kSome, kAll };
  // How much of the transaction with this commit record the copied rows contain.
  Known known(Lsn commit) const;
  // True once nothing behind `reached` can be in the copy.
  bool passed(Lsn reached) const { return reached >= last_; }

  // Drops from `batch` the rows that are known. `commits` are their transactions', one for each. Where kSome of one is
  // known, `column` is the chunk column, whose values in the batch must be present. An update that moves a row between
  // chunks loses the half that is known.
  Result<> drop_known_rows(std::span<const Lsn> commits, uint32_t column, ChangeBatch& batch) const;

 private:
  struct Chunk {
    SnapshotChunk range;
    Lsn position;
  };
  // The lower bounds of all chunks but the first, in the form of the column's values.
  Result<ColumnVector> bounds(const DataType& type) const;

  std::vector<Chunk> chunks_;  // ordered by index, hence by range
  Lsn first_;                  // of all positions
  Lsn last_;
};

}  // namespace sluice
