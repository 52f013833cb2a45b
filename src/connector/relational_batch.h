// SPDX-License-Identifier: Apache-2.0
// What a batch of changes of a keyed table comes to, row by row of the target: the last change of each key wins.
//
// A batch is worked off in *rounds*, nearly always one. Inside a round every key is touched by at most one list, so its
// lists may be executed in the order deletes, upserts, inserts of some columns, updates of some columns, moves. A
// second round is needed only when a change that carries not all columns follows another change of the same key. Owned
// by one writer; refilling it reuses its memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "data/change_batch.h"

namespace sluice {

// The row that holds the value of `column` after the change `row`: an update whose after image leaves a column out did
// not change it, so the before image speaks for it if it has the column.
inline size_t value_row(const ChangeBatch& batch, size_t column, size_t row) {
  if (batch.columns[column].presence(row) != Presence::kAbsent || batch.kinds[row] != RowKind::kUpdateAfter) return row;
  return row > 0 && batch.kinds[row - 1] == RowKind::kUpdateBefore ? row - 1 : row;
}

// True if new rows of which only some columns are known are among the changes; old rows need not be whole. Such a row
// cannot be taken out and put in again: other unique keys of the target hold only if the batch is worked off in order.
bool has_partial_rows(const ChangeBatch& batch);

// Rows that carry the same columns and no others.
struct PartialRows {
  bool insert = false;            // the row is new: write these columns, leave the others to their defaults
  std::vector<uint32_t> columns;  // carried, key columns included
  std::vector<uint32_t> rows;
};

class NetChanges {
 public:
  // Computes the round that begins at row `first`; returns the row at which the next round begins (batch.rows() at the
  // end). A key that is NULL or absent is kData.
  // `in_order`: what the lists come to is also what the changes would, one by one in their order, so that other unique
  // keys and foreign keys of the target hold at every step; a key that changes is then a move. That takes more rounds.
  Result<size_t> reduce(const ChangeBatch& batch, size_t first, bool in_order = false);

  std::span<const uint32_t> deletes() const { return deletes_; }  // rows whose key is to go, if it is there
  std::span<const uint32_t> upserts() const { return upserts_; }  // complete rows, each to replace its key's
  std::span<const PartialRows> partial() const { return {partial_.data(), partial_count_}; }
  // After images with another key than their before image (the row in front) that do not carry all columns, or, in
  // order, any.
  std::span<const uint32_t> moves() const { return moves_; }

 private:
  // In the order in which the lists are executed.
  enum class State : uint8_t { kDelete, kUpsert, kPartialInsert, kPartialUpdate, kMoved };
  struct Entry {
    uint64_t hash;
    uint32_t row;
    State state;
  };

  uint64_t key_hash(const ChangeBatch& batch, size_t row) const;
  bool same_key(const ChangeBatch& batch, size_t row, size_t other) const;
  bool complete(const ChangeBatch& batch, size_t row) const;
  bool carries_all_of(const ChangeBatch& batch, size_t row, size_t earlier) const;
  Result<> check_key(const ChangeBatch& batch, size_t row) const;
  Entry* find(const ChangeBatch& batch, size_t row, uint64_t hash);
  void set(const ChangeBatch& batch, size_t row, State state);
  // False if the change must begin a new round.
  bool may_follow(const ChangeBatch& batch, size_t row, State state);
  bool add_write(const ChangeBatch& batch, size_t row);
  void start(size_t rows);
  void finish(const ChangeBatch& batch);
  void add_partial(const ChangeBatch& batch, size_t row, bool insert);

  bool any_absent_ = false;
  bool in_order_ = false;
  std::vector<Entry> entries_;   // in the order in which keys first appear
  std::vector<uint32_t> slots_;  // open addressing: index into entries_ plus 1; 0 = free
  std::vector<uint32_t> deletes_;
  std::vector<uint32_t> upserts_;
  std::vector<uint32_t> moves_;
  std::vector<PartialRows> partial_;
  size_t partial_count_ = 0;
};

// One step of a table without a key, whose rows are worked off in order: a run of rows to append, or one row to
// replace or to remove.
struct KeylessStep {
  enum class Kind : uint8_t { kAppend, kUpdate, kDelete } kind = Kind::kAppend;
  size_t first = 0;  // kUpdate: the before image
  size_t end = 0;
};
KeylessStep next_keyless_step(const ChangeBatch& batch, size_t first);

// Tables without a key: the before image must carry every column, else another row could be hit. kData if not.
Result<> check_whole_image(const ChangeBatch& batch, size_t row);
// The error for a changed row that the target does not have; the table may be left to the error's context.
Error missing_row(const TableId& table);

}  // namespace sluice
