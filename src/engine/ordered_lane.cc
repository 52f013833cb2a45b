// SPDX-License-Identifier: Apache-2.0
#include "engine/ordered_lane.h"

#include <utility>

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};
// Then it is another task's turn, if one waits.
constexpr std::chrono::milliseconds kLongestStep{10};
// Elements other than batches weigh nearly nothing; this keeps their number bounded too.
constexpr size_t kControlBytes = 64;
// A larger run is worth a commit of its own, if a writer is free for the next one.
constexpr size_t kRunBytes = 512 << 10;

}  // namespace

OrderedLane::OrderedLane(JobParts& parts, Context& context, std::vector<std::unique_ptr<SinkWriter>> writers,
                         Partitioner keys, Position start, size_t channel_bytes, MonotonicTime::duration patience)
    // A writer keeps as much as waits for it.
    : StreamLane(parts, context, std::move(start), channel_bytes / (2 * writers.size() + 1)),
      turns_(patience, parts.alone),
      keys_(std::move(keys)),
      last_end_(monotonic_now()),
      last_runs_(writers.size()) {
  SLUICE_CHECK(writers.size() > 1);
  const size_t bytes = channel_bytes / (2 * writers.size() + 1);
  RunOwner& owner = *this;
  for (auto& writer : writers) writers_.emplace_back(parts_, context_, turns_, owner, std::move(writer), bytes);
  // When all of them are there, for one that fails closes the others.
  for (RunWriter& writer : writers_) writer.begin();
  Task::start(parts.tasks);
}

OrderedLane::~OrderedLane() {
  for (RunWriter& writer : writers_) writer.close();
  leave();
  for (RunWriter& writer : writers_) writer.join();
}

// Before the next one's turn, so that a flush that sees no run in flight finds the place.
void OrderedLane::run_done(uint64_t run, const Position& position) {
  reach(position);
  turns_.done(run);
  wake();
}

void OrderedLane::run_failed(Error error) { fail(std::move(error)); }

// From any task. No run behind the one that failed has its turn any more.
NextStep OrderedLane::fail(Error error) {
  (void)end(std::move(error));
  for (RunWriter& writer : writers_) writer.close();
  wake();
  return NextStep::never();
}

NextStep OrderedLane::step() {
  const MonotonicTime began = monotonic_now();
  while (!context_.stop_requested()) {
    if (flushing_ && !flush_is_over()) {
      if (channel_.closed()) break;
      return NextStep::woken();
    }
    auto element = channel_.pop(kNoWait);
    if (!element && channel_.drained()) break;
    if (element && !handle(*element)) break;
    if (!end_due_run(element && channel_.bytes() > 0)) break;
    if (!element) return {.time = next_check()};
    if (monotonic_now() - began >= kLongestStep) return NextStep::now();
  }
  return fail(Error(ErrorCode::kStopped, "the lane stopped"));
}

// False if the writers have ended.
bool OrderedLane::handle(LaneElement& element) {
  if (auto* batch = std::get_if<std::shared_ptr<const ChangeBatch>>(&element)) return send_rows(std::move(*batch));
  if (auto* truncation = std::get_if<Truncation>(&element)) {
    open_run();
    keys_.add_barrier(run_);
    return send_to_run({.run = run_, .waits = true, .what = std::move(*truncation)}, kControlBytes);
  }
  if (auto* group = std::get_if<GroupEnd>(&element)) {
    reached_ = std::move(*group);
    at_group_end_ = true;
  }
  if (std::holds_alternative<Flush>(element)) {
    SLUICE_CHECK(at_group_end_);
    flushing_ = true;
    if (run_ != 0 || behind()) return end_run(reached_);
  }
  return true;
}

bool OrderedLane::send_rows(std::shared_ptr<const ChangeBatch> batch) {
  open_run();
  const size_t waiting = keys_.add(*batch, run_, turns_.durable());
  const size_t bytes = batch->byte_size();
  run_bytes_ += bytes;
  RunElement element{.run = run_, .waits = waiting == batch->rows()};
  if (waiting > 0 && !element.waits) element.waiting_rows = keys_.waiting_rows();
  element.what = std::move(batch);
  return send_to_run(std::move(element), bytes);
}

bool OrderedLane::send_to_run(RunElement element, size_t bytes) {
  at_group_end_ = false;
  return writers_[run_writer_].send(std::move(element), bytes);
}

// In turns, so that no connection is idle for so long that its server closes it.
void OrderedLane::open_run() {
  if (run_ != 0) return;
  const uint64_t durable = turns_.durable();
  size_t tried = 0;
  do {
    run_writer_ = (run_writer_ + 1) % writers_.size();
    SLUICE_CHECK(tried++ < writers_.size());
  } while (last_runs_[run_writer_] > durable);
  run_ = last_runs_[run_writer_] = turns_.begin(writers_[run_writer_]);
}

bool OrderedLane::end_run(GroupEnd end) {
  open_run();
  ended_ = end.position;
  last_end_ = monotonic_now();
  run_bytes_ = 0;
  const RunElement last{.run = std::exchange(run_, 0), .waits = true, .what = std::move(end)};
  return writers_[run_writer_].send(last, kControlBytes);
}

// Ends the run, if it is time, or moves the place in the log; false if the writers have ended.
bool OrderedLane::end_due_run(bool more_waiting) {
  if (!at_group_end_ || flushing_) return true;
  const auto since = monotonic_now() - last_end_;
  if (run_ != 0) {
    const bool has_turn = turns_.is_turn(run_);
    const bool now = has_turn && (!more_waiting || since >= parts_.spec.pipeline.commit_interval);
    const bool large = run_bytes_ >= kRunBytes && turns_.in_flight() < writers_.size();
    return now || large ? end_run(reached_) : true;
  }
  const auto due = next_check();
  if (!due || monotonic_now() < *due) return true;
  return end_run(behind() ? reached_ : GroupEnd{.position = durable()});
}

// When a lane that hears nothing has something to commit all the same: the last place of a log that has gone quiet, or
// nothing but the question whether the job is still its own.
std::optional<MonotonicTime> OrderedLane::next_check() const {
  if (run_ != 0 || flushing_ || turns_.in_flight() > 0) return std::nullopt;
  if (behind()) return last_end_ + kIdleCommitInterval;
  if (stands_still()) return std::nullopt;
  return last_end_ + kOwnershipCheckInterval;
}

bool OrderedLane::flush_is_over() {
  if (turns_.in_flight() > 0) return false;
  flushing_ = false;
  // The coordinator may now move the lane ahead; this group end must not take it back.
  reached_ = {};
  ended_ = {};
  tell_flushed();
  return true;
}

}  // namespace sluice
