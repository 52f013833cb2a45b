// SPDX-License-Identifier: Apache-2.0
// The snapshots that signals have asked for, in their order, and how far the first of them is: the ledger entry
// "snapshots" (connector/sink.h), one line of JSON with named fields.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "connector/key_range_reader.h"

namespace sluice {

struct QueuedTable {
  TableId table;
  std::string condition;
  std::string surrogate_key;
};

struct QueuedSnapshot {
  std::string id;                  // of the signal
  std::string origin;              // where the signal stands in the log; empty: not there
  bool blocking = false;           // the stream waits while a table is copied
  bool started = false;            // so it was told
  std::deque<QueuedTable> tables;  // that are left; the first of the first snapshot is the one that is being copied
  // Of the first table.
  std::optional<KeyText> last;      // copied up to here
  std::optional<KeyText> greatest;  // to be copied up to here; not known before the first rows
  uint64_t rows = 0;
};

struct SnapshotQueue {
  bool paused = false;
  std::optional<int64_t> topic_offset;  // the topic of signals is read from here on
  std::string obeyed_file;              // SignalFile::mark() of what is to be removed from the file; empty: nothing
  std::deque<QueuedSnapshot> snapshots;

  static Result<SnapshotQueue> parse(std::string_view text);
  std::string text() const;
};

}  // namespace sluice
