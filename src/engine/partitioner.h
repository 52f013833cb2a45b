// SPDX-License-Identifier: Apache-2.0
// Decides which lane a row goes to: by the hash of its key, so that changes of one row stay in order; whole tables
// where there is no key, or where rows with different keys may get into each other's way in the target.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "base/result.h"
#include "connector/confines_tables.h"
#include "connector/sink.h"
#include "data/change_batch.h"
#include "engine/job_ledger.h"

namespace sluice {

class Partitioner {
 public:
  // `confines`: the sink, if it confines tables; null if rows were spread before it did. `confined`: those of which the
  // target said so when all lanes stood together last.
  Partitioner(size_t lanes, bool keys_compare_bytewise, const ConfinesTables* confines = nullptr,
              std::set<TableId> confined = {})
      : lanes_(lanes), bytewise_(keys_compare_bytewise), confines_(confines), confined_(std::move(confined)) {}
  // As the ledger says.
  static Partitioner of(const Sink& sink, const JobState& state);

  // One entry per lane; null where the lane gets nothing. An update that moves a row to another key becomes a delete in
  // one lane and an insert in another when the lanes differ.
  Result<std::vector<std::shared_ptr<const ChangeBatch>>> split(ChangeBatch batch);
  // The lane of one row of a target table.
  size_t lane_of(const ChangeBatch& batch, size_t row) const;

  // True if the key of a row does not tell which other rows it has to stay in order with.
  bool whole_table(const TableSchema& schema) const;
  // Names of the table and of a row of it; `table` is the table's.
  uint64_t table_key(const ChangeBatch& batch) const;
  uint64_t row_key(const ChangeBatch& batch, size_t row, uint64_t table) const;

 private:
  size_t lane_of_key(const ChangeBatch& batch, size_t row) const;

  const size_t lanes_;
  const bool bytewise_;
  const ConfinesTables* const confines_;
  const std::set<TableId> confined_;
};

}  // namespace sluice
