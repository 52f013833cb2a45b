// SPDX-License-Identifier: Apache-2.0
#include "engine/range_copier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace sluice {
namespace {

// Others at the source may wait for what a snapshot holds, and what changes meanwhile is remembered.
constexpr std::chrono::seconds kRenewSnapshotAfter{1};
constexpr std::chrono::milliseconds kTryAgainSoon{20};
constexpr std::chrono::milliseconds kTryAgainLater{1000};
constexpr std::chrono::milliseconds kTryAgainAtMost{60'000};
constexpr size_t kMostPieces = 8;
constexpr size_t kMostBytes = 8 << 20;

}  // namespace

std::string_view scan_status_text(ScanStatus status) {
  switch (status) {
    case ScanStatus::kSucceeded: return "SUCCEEDED";
    case ScanStatus::kEmpty: return "EMPTY";
    case ScanStatus::kNoPrimaryKey: return "NO_PRIMARY_KEY";
    case ScanStatus::kSqlException: return "SQL_EXCEPTION";
    case ScanStatus::kUnknownSchema: return "UNKNOWN_SCHEMA";
  }
  return "";
}

RangeCopier::RangeCopier(Context& context, const Source& source, std::unique_ptr<KeyRangeReader> reader)
    : context_(&context), source_(source), reader_(std::move(reader)), thread_([this, label = LogLabel::current()] {
        const LogLabel scope(label);
        run();
      }) {}

RangeCopier::~RangeCopier() {
  {
    std::lock_guard lock(mutex_);
    context_.request_stop();
  }
  changed_.notify_all();
}

void RangeCopier::begin(CopyOrder order) {
  cancel();
  {
    std::lock_guard lock(mutex_);
    order_ = std::move(order);
  }
  changed_.notify_all();
}

void RangeCopier::cancel() {
  {
    std::lock_guard lock(mutex_);
    ++number_;
    order_.reset();
    wants_window_ = false;
    window_.reset();
    pieces_.clear();
    ended_.reset();
  }
  changed_.notify_all();
}

bool RangeCopier::wants_window() const {
  std::lock_guard lock(mutex_);
  return wants_window_ && pieces_.empty();
}

void RangeCopier::open_window(const Position& reached) {
  {
    std::lock_guard lock(mutex_);
    wants_window_ = false;
    window_ = reached;
  }
  changed_.notify_all();
}

std::optional<CopiedPiece> RangeCopier::next(const Position& reached) {
  std::optional<CopiedPiece> piece;
  {
    std::lock_guard lock(mutex_);
    if (pieces_.empty() || !source_.covers(reached, pieces_.front().position)) return std::nullopt;
    piece.emplace(std::move(pieces_.front()));
    pieces_.pop_front();
  }
  changed_.notify_all();
  return piece;
}

std::optional<ScanStatus> RangeCopier::ended() const {
  std::lock_guard lock(mutex_);
  return pieces_.empty() ? ended_ : std::nullopt;
}

bool RangeCopier::superseded(uint64_t number) const {
  std::lock_guard lock(mutex_);
  return number != number_ || context_.stop_requested();
}

// Until the condition is false, or this object goes, or it is this late.
void RangeCopier::wait_while(const std::function<bool()>& condition, std::unique_lock<std::mutex>& lock,
                             std::optional<MonotonicTime> until) {
  const auto done = [&] { return context_.stop_requested() || !condition(); };
  if (until) {
    changed_.wait_until(lock, *until, done);
  } else {
    changed_.wait(lock, done);
  }
}

void RangeCopier::pause(std::chrono::milliseconds duration) { context_.wait_for(duration); }

std::optional<Position> RangeCopier::wait_for_window(uint64_t number) {
  std::unique_lock lock(mutex_);
  if (number != number_) return std::nullopt;
  window_.reset();
  wants_window_ = true;
  wait_while([&] { return number == number_ && !window_; }, lock);
  return number == number_ ? window_ : std::nullopt;
}

// False if nobody wants it any more. The snapshot does not outlast a wait for room.
Result<bool> RangeCopier::hand_over(CopiedPiece piece, uint64_t number, std::optional<MonotonicTime> until) {
  const size_t bytes = piece.batch.byte_size();
  const auto full = [&] {
    size_t waiting = 0;
    for (const auto& other : pieces_) waiting += other.batch.byte_size();
    return number == number_ && !pieces_.empty() && (pieces_.size() >= kMostPieces || waiting + bytes > kMostBytes);
  };
  std::unique_lock lock(mutex_);
  wait_while(full, lock, until);
  if (full()) {
    lock.unlock();
    RETURN_IF_ERROR(reader_->close_snapshot(context_));
    lock.lock();
    wait_while(full, lock);
  }
  if (number != number_ || context_.stop_requested()) return false;
  pieces_.push_back(std::move(piece));
  return true;
}

Result<std::optional<ScanStatus>> RangeCopier::read_pieces(CopyOrder& order, uint64_t number, const Position& position,
                                                           KeyRange range, const TableSchemaPtr& schema) {
  std::optional<MonotonicTime> until;
  if (!order.one_snapshot) until = monotonic_now() + kRenewSnapshotAfter;
  const auto snapshot = std::make_shared<const TransactionList>(
      1, Transaction{.start = position, .event_time_us = wall_clock_ms() * 1000});
  while (!superseded(number) && (!until || monotonic_now() < *until)) {
    range.after = order.after;
    CopiedPiece piece{.batch = ChangeBatch(schema),
                      .identity = schema->key.empty() ? range.columns : schema->key,
                      .position = position,
                      .last = {},
                      .greatest = *order.upto};
    piece.batch.transactions = snapshot;
    ASSIGN_OR_RETURN(auto last, reader_->read(context_, range, piece.batch));
    if (!last) return std::optional(ScanStatus::kSucceeded);
    const bool is_last = piece.batch.rows() < static_cast<size_t>(order.limit);
    piece.last = *last;
    ASSIGN_OR_RETURN(const bool taken, hand_over(std::move(piece), number, until));
    if (!taken) return std::optional<ScanStatus>();
    order.after = std::move(last);
    if (is_last) return std::optional(ScanStatus::kSucceeded);
  }
  return std::optional<ScanStatus>();
}

// Nothing if there is more to read in another snapshot.
Result<std::optional<ScanStatus>> RangeCopier::read_in_snapshot(CopyOrder& order, uint64_t number,
                                                                const Position& position) {
  ASSIGN_OR_RETURN(TableSchemaPtr schema, reader_->find_table(context_, order.table));
  if (!schema) return std::optional(ScanStatus::kUnknownSchema);
  // What is prepared for a shape is found by its object.
  if (schema_ && *schema_ == *schema) schema = schema_;
  schema_ = schema;
  KeyRange range{.columns = schema->key, .condition = order.condition, .limit = order.limit};
  if (!order.surrogate_key.empty()) {
    const auto column = schema->find_column(order.surrogate_key);
    if (!column) {
      return Error(ErrorCode::kConfig, fmt::format("it has no column '{}' for a surrogate key", order.surrogate_key));
    }
    range.columns = {*column};
  }
  if (range.columns.empty()) return std::optional(ScanStatus::kNoPrimaryKey);
  if (!order.upto) {
    ASSIGN_OR_RETURN(order.upto, reader_->greatest_key(context_, schema, range));
    if (!order.upto) return std::optional(ScanStatus::kEmpty);
  }
  range.upto = order.upto;
  return read_pieces(order, number, position, std::move(range), schema);
}

// Nothing if it was superseded.
std::optional<ScanStatus> RangeCopier::scan(CopyOrder& order, uint64_t number) {
  while (!superseded(number)) {
    const auto floor = wait_for_window(number);
    if (!floor) return std::nullopt;
    auto position = reader_->open_snapshot(context_);
    if (position && !source_.covers(*position, *floor)) {
      // The log shows commits a moment before the server does.
      (void)reader_->close_snapshot(context_);
      pause(kTryAgainSoon);
      continue;
    }
    auto read = position ? read_in_snapshot(order, number, *position)
                         : Result<std::optional<ScanStatus>>(std::move(position).error());
    (void)reader_->close_snapshot(context_);
    if (read) {
      complained_ = false;
      later_ = kTryAgainLater;
      if (*read) return *read;
      continue;
    }
    if (superseded(number)) return std::nullopt;
    const Error& error = read.error();
    if (!error.retryable() && error.code() != ErrorCode::kSchemaChanged) {
      log_warn("table {} is left out of the snapshot: {}", order.table.text(), error.message());
      return ScanStatus::kSqlException;
    }
    if (!complained_ && error.code() != ErrorCode::kSchemaChanged) {
      log_warn("the snapshot of table {} waits: {}; trying again", order.table.text(), error.message());
      complained_ = true;
    }
    if (error.code() == ErrorCode::kSchemaChanged) {
      pause(kTryAgainSoon);
    } else {
      // A snapshot may cost the source something each time.
      pause(std::exchange(later_, std::min(later_ * 2, kTryAgainAtMost)));
    }
  }
  return std::nullopt;
}

void RangeCopier::run() {
  while (!context_.stop_requested()) {
    std::unique_lock lock(mutex_);
    wait_while([&] { return !order_; }, lock);
    if (!order_) break;
    CopyOrder order = std::move(*order_);
    order_.reset();
    const uint64_t number = number_;
    lock.unlock();
    const auto status = scan(order, number);
    lock.lock();
    if (number == number_ && status) ended_ = status;
  }
  (void)reader_->close_snapshot(context_);
  reader_.reset();
}

}  // namespace sluice
