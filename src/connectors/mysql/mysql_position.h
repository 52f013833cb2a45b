// SPDX-License-Identifier: Apache-2.0
// Places in a MySQL or MariaDB binary log. With GTIDs they are compared by containment (sets have gaps), which also
// holds on another server of the same topology; without, by file and offset of one server.
//
// Text: "v1;file=mysql-bin.000003;pos=4711;gtid_set=<uuid>:1-7" (MySQL) or "...;gtid_pos=0-1-55" (MariaDB); the last
// field is missing when the server has no GTIDs. ";prepared_from=" and another position, to the end of the text, follow
// while XA transactions are open, see xa_transactions.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connectors/mysql/gtid.h"
#include "data/position.h"

namespace sluice::mysql {

struct BinlogPosition {
  std::string file;
  uint64_t offset = 4;
  GtidSet gtid_set;              // MySQL: executed up to here
  MariadbGtidPosition gtid_pos;  // MariaDB: last of each domain
  Position prepared_from;  // where the log is read again for the rows of open XA transactions; empty: none is open

  static Result<BinlogPosition> parse(const Position& position);
  Position position() const;
};

// Binary log files are numbered; "bin.1000000" comes after "bin.999999".
bool file_offset_before(std::string_view file, uint64_t offset, std::string_view other_file, uint64_t other_offset);

bool covers(const BinlogPosition& reached, const Transaction& transaction);
bool covers(const BinlogPosition& reached, const BinlogPosition& other);

}  // namespace sluice::mysql
