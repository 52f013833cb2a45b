// SPDX-License-Identifier: Apache-2.0
// What a running job has done so far, per table and in all; written by its threads once per batch, read by whoever
// shows it. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "data/types.h"

namespace sluice {

enum class JobPhase : uint8_t { kStarting, kCopying, kResynchronizing, kStreaming, kRestarting, kFinished, kFailed };
std::string_view job_phase_name(JobPhase phase);

// Whether the target shows whole source transactions only (engine/whole_transactions.h).
enum class Wholeness : uint8_t { kNotPromised, kNotYet, kHolds };

struct TableProgress {
  uint64_t rows_estimated = 0;
  uint64_t rows_copied = 0;
  uint64_t changes = 0;
};

// Commit-to-visible latencies in powers of two of a millisecond: bucket i counts [2^(i-1), 2^i) ms, bucket 0 below 1
// ms.
using LatencyHistogram = std::array<uint64_t, 24>;

// What the last comparison of target and source beside the job said.
struct VerifyOutcome {
  uint64_t rows = 0;
  uint64_t equal_tables = 0;
  uint64_t different_tables = 0;
  uint64_t unsettled_tables = 0;
  uint64_t differences = 0;  // rows
  int64_t ended_ms = 0;      // since 1970
};

struct ProgressReport {
  JobPhase phase = JobPhase::kStarting;
  uint64_t rows_estimated = 0;
  uint64_t rows_copied = 0;
  uint64_t chunks_total = 0;
  uint64_t chunks_copied = 0;
  uint64_t changes = 0;  // row changes applied and committed or about to be
  uint64_t bytes = 0;
  uint64_t commits = 0;
  uint64_t restarts = 0;
  int64_t lag_ms = -1;  // age of the last applied transaction when it became visible; -1 unknown
  LatencyHistogram latency{};
  uint64_t latency_sum_ms = 0;
  int64_t kept_log = -1;            // bytes of log that the source keeps for the job; -1 unknown, or it does not
  int64_t unacknowledged_log = 0;   // of these, what the job has not acknowledged
  uint64_t change_log = 0;          // bytes in the change log
  bool exact_source_clock = false;  // the source's commit times have fractions; MariaDB's are whole seconds
  Wholeness whole_transactions = Wholeness::kNotPromised;
  std::string position;  // durable in all lanes
  std::string last_error;
  uint64_t verifications = 0;
  VerifyOutcome verified;  // of the last one
  std::map<TableId, TableProgress> tables;
};

class Progress {
 public:
  void set_phase(JobPhase phase);
  void add_plan(const TableId& table, uint64_t rows_estimated, uint64_t chunks, uint64_t chunks_copied_before);
  void add_copied(const TableId& table, uint64_t rows, uint64_t bytes);
  void add_chunk();
  void add_changes(const TableId& table, uint64_t rows, uint64_t bytes);
  // A commit made transactions up to `source_time_ms` visible; 0 if their time is unknown.
  void add_commit(int64_t source_time_ms);
  void add_restart(std::string error);
  void set_position(std::string position);
  void set_whole_transactions(Wholeness wholeness);
  void add_verification(const VerifyOutcome& outcome);
  void set_kept_log(uint64_t retained, uint64_t unacknowledged);
  void set_change_log_bytes(uint64_t bytes);
  ProgressReport report() const;

 private:
  mutable std::mutex mutex_;
  ProgressReport report_;
};

}  // namespace sluice
