// SPDX-License-Identifier: Apache-2.0
// A MariaDB binary log file, as far as a cut needs to know it: where its transactions end, and their GTIDs and XIDs.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

// The last transaction of each domain.
struct GtidState {
  std::map<uint32_t, std::pair<uint32_t, uint64_t>> domains;  // domain: server, number
  std::string text() const;                                   // "0-1-5747,7-1-3"
  static GtidState parse(std::string_view text);              // what cannot be read is left out
  bool operator==(const GtidState&) const = default;
  // Whether everything of the other one is in this one.
  bool covers(const GtidState& other) const;
};

struct BinlogGroup {
  uint32_t domain = 0, server = 0;
  uint64_t number = 0;
  bool plain = false;           // neither DDL nor XA nor outside of transactions
  std::optional<uint64_t> xid;  // of its commit
  uint64_t end = 0;             // offset behind it
  uint32_t seconds = 0;         // when its commit began, by the server's clock
  bool complete = false;        // nothing of it can follow
};

struct BinlogFile {
  GtidState before;        // all earlier files
  std::string checkpoint;  // file from which recovery must read; empty if the file does not say
  uint64_t head_end = 0;   // offset behind what is not yet a transaction
  std::vector<BinlogGroup> groups;

  // Where reading goes on: behind the last whole event, perhaps in the middle of the last group.
  uint64_t read_to = 0;
  bool in_head = true, in_group = false, standalone = false;

  // After the first `count` groups.
  GtidState state(size_t count) const;
  uint64_t end(size_t count) const { return count == 0 ? head_end : groups[count - 1].end; }
};

// Fills the buffer with what a log file holds from the offset on.
using ReadLog = std::function<Result<>(uint64_t offset, std::span<char> buffer)>;
// Adds the whole events between file.read_to and `end`. What a transaction has written is passed over: a log may be
// larger than the memory.
Result<> read_binlog_on(const ReadLog& read, uint64_t end, BinlogFile& file);
// The same of the file at the path, up to `end` if it has that.
Result<> read_binlog_on(const std::string& path, BinlogFile& file, uint64_t end = std::numeric_limits<uint64_t>::max());

// The offset of the flag "was not closed" in a log file: recovery reads only a file that has it.
constexpr size_t kBinlogInUseOffset = 21;

// The XID of the last commit in a RocksDB write-ahead log; none if there is no commit in it. An unfinished end is where
// the log ends; what it does not know is an error, since a commit could be behind it.
Result<std::optional<uint64_t>> last_commit_in_wal(std::string_view content);

}  // namespace sluice
