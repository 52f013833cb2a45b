// SPDX-License-Identifier: Apache-2.0
#include "connector/relational_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace sluice {
namespace {

// Rounds in order are many, and each begins with work for all rows that it may come to.
constexpr size_t kRowsInOrder = 512;

}  // namespace

Result<size_t> NetChanges::reduce(const ChangeBatch& batch, size_t first, bool in_order) {
  const size_t end = in_order ? std::min(batch.rows(), first + kRowsInOrder) : batch.rows();
  start(end - first);
  in_order_ = in_order;
  any_absent_ = in_order;  // may be
  for (const ColumnVector& column : batch.columns) {
    for (size_t row = first; row < batch.rows() && !any_absent_; ++row) {
      any_absent_ = column.presence(row) == Presence::kAbsent;
    }
  }
  size_t row = first;
  while (row < end) {
    RETURN_IF_ERROR(check_key(batch, row));
    size_t next = row + 1;
    switch (batch.kinds[row]) {
      case RowKind::kDelete: {
        const Entry* entry = find(batch, row, key_hash(batch, row));
        const bool moved = entry != nullptr && entry->state == State::kMoved;
        if (moved || !may_follow(batch, row, State::kDelete)) next = row;
        if (next != row) set(batch, row, State::kDelete);
        break;
      }
      case RowKind::kInsert:
      case RowKind::kRead:
      case RowKind::kUpdateAfter:  // without its before image
        if (!add_write(batch, row)) next = row;
        break;
      case RowKind::kUpdateBefore:
        SLUICE_CHECK(row + 1 < batch.rows() && batch.kinds[row + 1] == RowKind::kUpdateAfter);
        RETURN_IF_ERROR(check_key(batch, row + 1));
        next = add_write(batch, row + 1) ? row + 2 : row;
        break;
    }
    if (next == row) break;
    row = next;
  }
  SLUICE_CHECK(row > first || batch.rows() == first);
  finish(batch);
  return row;
}

// A change that must take effect behind all that are in the round.
bool NetChanges::may_follow(const ChangeBatch& batch, size_t row, State state) {
  if (!in_order_ || entries_.empty()) return true;
  const Entry& last = entries_.back();
  if (state < last.state || find(batch, row, key_hash(batch, row)) != nullptr) return false;
  const bool partial = state == State::kPartialInsert || state == State::kPartialUpdate;
  return !partial || state != last.state ||
         (carries_all_of(batch, row, last.row) && carries_all_of(batch, last.row, row));
}

bool NetChanges::add_write(const ChangeBatch& batch, size_t row) {
  const bool is_update = batch.kinds[row] == RowKind::kUpdateAfter;
  const bool moves =
      is_update && row > 0 && batch.kinds[row - 1] == RowKind::kUpdateBefore && !same_key(batch, row - 1, row);
  const bool whole = complete(batch, row);
  const Entry* entry = find(batch, row, key_hash(batch, row));
  if (entry != nullptr && entry->state == State::kMoved) return false;
  if (moves) {
    const Entry* old = find(batch, row - 1, key_hash(batch, row - 1));
    if (old != nullptr && old->state == State::kMoved) return false;
    const bool as_move = !whole || in_order_;
    if (as_move && (old != nullptr || entry != nullptr)) return false;
    set(batch, row - 1, as_move ? State::kMoved : State::kDelete);
    set(batch, row, as_move ? State::kMoved : State::kUpsert);
    if (as_move) moves_.push_back(static_cast<uint32_t>(row));
    return true;
  }
  const State partial = is_update ? State::kPartialUpdate : State::kPartialInsert;
  if (!may_follow(batch, row, whole ? State::kUpsert : partial)) return false;
  if (whole) {
    set(batch, row, State::kUpsert);
    return true;
  }
  if (entry != nullptr) {
    const bool replaces = is_update && entry->state == State::kPartialUpdate && carries_all_of(batch, row, entry->row);
    if (!replaces) return false;
  }
  set(batch, row, partial);
  return true;
}

void NetChanges::start(size_t rows) {
  entries_.clear();
  deletes_.clear();
  upserts_.clear();
  moves_.clear();
  for (PartialRows& partial : partial_) partial.rows.clear();
  partial_count_ = 0;
  slots_.assign(std::bit_ceil(2 * rows + 2), 0);
}

void NetChanges::finish(const ChangeBatch& batch) {
  for (const Entry& entry : entries_) {
    switch (entry.state) {
      case State::kDelete: deletes_.push_back(entry.row); break;
      case State::kUpsert: upserts_.push_back(entry.row); break;
      case State::kPartialInsert: add_partial(batch, entry.row, true); break;
      case State::kPartialUpdate: add_partial(batch, entry.row, false); break;
      case State::kMoved: break;
    }
  }
  // In the order of the changes, so that values of other unique keys are free before somebody takes them.
  std::ranges::sort(upserts_);
}

