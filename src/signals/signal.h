// SPDX-License-Identifier: Apache-2.0
// What users tell a running job, in Debezium's words: a signal has a type and, as JSON, data. Pure functions over
// foreign text: anything may come, and what is wrong with it is an error to be told, never a reason to stop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice {

struct Signal {
  std::string id;  // may be empty
  std::string type;
  std::string data;    // JSON, or empty
  std::string origin;  // where in the source's log it stands; empty: not there
};

// {"id": "...", "type": "...", "data": {...}}; `data` may also be text that holds JSON.
Result<Signal> parse_signal(std::string_view text);

// Data of execute-snapshot.
struct SnapshotOrder {
  struct Condition {
    std::string tables;  // pattern
    std::string filter;  // SQL
  };
  std::vector<std::string> tables;  // patterns
  std::vector<Condition> conditions;
  std::string surrogate_key;  // a column; empty: the table's key
  bool blocking = false;      // the stream waits meanwhile; filters may be whole SELECTs
};
Result<SnapshotOrder> parse_execute_snapshot(std::string_view data);

// Data of stop-snapshot: patterns of the tables; none means all.
Result<std::vector<std::string>> parse_stop_snapshot(std::string_view data);

// Data of log: the text, in which "{}" stands for the position.
Result<std::string> parse_log(std::string_view data);

// True if the pattern, a regular expression or plain text, is for the whole of the name.
bool matches_table(const std::string& pattern, std::string_view name);

}  // namespace sluice
