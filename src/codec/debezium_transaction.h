// SPDX-License-Identifier: Apache-2.0
// Debezium's transaction metadata (provide.transaction.metadata): the block `transaction` of each event, which counts
// the events of its transaction in the order of the log, and the records BEGIN and END around them in a topic of their
// own. Transactions without captured changes have no records.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "codec/debezium_options.h"
#include "data/position.h"

namespace sluice {

// The value of "name=value" in a position's text; empty if it has none.
std::string_view position_field(std::string_view position, std::string_view name);
// Where PostgreSQL's transaction with this start is committed: the number of "lsn=16/B374D848".
uint64_t position_lsn(std::string_view position);

class TransactionMetadata {
 public:
  TransactionMetadata(EventSource source, bool schemas);

  // The transaction whose records come now; what of it is kept says which one it was after the call.
  bool open() const { return open_; }
  bool is(const Transaction& transaction) const {
    return open_ && transaction.start == transaction_.start && transaction.id == transaction_.id;
  }
  const Transaction& transaction() const { return transaction_; }
  void begin(const Transaction& transaction);
  void end() { open_ = false; }

  // Counts one event of the collection and appends its block.
  void append_block(const std::string& collection, std::string& out);
  // Keys and values of the open transaction's records.
  void append_key(std::string& out) const;
  void append_begin(std::string& out) const;
  void append_end(std::string& out) const;

 private:
  void append_start(std::string_view status, std::string& out) const;
  void append_finish(std::string& out) const;

  const EventSource source_;
  const bool schemas_;
  std::string key_start_;
  std::string value_start_;
  bool open_ = false;
  Transaction transaction_;
  std::string id_;  // as JSON
  int64_t events_ = 0;
  std::vector<std::pair<std::string, int64_t>> collections_;  // in the order of their first events
};

}  // namespace sluice