void NetChanges::add_partial(const ChangeBatch& batch, size_t row, bool insert) {
  const auto carried = [&batch, row](uint32_t column) {
    return batch.columns[column].presence(value_row(batch, column, row)) != Presence::kAbsent;
  };
  const auto fits = [&](const PartialRows& partial) {
    if (partial.insert != insert) return false;
    size_t at = 0;
    for (uint32_t column = 0; column < batch.columns.size(); ++column) {
      const bool listed = at < partial.columns.size() && partial.columns[at] == column;
      if (listed != carried(column)) return false;
      at += listed;
    }
    return true;
  };
  for (size_t i = 0; i < partial_count_; ++i) {
    if (fits(partial_[i])) return partial_[i].rows.push_back(static_cast<uint32_t>(row));
  }
  if (partial_count_ == partial_.size()) partial_.emplace_back();
  PartialRows& partial = partial_[partial_count_++];
  partial.insert = insert;
  partial.columns.clear();
  for (uint32_t column = 0; column < batch.columns.size(); ++column) {
    if (carried(column)) partial.columns.push_back(column);
  }
  partial.rows.assign(1, static_cast<uint32_t>(row));
}

uint64_t NetChanges::key_hash(const ChangeBatch& batch, size_t row) const {
  uint64_t hash = 0;
  for (const uint32_t column : batch.schema->key) {
    hash = batch.columns[column].hash_at(value_row(batch, column, row), hash);
  }
  return hash;
}

bool NetChanges::same_key(const ChangeBatch& batch, size_t row, size_t other) const {
  return std::ranges::all_of(batch.schema->key, [&](uint32_t column) {
    const ColumnVector& values = batch.columns[column];
    return values.equal_at(value_row(batch, column, row), values, value_row(batch, column, other));
  });
}

bool NetChanges::complete(const ChangeBatch& batch, size_t row) const {
  if (!any_absent_) return true;
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    if (batch.columns[column].presence(value_row(batch, column, row)) == Presence::kAbsent) return false;
  }
  return true;
}

bool NetChanges::carries_all_of(const ChangeBatch& batch, size_t row, size_t earlier) const {
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    const ColumnVector& values = batch.columns[column];
    if (values.presence(value_row(batch, column, row)) == Presence::kAbsent &&
        values.presence(value_row(batch, column, earlier)) != Presence::kAbsent) {
      return false;
    }
  }
  return true;
}

Result<> NetChanges::check_key(const ChangeBatch& batch, size_t row) const {
  for (const uint32_t column : batch.schema->key) {
    if (batch.columns[column].has_value(value_row(batch, column, row))) continue;
    return Error(ErrorCode::kData,
                 fmt::format("a change of {} has no value in key column '{}'", batch.schema->id.text(),
                             batch.schema->columns[column].name),
                 "Set binlog_row_image to FULL or MINIMAL at the source, or choose key columns that are never NULL.");
  }
  return {};
}

NetChanges::Entry* NetChanges::find(const ChangeBatch& batch, size_t row, uint64_t hash) {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash & mask; slots_[slot] != 0; slot = (slot + 1) & mask) {
    Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && same_key(batch, entry.row, row)) return &entry;
  }
  return nullptr;
}

void NetChanges::set(const ChangeBatch& batch, size_t row, State state) {
  const uint64_t hash = key_hash(batch, row);
  if (Entry* entry = find(batch, row, hash); entry != nullptr) {
    entry->row = static_cast<uint32_t>(row);
    entry->state = state;
    return;
  }
  entries_.push_back({hash, static_cast<uint32_t>(row), state});
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  while (slots_[slot] != 0) slot = (slot + 1) & mask;
  slots_[slot] = static_cast<uint32_t>(entries_.size());
}

bool has_partial_rows(const ChangeBatch& batch) {
  for (size_t row = 0; row < batch.rows(); ++row) {
    if (batch.kinds[row] == RowKind::kDelete || batch.kinds[row] == RowKind::kUpdateBefore) continue;
    for (size_t column = 0; column < batch.columns.size(); ++column) {
      if (batch.columns[column].presence(value_row(batch, column, row)) == Presence::kAbsent) return true;
    }
  }
  return false;
}

KeylessStep next_keyless_step(const ChangeBatch& batch, size_t first) {
  const auto appends = [&batch](size_t row) {
    return batch.kinds[row] == RowKind::kInsert || batch.kinds[row] == RowKind::kRead;
  };
  if (appends(first)) {
    size_t end = first + 1;
    while (end < batch.rows() && appends(end)) ++end;
    return {KeylessStep::Kind::kAppend, first, end};
  }
  if (batch.kinds[first] == RowKind::kDelete) return {KeylessStep::Kind::kDelete, first, first + 1};
  SLUICE_CHECK(batch.kinds[first] == RowKind::kUpdateBefore && first + 1 < batch.rows());
  return {KeylessStep::Kind::kUpdate, first, first + 2};
}

Result<> check_whole_image(const ChangeBatch& batch, size_t row) {
  for (size_t column = 0; column < batch.columns.size(); ++column) {
    if (batch.columns[column].presence(row) != Presence::kAbsent) continue;
    return Error(ErrorCode::kData,
                 fmt::format("a change of {}, which has no key, does not carry column '{}'", batch.schema->id.text(),
                             batch.schema->columns[column].name),
                 "Set binlog_row_image to FULL at the source (REPLICA IDENTITY FULL in PostgreSQL), or give the table "
                 "a primary key.");
  }
  return {};
}

Error missing_row(const TableId& table) {
  return Error(ErrorCode::kData,
               table.table.empty() ? std::string("a changed row is not in the target")
                                   : fmt::format("a changed row of {} is not in the target", table.text()),
               "Somebody else changed the target table; copy it again, or correct it with 'sluice verify --repair'.");
}

}  // namespace sluice
