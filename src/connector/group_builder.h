// SPDX-License-Identifier: Apache-2.0
// Collects the row changes of a group: one open batch per table shape, numbered in source order. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "data/change_batch.h"

namespace sluice {

// What all rows of one event share; `row` in the origin counts from 0 in each event, before and after of an update have
// the same number and the same sequence.
struct RowsOrigin {
  uint32_t transaction = 0;
  uint32_t event = 0;
  uint32_t first_sequence = 0;
  uint64_t place = 0;
};

class GroupBuilder {
 public:
  // Rows that follow belong to another transaction.
  void begin_transaction() {
    transaction_listed_ = false;
    transaction_split_ = false;
    event_ = 0;
    place_ = 0;
  }
  // Takes the rows of the open transaction out again. False if some of them have been handed on.
  bool abandon_transaction();
  bool transaction_has_rows() const { return transaction_listed_; }
  // The origin of the next rows event of `transaction`, which is listed anew if its events have another time.
  RowsOrigin next_event(const Transaction& transaction, uint64_t place);
  // A rows event that is left out: those behind it have the number that they have for a job that captures it.
  void skip_event() { ++event_; }
  // The open batch for this shape.
  ChangeBatch& batch(const TableSchemaPtr& schema);
  void add_rows(uint32_t rows, size_t bytes) {
    sequence_ += rows;
    bytes_ += bytes;
  }
  // Bytes of the rows in the log, an estimate of what is held.
  size_t bytes() const { return bytes_; }
  // Hands the batches on; an open transaction goes on in the next batches of the same group.
  void take(std::vector<StreamElement>& out);
  // Part of the group has been handed on: it should end where the open transaction does, or else a source that is never
  // quiet would never see its changes committed.
  bool handed_on() const { return handed_on_; }
  // Hands on what is left of the group; what follows is numbered anew.
  void end(std::vector<StreamElement>& out) {
    take(out);
    sequence_ = 0;
    handed_on_ = false;
  }

 private:
  std::vector<ChangeBatch> batches_;
  std::unordered_map<const TableSchema*, size_t> index_;  // into batches_
  std::shared_ptr<TransactionList> transactions_ = std::make_shared<TransactionList>();
  bool transaction_listed_ = false;
  bool handed_on_ = false;
  uint32_t first_listed_ = 0;       // the open transaction, in transactions_
  bool transaction_split_ = false;  // rows of the open transaction have been handed on
  uint32_t event_ = 0;
  uint64_t place_ = 0;  // of the last event
  uint32_t sequence_ = 0;
  size_t bytes_ = 0;
};

}  // namespace sluice
