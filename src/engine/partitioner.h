// SPDX-License-Identifier: Apache-2.0
// Decides which lane a row goes to: by the hash of its key, so that changes of one row stay in order; whole tables
// where there is no key, or where the target may call keys equal that differ in bytes.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

class Partitioner {
 public:
  Partitioner(size_t lanes, bool keys_compare_bytewise) : lanes_(lanes), bytewise_(keys_compare_bytewise) {}

  // One entry per lane; null where the lane gets nothing. An update that moves a row to another key becomes a delete in
  // one lane and an insert in another when the lanes differ.
  Result<std::vector<std::shared_ptr<const ChangeBatch>>> split(ChangeBatch batch);
  // The lane of one row of a target table.
  size_t lane_of(const ChangeBatch& batch, size_t row) const;

 private:
  size_t lane_of_key(const ChangeBatch& batch, size_t row) const;
  bool whole_table(const TableSchema& schema) const;

  const size_t lanes_;
  const bool bytewise_;
};

}  // namespace sluice
