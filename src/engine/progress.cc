// SPDX-License-Identifier: Apache-2.0
#include "engine/progress.h"

#include <bit>

#include "base/clock.h"

namespace sluice {

std::string_view job_phase_name(JobPhase phase) {
  switch (phase) {
    case JobPhase::kStarting: return "starting";
    case JobPhase::kCopying: return "copying";
    case JobPhase::kResynchronizing: return "resynchronizing";
    case JobPhase::kStreaming: return "streaming";
    case JobPhase::kRestarting: return "restarting";
    case JobPhase::kFinished: return "finished";
    case JobPhase::kFailed: return "failed";
  }
  return "";
}

void Progress::set_phase(JobPhase phase) {
  std::lock_guard lock(mutex_);
  report_.phase = phase;
}

void Progress::add_plan(const TableId& table, uint64_t rows_estimated, uint64_t chunks, uint64_t chunks_copied_before) {
  std::lock_guard lock(mutex_);
  report_.tables[table].rows_estimated = rows_estimated;
  report_.rows_estimated += rows_estimated;
  report_.chunks_total += chunks;
  report_.chunks_copied += chunks_copied_before;
}

void Progress::add_copied(const TableId& table, uint64_t rows, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  report_.tables[table].rows_copied += rows;
  report_.rows_copied += rows;
  report_.bytes += bytes;
}

void Progress::add_chunk() {
  std::lock_guard lock(mutex_);
  ++report_.chunks_copied;
}

void Progress::add_changes(const TableId& table, uint64_t rows, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  report_.tables[table].changes += rows;
  report_.changes += rows;
  report_.bytes += bytes;
}

void Progress::add_commit(int64_t source_time_ms) {
  const int64_t latency = source_time_ms == 0 ? -1 : std::max<int64_t>(0, wall_clock_ms() - source_time_ms);
  std::lock_guard lock(mutex_);
  ++report_.commits;
  if (latency < 0) return;
  report_.lag_ms = latency;
  report_.latency_sum_ms += static_cast<uint64_t>(latency);
  if (source_time_ms % 1000 != 0) report_.exact_source_clock = true;
  const auto bucket = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(latency)));
  ++report_.latency[std::min(bucket, report_.latency.size() - 1)];
}

void Progress::add_restart(std::string error) {
  std::lock_guard lock(mutex_);
  ++report_.restarts;
  report_.last_error = std::move(error);
}

void Progress::add_verification(const VerifyOutcome& outcome) {
  std::lock_guard lock(mutex_);
  ++report_.verifications;
  report_.verified = outcome;
}

void Progress::set_position(std::string position) {
  std::lock_guard lock(mutex_);
  report_.position = std::move(position);
}

void Progress::set_whole_transactions(Wholeness wholeness) {
  std::lock_guard lock(mutex_);
  report_.whole_transactions = wholeness;
}

void Progress::set_kept_log(uint64_t retained, uint64_t unacknowledged) {
  std::lock_guard lock(mutex_);
  report_.kept_log = static_cast<int64_t>(retained);
  report_.unacknowledged_log = static_cast<int64_t>(unacknowledged);
}

void Progress::set_change_log_bytes(uint64_t bytes) {
  std::lock_guard lock(mutex_);
  report_.change_log = bytes;
}

ProgressReport Progress::report() const {
  std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace sluice
