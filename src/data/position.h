// SPDX-License-Identifier: Apache-2.0
// A place in a source's log. Only the source that made it understands it: it is kept as the printable text that
// is stored in ledgers ("v1;file=mysql-bin.000003;pos=4711;gtids=0-1-55"). Order and containment are asked of the
// source (Source::covers), because GTID sets have gaps and are not ordered like numbers.
#pragma once

#include <cstdint>
#include <string>

namespace sluice {

struct Position {
  std::string text;  // empty: none

  bool empty() const { return text.empty(); }
  friend bool operator==(const Position&, const Position&) = default;
};

// One transaction of the source's log as far as rows refer to it.
struct Transaction {
  Position start;              // where the transaction begins; names it
  std::string id;              // GTID, or empty
  int64_t commit_time_ms = 0;  // the source's clock, UTC; 0 if unknown

  // What envelopes of events tell besides, where the source has it.
  int64_t event_time_us = 0;     // of its row events, since 1970 UTC; MySQL: in whole seconds
  uint32_t server_id = 0;        // MySQL: where it was committed
  int64_t thread = -1;           // MySQL: of the session
  int64_t number = -1;           // PostgreSQL: the transaction's
  uint64_t previous_commit = 0;  // PostgreSQL: end of the commit record read before it
};

}  // namespace sluice
