// SPDX-License-Identifier: Apache-2.0
#include "engine/whole_transactions.h"

#include "base/log.h"
#include "connector/splits_transactions.h"

namespace sluice {

WholeTransactions::WholeTransactions(const Source& source, const JobState& state, Progress& progress)
    : source_(source), progress_(progress), begin_(state.lanes.front()) {
  for (const auto& [table, table_state] : state.tables) {
    for (const auto& chunk : table_state.chunks) {
      if (!chunk.position.empty() && !source.covers(begin_, chunk.position)) begin_ = chunk.position;
    }
  }
  progress.set_whole_transactions(Wholeness::kNotYet);
  if (begin_ != state.lanes.front()) {
    log_info("the copy was read at several places of the log: the target shows whole transactions from {} on",
             begin_.text);
  }
  reached(state.lanes.front());
}

void WholeTransactions::reached(const Position& durable) {
  if (begun_ || !source_.covers(durable, begin_)) return;
  // A kill may have left a table empty whose new rows are to come.
  const auto* splits = dynamic_cast<const SplitsTransactions*>(&source_);
  if (splits != nullptr && splits->is_within_transaction(durable)) return;
  begun_ = true;
  progress_.set_whole_transactions(Wholeness::kHolds);
  log_info("from here on the target shows whole source transactions only, in the order of their commits: {}",
           durable.text);
}

}  // namespace sluice
