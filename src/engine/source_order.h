// SPDX-License-Identifier: Apache-2.0
// Puts changes of several tables back into the order in which the source made them. A log reader hands on one batch for
// each table, numbered by RowOrigin::sequence; a target with foreign keys needs the parent's row before the child's.
// One thread.
#pragma once

#include <memory>
#include <vector>

#include "data/change_batch.h"

namespace sluice {

class SourceOrder {
 public:
  using Batch = std::shared_ptr<const ChangeBatch>;

  bool empty() const { return held_.empty(); }
  // True if the batch was handed on together with those that are held, so that its rows may stand between theirs.
  bool belongs(const ChangeBatch& batch) const;
  void hold(Batch batch) { held_.push_back(std::move(batch)); }
  // What is held, in the source's order: as few batches as that takes.
  std::vector<Batch> take();

 private:
  std::vector<Batch> held_;
};

}  // namespace sluice
