// SPDX-License-Identifier: Apache-2.0
#include "engine/lane.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fault.h"
#include "base/log.h"
#include "connector/marks_copies.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};
// Then it is another task's turn, if one waits.
constexpr std::chrono::milliseconds kLongestStep{10};

}  // namespace

Lane::Lane(JobParts& parts, Context& context, size_t number, std::unique_ptr<SinkWriter> writer, Position start,
           size_t channel_bytes)
    : StreamLane(parts, context, std::move(start), channel_bytes),
      number_(number),
      writer_(std::move(writer)),
      events_(dynamic_cast<EventSink*>(&parts.sink)),
      last_commit_(monotonic_now()) {
  Task::start(parts.tasks);
}

Lane::~Lane() { leave(); }

Result<> Lane::commit() {
  RETURN_IF_ERROR(parts_.ledger.commit(context_, *writer_, JobLedger::lane_entry(number_, reached_.position)));
  if (rows_open_) parts_.progress.add_commit(reached_.source_time_ms);
  rows_open_ = false;
  last_commit_ = monotonic_now();
  reach(reached_.position);
  return {};
}

Result<> Lane::open_rows() {
  if (!rows_open_) RETURN_IF_ERROR(writer_->begin(context_, JobLedger::lane_entry(number_, durable())));
  rows_open_ = true;
  at_group_end_ = false;
  return {};
}

Result<> Lane::write(std::shared_ptr<const ChangeBatch> batch) {
  if (!held_.empty() && !held_.belongs(*batch)) RETURN_IF_ERROR(write_held());
  ASSIGN_OR_RETURN(const bool in_order, wants_source_order(*batch));
  if (in_order) {
    held_.hold(std::move(batch));
    return {};
  }
  return writer_->write(context_, *batch, false);
}

// Rows that were read again beside the log have no place in it.
Result<bool> Lane::wants_source_order(const ChangeBatch& batch) {
  if (batch.origins.empty()) return false;
  if (events_ != nullptr) return events_->keeps_source_order();
  if (parts_.spec.pipeline.apply != ApplyMode::kTransactional) return false;
  return writer_->wants_source_order(context_, batch.schema);
}

Result<> Lane::write_held() {
  for (const auto& batch : held_.take()) RETURN_IF_ERROR(writer_->write(context_, *batch, false));
  return {};
}

Result<> Lane::handle(LaneElement& element, bool more_waiting) {
  if (auto* batch = std::get_if<std::shared_ptr<const ChangeBatch>>(&element)) {
    RETURN_IF_ERROR(open_rows());
    return write(std::move(*batch));
  }
  RETURN_IF_ERROR(write_held());
  if (const auto* truncation = std::get_if<Truncation>(&element)) {
    RETURN_IF_ERROR(open_rows());
    return writer_->truncate(context_, *truncation);
  }
  if (const auto* mark = std::get_if<CopyMark>(&element)) {
    if (auto* marks = dynamic_cast<MarksCopies*>(writer_.get())) marks->mark_copies(mark->text);
    return {};
  }
  if (auto* end = std::get_if<GroupEnd>(&element)) {
    reached_ = std::move(*end);
    at_group_end_ = true;
    const auto since = monotonic_now() - last_commit_;
    const bool due =
        rows_open_ ? !more_waiting || since >= parts_.spec.pipeline.commit_interval : since >= kIdleCommitInterval;
    return due ? commit() : Result<>();
  }
  SLUICE_CHECK(at_group_end_);
  if (rows_open_ || behind()) RETURN_IF_ERROR(commit());
  // The coordinator may now move the lane ahead; this group end must not take it back.
  reached_ = {};
  tell_flushed();
  return {};
}

// When a lane that hears nothing has something to commit all the same. The last place of a log that has gone quiet must
// become durable, too: the source keeps what is behind.
std::optional<MonotonicTime> Lane::next_check() const {
  if (rows_open_ || !at_group_end_) return std::nullopt;
  if (!behind() && stands_still()) return std::nullopt;
  return last_commit_ + (behind() ? kIdleCommitInterval : idle_interval());
}

MonotonicTime::duration Lane::idle_interval() const {
  const auto heartbeat = events_ != nullptr ? events_->heartbeat_interval() : std::nullopt;
  return heartbeat ? std::min<MonotonicTime::duration>(*heartbeat, kOwnershipCheckInterval) : kOwnershipCheckInterval;
}

Result<> Lane::check_ownership() {
  const auto due = next_check();
  if (!due || monotonic_now() < *due) return {};
  if (behind()) return commit();
  last_commit_ = monotonic_now();
  return parts_.ledger.commit(context_, *writer_, JobLedger::lane_entry(number_, durable()));
}

NextStep Lane::step() {
  const MonotonicTime began = monotonic_now();
  while (!context_.stop_requested()) {
    auto element = channel_.pop(kNoWait);
    if (!element && channel_.drained()) break;
    auto handled = element ? handle(*element, channel_.bytes() > 0) : check_ownership();
    if (!handled) return fail(std::move(handled).error());
    if (!element) return {.time = next_check()};
    if (monotonic_now() - began >= kLongestStep) return NextStep::now();
  }
  return fail(Error(ErrorCode::kStopped, fmt::format("lane {} stopped", number_)));
}

NextStep Lane::fail(Error error) {
  // A writer that is thrown away rolls back what is open.
  writer_.reset();
  return end(std::move(error));
}

}  // namespace sluice
