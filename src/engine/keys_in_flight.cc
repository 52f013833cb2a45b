// SPDX-License-Identifier: Apache-2.0
#include "engine/keys_in_flight.h"

#include <algorithm>

namespace sluice {

void KeysInFlight::forget(uint64_t durable) {
  for (; !touched_.empty() && touched_.front().run <= durable; touched_.pop_front()) {
    for (const uint64_t key : touched_.front().keys) {
      const auto found = marks_.find(key);
      if (found != marks_.end() && found->second.run <= durable) marks_.erase(found);
    }
  }
}

KeysInFlight::Mark& KeysInFlight::touch(uint64_t key, uint64_t run, uint64_t durable) {
  const auto [found, added] = marks_.try_emplace(key, Mark{run, false});
  Mark& mark = found->second;
  const bool first = added || mark.run != run;
  if (!added && first) mark = {run, mark.run > durable};
  if (first) touched_.back().keys.push_back(key);
  mark.waits = mark.waits || barrier_ > durable;
  return mark;
}

// The two halves of an update stay together.
bool KeysInFlight::touch_both(uint64_t old_key, uint64_t new_key, uint64_t run, uint64_t durable) {
  Mark& of_old = touch(old_key, run, durable);
  if (old_key == new_key) return of_old.waits;
  Mark& of_new = touch(new_key, run, durable);
  of_old.waits = of_new.waits = of_old.waits || of_new.waits;
  return of_old.waits;
}

size_t KeysInFlight::add(const ChangeBatch& batch, uint64_t run, uint64_t durable) {
  forget(durable);
  if (marks_.size() >= most_) add_barrier(run);  // they are too many to be told apart
  if (barrier_ == run) {
    waits_.assign(batch.rows(), true);
    return batch.rows();
  }
  if (touched_.empty() || touched_.back().run != run) touched_.push_back({run, {}});
  const uint64_t table = keys_.table_key(batch);
  if (keys_.whole_table(*batch.schema)) {
    const bool wait = touch(table, run, durable).waits;
    waits_.assign(batch.rows(), wait);
    return wait ? batch.rows() : 0;
  }
  waits_.assign(batch.rows(), false);
  size_t waiting = 0;
  for (size_t row = 0; row < batch.rows(); ++row) {
    const bool update = batch.kinds[row] == RowKind::kUpdateBefore;
    const size_t last = update ? row + 1 : row;
    if (touch_both(keys_.row_key(batch, row, table), keys_.row_key(batch, last, table), run, durable)) {
      for (size_t half = row; half <= last; ++half) waits_[half] = true;
      waiting += last - row + 1;
    }
    row = last;
  }
  return waiting;
}

}  // namespace sluice
