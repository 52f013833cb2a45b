// SPDX-License-Identifier: Apache-2.0
// XA transactions have two phases in the log: XA PREPARE with the rows, and much later XA COMMIT or XA ROLLBACK. The
// rows are kept as events in between; they take effect, and count as written, with the second phase.
//
// A position that lies between the two also says where the oldest open first phase begins
// (BinlogPosition::prepared_from): the log is read again from there, only to find first phases.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_log_reader.h"
#include "data/position.h"

namespace sluice::mysql {

// A TABLE_MAP or rows event of a captured table.
struct KeptEvent {
  EventHeader header;
  std::vector<uint8_t> body;

  Event event() const { return {.header = header, .body = body}; }
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
  std::deque<KeptEvent> take_open();
  void abandon() { open_.reset(); }

  // The second phase: events of the first, or nothing if that is not known.
  std::optional<std::deque<KeptEvent>> take(const std::string& xid);
  // From where all that are open can be read again; empty if none is.
  Position oldest() const;

 private:
  struct FirstPhase {
    uint64_t number = 0;  // counts up
    Position before;
    std::deque<KeptEvent> events;
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
