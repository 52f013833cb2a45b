// SPDX-License-Identifier: Apache-2.0
// A durable log of changes in a folder of its own: what was taken from a source that will not send it again. Files
// 00000001.log, 00000002.log, ...; see segment.h for what is in them. Positions are compared by nobody here.
//
// One thread appends; any number of ChangeLogReaders read meanwhile, each in a thread of its own, and see whole groups
// that are on disk, nothing else. trim() may come from any thread, all other calls from the appending one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "changelog/segment.h"

namespace sluice {

// True if somebody who has everything up to the known position has everything up to this one.
using IsCovered = std::function<bool(const Position&)>;

class ChangeLogReader;

class ChangeLog {
 public:
  // Creates the folder if it is missing. Cuts off what a crash left unfinished. kTransient if another process has it
  // open; kCorrupt if something is damaged that was durable; kState if the folder cannot be used.
  static Result<std::unique_ptr<ChangeLog>> open(const std::string& folder, uint64_t segment_bytes = 64 << 20);
  // Removes everything, whatever its state.
  static Result<> remove(const std::string& folder);

  // False if it has never begun anywhere.
  bool begun() const { return writer_ != nullptr; }
  Position begin() const;
  // Where it ends, behind the last whole group, and what is known there.
  const LogState& end() const { return state_; }
  bool empty() const { return begin() == state_.position; }

  // Forgets everything; the log begins, empty, at `state`. All or nothing, also in a crash.
  Result<> begin_at(LogState state);
  Result<> append(const StreamElement& element);
  // Between two groups: what is known of some tables takes the place of what was (LogState::replace).
  Result<> replace_tables(const LogState& some);
  // Everything appended is durable, whole groups can be read.
  Result<> sync();
  // Nothing was appended behind the last whole group that is durable.
  bool settled() const { return writer_->offset() == published_; }
  // Forgets what is behind the last whole group that is durable: after an error, or where a source begins again.
  Result<> settle();

  // Drops files whose changes are all covered.
  Result<> trim(const IsCovered& covered);
  uint64_t bytes() const;
  // Reads from a place that is covered on; there may be more before what is wanted, never less.
  std::unique_ptr<ChangeLogReader> read(const IsCovered& covered);

 private:
  friend class ChangeLogReader;
  struct Segment {
    uint64_t number;
    Position begin;
    uint64_t size;  // as far as it can be read
  };
  ChangeLog(std::string folder, uint64_t segment_bytes) : folder_(std::move(folder)), segment_bytes_(segment_bytes) {}
  std::string path(uint64_t number) const;
  Result<> load();
  Result<> scan_last();
  Result<> append_records(std::span<const Record> records);
  Result<> rotate();
  std::optional<Segment> segment(uint64_t number) const;

  const std::string folder_;
  const uint64_t segment_bytes_;
  FileHandle lock_;

  // Of the appending thread.
  std::unique_ptr<SegmentWriter> writer_;
  ElementEncoder encoder_;
  LogState state_;           // behind the last whole group that was appended
  uint64_t whole_ = 0;       // where that ends in the last segment
  uint64_t published_ = 0;   // the same, as far as it is durable
  uint64_t data_begin_ = 0;  // of the last segment

  mutable std::mutex mutex_;  // guards what follows
  std::deque<Segment> segments_;
};

// Borrowed from a ChangeLog, which outlives it. One thread.
class ChangeLogReader {
 public:
  // Appends up to about a megabyte; false if there is nothing yet.
  Result<bool> next(std::vector<StreamElement>& out);

 private:
  friend class ChangeLog;
  ChangeLogReader(const ChangeLog& log, uint64_t number) : log_(log), number_(number) {}

  const ChangeLog& log_;
  uint64_t number_;
  std::unique_ptr<SegmentReader> segment_;
  ElementDecoder decoder_;
};

}  // namespace sluice
