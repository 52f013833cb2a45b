// SPDX-License-Identifier: Apache-2.0
#include "engine/source_order.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice {
namespace {

constexpr uint64_t kNone = std::numeric_limits<uint64_t>::max();

struct Cursor {
  SourceOrder::Batch batch;
  size_t row = 0;
  uint64_t next() const { return row < batch->rows() ? batch->origins[row].sequence : kNone; }
};

// The rows of `from` up to the one that another batch must go in front of. Both halves of an update have one number.
SourceOrder::Batch run_of(Cursor& from, uint64_t before) {
  const size_t first = from.row;
  while (from.next() <= before && from.next() != kNone) ++from.row;
  if (first == 0 && from.row == from.batch->rows()) return from.batch;
  auto run = std::make_shared<ChangeBatch>(from.batch->schema);
  run->transactions = from.batch->transactions;
  for (size_t row = first; row < from.row; ++row) run->append_row_from(*from.batch, row);
  return run;
}

}  // namespace

bool SourceOrder::belongs(const ChangeBatch& batch) const {
  return !held_.empty() && held_.front()->transactions == batch.transactions;
}

std::vector<SourceOrder::Batch> SourceOrder::take() {
  std::vector<Batch> ordered;
  if (held_.size() == 1) {
    ordered.swap(held_);
    return ordered;
  }
  std::vector<Cursor> cursors;
  for (auto& batch : held_) cursors.push_back({std::move(batch)});
  held_.clear();
  for (;;) {
    Cursor* least = nullptr;
    uint64_t second = kNone;
    for (Cursor& cursor : cursors) {
      if (least == nullptr || cursor.next() < least->next()) {
        if (least != nullptr) second = std::min(second, least->next());
        least = &cursor;
      } else {
        second = std::min(second, cursor.next());
      }
    }
    if (least == nullptr || least->next() == kNone) return ordered;
    ordered.push_back(run_of(*least, second));
  }
}

}  // namespace sluice
