// SPDX-License-Identifier: Apache-2.0
#include "engine/run_writer.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};
// Then it is another task's turn, if one waits.
constexpr std::chrono::milliseconds kLongestStep{10};

AheadWriter& ahead_writer(SinkWriter& writer) {
  auto* const ahead = dynamic_cast<AheadWriter*>(&writer);
  SLUICE_CHECK(ahead != nullptr);
  return *ahead;
}

// The rows of the element that wait, or those that do not.
std::shared_ptr<const ChangeBatch> part_of(const RunElement& element, bool waiting) {
  const auto& batch = std::get<std::shared_ptr<const ChangeBatch>>(element.what);
  if (element.waiting_rows.empty()) return batch;
  auto part = std::make_shared<ChangeBatch>(batch->schema);
  part->transactions = batch->transactions;
  for (size_t row = 0; row < batch->rows(); ++row) {
    if (element.waiting_rows[row] == waiting) part->append_row_from(*batch, row);
  }
  return part;
}

}  // namespace

RunWriter::RunWriter(JobParts& parts, Context& context, Turns& turns, RunOwner& owner,
                     std::unique_ptr<SinkWriter> writer, size_t channel_bytes)
    : parts_(parts),
      context_(context),
      turns_(turns),
      owner_(owner),
      writer_(std::move(writer)),
      most_kept_(channel_bytes),
      channel_(channel_bytes) {}

void RunWriter::begin() { Task::start(parts_.tasks); }

RunWriter::~RunWriter() {
  close();
  join();
}

bool RunWriter::send(RunElement element, size_t bytes) {
  const bool sent = channel_.push(std::move(element), bytes);
  wake();
  return sent;
}

void RunWriter::close() {
  channel_.close();
  wake();
}

NextStep RunWriter::step() {
  const MonotonicTime began = monotonic_now();
  Error error(ErrorCode::kStopped, "a writer stopped");
  while (!context_.stop_requested() && !channel_.closed()) {
    auto got_on = get_on();
    if (!got_on) {
      error = std::move(got_on).error();
      break;
    }
    if (!*got_on) return {.time = give_way_at()};
    if (monotonic_now() - began >= kLongestStep) return NextStep::now();
  }
  // What was written before the turn may be in the way of the rest. Not so when it is done again, alone.
  if (ahead_ && error_code_info(error.code()).action == ErrorAction::kNeedsPerson) {
    error = Error(ErrorCode::kTransient, error.message());
  }
  // A writer that is thrown away rolls back what is open.
  writer_.reset();
  owner_.run_failed(std::move(error));
  return NextStep::never();
}

// False if something must happen first.
Result<bool> RunWriter::get_on() {
  if (run_ != 0 && !in_turn_ && turns_.is_turn(run_)) {
    RETURN_IF_ERROR(take_turn());
    return true;
  }
  if (auto element = next_element()) {
    run_ = element->run;
    in_turn_ = in_turn_ || (kept_.empty() && turns_.is_turn(run_));
    RETURN_IF_ERROR(in_turn_ ? write_in_turn(*element) : keep(std::move(*element)));
    return true;
  }
  if (!settled_) {
    RETURN_IF_ERROR(settle());
    return true;
  }
  if (!ahead_ || turns_.is_turn(run_) || monotonic_now() < turns_.patience_ends()) return false;
  turns_.give_way();
  undo();
  return true;
}

std::optional<RunElement> RunWriter::next_element() {
  const bool full = !in_turn_ && (complete_ || kept_bytes_ >= most_kept_);
  return full ? std::nullopt : channel_.pop(kNoWait);
}

// Nobody who waits with empty hands is in the way.
std::optional<MonotonicTime> RunWriter::give_way_at() {
  return ahead_ && !in_turn_ ? std::optional(turns_.patience_ends()) : std::nullopt;
}

Result<> RunWriter::take_turn() {
  // What the target has refused until now is undone here, and what follows was kept for this.
  if (!settled_) RETURN_IF_ERROR(settle());
  if (!writer_) {
    ASSIGN_OR_RETURN(writer_, parts_.sink.open_writer(context_, parts_.ledger.job(), parts_.ledger.epoch()));
  }
  in_turn_ = true;
  turns_.got_on();
  while (!kept_.empty()) {
    RunElement element = std::move(kept_.front());
    kept_.pop_front();
    if (element.ahead && element.waiting_rows.empty()) continue;
    if (element.ahead) element.what = part_of(element, true);
    RETURN_IF_ERROR(write_in_turn(element));
  }
  return {};
}

