// SPDX-License-Identifier: Apache-2.0
// XA transactions have two phases in the log: XA PREPARE with the rows, and much later XA COMMIT or XA ROLLBACK. The
// rows are kept as events in between, many of them in a file; they take effect, and count as written, with the second
// phase.
//
// A position that lies between the two also says where the oldest open first phase begins
// (BinlogPosition::prepared_from): the log is read again from there, only to find first phases.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "connector/transaction_buffer.h"
#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_log_reader.h"
#include "data/position.h"

namespace sluice::mysql {

// TABLE_MAP and rows events of captured tables, in their order.
class KeptEvents {
 public:
  Result<> append(const Event& event);
  bool empty() const { return buffer_.messages() == 0; }
  // After the last append: the events from the first, each valid until the next call; nothing at the end.
  Result<std::optional<Event>> next();

 private:
  TransactionBuffer buffer_;
  std::string bytes_;
};

// Used by the log reader's thread.
class PreparedTransactions {
 public:
  // The log is in a first phase that can be read again from `before`.
  void begin(Position before);
  bool in_first_phase() const { return open_.has_value(); }
  Result<> keep(const Event& event, const BinlogFormat& format, const CapturedTables& captured);
  // The first phase ends.
  void prepared(const std::string& xid);
  // It ends and needs no second phase: its events; or it is dropped.
  std::unique_ptr<KeptEvents> take_open();
  void abandon() { open_.reset(); }

  // The second phase: events of the first, or null if that is not known.
  std::unique_ptr<KeptEvents> take(const std::string& xid);
  // From where all that are open can be read again; empty if none is.
  Position oldest() const;

 private:
  struct FirstPhase {
    uint64_t number = 0;  // counts up
    Position before;
    std::unique_ptr<KeptEvents> events = std::make_unique<KeptEvents>();
    std::set<uint64_t> captured_maps;
  };
  std::optional<FirstPhase> open_;
  std::map<std::string, FirstPhase> prepared_;
  uint64_t count_ = 0;
};

// A place in the log behind which all XA transactions begin that are still open when this returns. Waits some seconds
// for those that are prepared now; who takes longer (or cannot be seen) is passed over, and `passed_over` by the next
// call too: its commit stops the reader of the log.
Result<Position> position_before_open_xa(Context& context, MysqlConnection& connection,
                                         std::set<std::string>& passed_over);

}  // namespace sluice::mysql