Result<> RunWriter::write_in_turn(RunElement& element) {
  turns_.got_on();
  if (auto* batch = std::get_if<std::shared_ptr<const ChangeBatch>>(&element.what)) {
    has_rows_ = unanswered_ = true;
    if (!held_.empty() && !held_.belongs(**batch)) RETURN_IF_ERROR(write_held());
    bool in_order = false;
    if (!(*batch)->origins.empty()) {
      ASSIGN_OR_RETURN(in_order, writer_->wants_source_order(context_, (*batch)->schema));
    }
    if (!in_order) return writer_->write(context_, **batch, false);
    held_.hold(std::move(*batch));
    return {};
  }
  RETURN_IF_ERROR(write_held());
  if (const auto* truncation = std::get_if<Truncation>(&element.what)) {
    has_rows_ = unanswered_ = true;
    return writer_->truncate(context_, *truncation);
  }
  return commit(std::get<GroupEnd>(element.what));
}

Result<> RunWriter::write_held() {
  for (const auto& batch : held_.take()) {
    RETURN_IF_ERROR(writer_->write(context_, *batch, false));
    turns_.got_on();
  }
  return {};
}

Result<> RunWriter::commit(const GroupEnd& end) {
  // What is not answered yet may wait for a run behind this one; the commit does not.
  if (unanswered_) RETURN_IF_ERROR(ahead_writer(*writer_).settle(context_));
  unanswered_ = false;
  turns_.commits();
  RETURN_IF_ERROR(parts_.ledger.commit(context_, *writer_, JobLedger::lane_entry(0, end.position)));
  if (has_rows_) parts_.progress.add_commit(end.source_time_ms);
  const uint64_t run = std::exchange(run_, 0);
  in_turn_ = has_rows_ = complete_ = rest_waits_ = ahead_ = false;
  settled_ = true;
  kept_bytes_ = 0;
  waiting_.clear();
  owner_.run_done(run, end.position);
  return {};
}

Result<> RunWriter::keep(RunElement element) {
  complete_ = std::holds_alternative<GroupEnd>(element.what);
  rest_waits_ = rest_waits_ || !turns_.may_write_ahead();
  if (!complete_ && !element.waits && !rest_waits_) {
    auto written = write_ahead(element);
    if (!written) RETURN_IF_ERROR(forgive(written.error()));
    element.ahead = written && *written;
  }
  const auto* batch = std::get_if<std::shared_ptr<const ChangeBatch>>(&element.what);
  if (batch != nullptr) kept_bytes_ += (*batch)->byte_size();
  kept_.push_back(std::move(element));
  return {};
}

// False if its table wants to wait: then it does to the end of the run.
Result<bool> RunWriter::write_ahead(const RunElement& element) {
  const auto rows = part_of(element, false);
  if (waiting_.contains(rows->schema->id)) return false;
  ASSIGN_OR_RETURN(const bool may, ahead_writer(*writer_).may_write_ahead(context_, rows->schema));
  if (!may) {
    waiting_.insert(rows->schema->id);
    return false;
  }
  has_rows_ = ahead_ = true;
  settled_ = false;
  RETURN_IF_ERROR(writer_->write(context_, *rows, false));
  return true;
}

// The answer that counts is the one that the target gives when the runs before this one are committed.
Result<> RunWriter::forgive(const Error& error) {
  if (error.code() == ErrorCode::kStopped) return error;
  log_debug("what was written ahead is undone: {}", error.message());
  undo();
  return {};
}

Result<> RunWriter::settle() {
  settled_ = true;
  const auto settled = ahead_writer(*writer_).settle(context_);
  return settled ? Result<>() : forgive(settled.error());
}

void RunWriter::undo() {
  writer_.reset();
  for (RunElement& element : kept_) element.ahead = false;
  rest_waits_ = true;
  ahead_ = false;
  settled_ = true;
}

}  // namespace sluice
