// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_phase.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "connector/event_sink.h"
#include "connector/known_changes.h"
#include "connector/logical_message.h"
#include "connector/quiet_log.h"
#include "engine/incremental_copy.h"
#include "engine/lane.h"
#include "engine/ordered_lane.h"
#include "engine/partitioner.h"
#include "engine/whole_transactions.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kNoWait{0};
// A target that is well commits more often.
constexpr std::chrono::milliseconds kPatience{3000};
// Changes that come closer to each other than this are waited for in poll(), which is quicker than the task pool.
constexpr std::chrono::milliseconds kBusy{10};
// How soon the source hears what lanes have committed meanwhile, and signals and pieces of tables are looked for.
constexpr std::chrono::milliseconds kLookInterval{50};
// Then it is another task's turn, if one waits.
constexpr std::chrono::milliseconds kLongestStep{10};
// So that the spool hears that the phase is alive.
constexpr std::chrono::milliseconds kLongestRest{1000};
// Elements other than batches weigh nearly nothing; this keeps their number bounded too.
constexpr size_t kControlBytes = 64;

using Elements = std::vector<StreamElement>;

size_t byte_size(const Elements& elements) {
  size_t total = 0;
  for (const auto& element : elements) {
    const auto* batch = std::get_if<ChangeBatch>(&element);
    total += batch != nullptr ? batch->byte_size() : kControlBytes;
  }
  return total;
}

// Where everybody is: every lane has everything up to here. Lanes are at group ends of one log, so one of them is
// covered by all others.
const Position& smallest(const Source& source, const std::vector<Position>& positions) {
  const Position* least = &positions.front();
  for (const auto& position : positions) {
    if (source.covers(*least, position)) least = &position;
  }
  return *least;
}

class Stream final : public StreamPhase {
 public:
  Stream(JobParts& parts, JobState& state, std::optional<Position> until)
      : parts_(parts),
        state_(state),
        events_(dynamic_cast<EventSink*>(&parts.sink)),
        until_(std::move(until)),
        context_(&parts.context),
        incoming_(static_cast<size_t>(parts.spec.pipeline.channel_bytes)),
        partitioner_(Partitioner::of(parts.sink, state)),
        lane_starts_(state.lanes) {}
  ~Stream() override;

  Result<std::optional<bool>> step(NextStep& next) override;

 private:
  struct ReadingTask final : Task {
    explicit ReadingTask(Stream& of) : stream(of) {}
    NextStep step() override { return stream.read_log(); }
    Stream& stream;
  };

  Result<> open_reader(LogStart start);
  Result<std::optional<bool>> follow(NextStep& next);
  Result<> open();
  Result<> open_lanes();
  NextStep read_log();
  NextStep rest();
  void acknowledge(const Position& durable);
  void watch_target(const Elements& elements, size_t bytes, const Position& durable);
  Result<bool> dispatch(StreamElement& element);
  Result<> dispatch_batch(ChangeBatch batch);
  Result<> send_rows(std::vector<ChangeBatch> targets);
  Result<> send_copied_rows(std::vector<ChangeBatch> targets, std::string_view mark);
  Result<> dispatch_group_end(const GroupEnd& end);
  Result<> dispatch_schema_change(SchemaChangeEvent event);
  Result<> carry_out(SchemaChangeEvent& event);
  bool carried_out_before(const SchemaChangeEvent& event) const;
  std::vector<Position> places_behind(const SchemaChangeEvent& event) const;
  Result<bool> truncate_among_rows(SchemaChangeEvent& event);
  Result<> drop_target(const TableId& source, const SchemaChange& target);
  std::shared_ptr<const ChangeBatch> without_known_rows(ChangeBatch batch, size_t lane) const;
  Result<> flush_lanes();
  Result<> settle_lanes();
  Result<> lane_failure();
  void publish_durable_position();
  bool catching_up() const { return !lane_starts_.empty(); }
  Result<> open_copies();
  Result<> copy_beside();

  JobParts& parts_;
  JobState& state_;
  EventSink* const events_;  // the sink, if it is one
  const std::optional<Position> until_;
  Context context_;  // of this phase's tasks
  ByteChannel<Elements> incoming_;
  Partitioner partitioner_;
  // While lanes begin at different positions: what each has already. Empty once all are past it.
  std::vector<Position> lane_starts_;
  std::optional<WholeTransactions> whole_;  // if they were asked for, and one lane is there to keep them
  bool opened_ = false;
  Position sent_;  // where the lanes will be when they have everything
  std::unique_ptr<LogReader> reader_;
  // Of the reading task.
  QuietLog* quiet_ = nullptr;  // the reader, if it can tell what to wait for
  bool resting_ = false;       // it waits for that
  MonotonicTime last_read_;
  Position acknowledged_;
  Position handed_on_;
  Position watched_durable_;
  MonotonicTime durable_since_;
  std::vector<std::unique_ptr<StreamLane>> lanes_;
  std::unique_ptr<IncrementalCopy> copies_;  // null if nobody can ask for any
  std::string_view copy_mark_;               // of the rows of copies that were sent last
  Position between_groups_;                  // where all lanes have been sent to; empty in the middle of a group
  std::mutex mutex_;                         // guards the two below
  Position durable_;
  std::optional<Error> reader_error_;
  ReadingTask reading_{*this};
};

Stream::~Stream() {
  context_.request_stop();
  incoming_.close();
  reading_.wake();
  reading_.join();
  copies_.reset();
  lanes_.clear();
}

Result<> Stream::open() {
  LogStart start;
  start.position = smallest(parts_.source, state_.lanes);
  for (const auto& [table, table_state] : state_.tables) {
    start.tables.emplace_back(table, table_state.detail);
    for (const auto& chunk : table_state.chunks) start.chunks.push_back({chunk.chunk, chunk.position});
  }
  const bool all_equal =
      std::ranges::all_of(state_.lanes, [&](const Position& lane) { return lane == state_.lanes.front(); });
  if (all_equal) lane_starts_.clear();
  durable_ = start.position;
  parts_.progress.set_position(start.position.text);
  log_info("reading the log from {}", start.position.text);
  if (parts_.spec.pipeline.apply == ApplyMode::kTransactional && state_.lanes.size() == 1) {
    whole_.emplace(parts_.source, state_, parts_.progress);
  }
  RETURN_IF_ERROR(open_reader(std::move(start)));
  RETURN_IF_ERROR(open_lanes());
  if (!catching_up()) between_groups_ = durable_;
  RETURN_IF_ERROR(open_copies());
  parts_.progress.set_phase(JobPhase::kStreaming);
  quiet_ = dynamic_cast<QuietLog*>(reader_.get());
  reading_.start(parts_.tasks);
  return {};
}

Result<> Stream::open_lanes() {
  const auto bytes = static_cast<size_t>(parts_.spec.pipeline.channel_bytes);
  const size_t lanes = state_.lanes.size();
  // Lanes that stand at different places are brought together first, each with a writer.
  const size_t writers_each = lanes == 1 && parts_.lanes == 1 ? parts_.writers : 1;
  for (size_t i = 0; i < lanes; ++i) {
    std::vector<std::unique_ptr<SinkWriter>> writers(writers_each);
    for (auto& writer : writers) {
      ASSIGN_OR_RETURN(writer, parts_.sink.open_writer(context_, parts_.ledger.job(), parts_.ledger.epoch()));
    }
    if (writers_each == 1) {
      lanes_.push_back(
          std::make_unique<Lane>(parts_, context_, i, std::move(writers[0]), state_.lanes[i], bytes / lanes));
    } else {
      lanes_.push_back(std::make_unique<OrderedLane>(parts_, context_, std::move(writers),
                                                     Partitioner::of(parts_.sink, state_), state_.lanes[i], bytes));
    }
  }
  return {};
}

Result<> Stream::open_copies() {
  IncrementalCopy::Outlet outlet{
      .write = [this](std::vector<ChangeBatch> targets,
                      std::string_view mark) { return send_copied_rows(std::move(targets), mark); },
      .end_group = [this] { return dispatch_group_end({.position = between_groups_, .source_time_ms = 0}); },
      .flush = [this] { return settle_lanes(); }};
  ASSIGN_OR_RETURN(copies_, IncrementalCopy::open(context_, parts_, state_, std::move(outlet)));
  return {};
}

// Between two groups, the target may get rows that are read again.
Result<> Stream::copy_beside() {
  if (!copies_ || catching_up() || between_groups_.empty()) return {};
  return copies_->step(between_groups_);
}

Result<> Stream::open_reader(LogStart start) {
  if (parts_.spool == nullptr) {
    ASSIGN_OR_RETURN(reader_, parts_.source.open_log_reader(parts_.context, std::move(start)));
    return {};
  }
  RETURN_IF_ERROR(settle_life(parts_, state_));
  ASSIGN_OR_RETURN(reader_, parts_.spool->attach(context_, start, state_.life));
  return {};
}

// Is it the target that keeps the log waiting? It takes nothing more, or what it has taken does not become durable.
void Stream::watch_target(const Elements& elements, size_t bytes, const Position& durable) {
  if (parts_.spool == nullptr) return;
  const MonotonicTime now = monotonic_now();
  for (const auto& element : elements) {
    if (const auto* end = std::get_if<GroupEnd>(&element)) handed_on_ = end->position;
  }
  if (durable != watched_durable_ || handed_on_.empty() || durable == handed_on_) durable_since_ = now;
  watched_durable_ = durable;
  const bool stuck = now - durable_since_ > std::max(kPatience, 2 * parts_.spec.pipeline.commit_interval);
  parts_.spool->set_blocked(stuck || !incoming_.wait_for_room(bytes, kNoWait));
}

void Stream::acknowledge(const Position& durable) {
  if (durable == acknowledged_) return;
  fault_point("before_source_ack");
  auto told = reader_->acknowledge(durable);
  if (!told) log_warn("telling the source what is durable: {}", told.error().message());
  acknowledged_ = durable;
}

// A step of the reading task. While changes keep coming it waits for the next ones here, with a thread of its own.
NextStep Stream::read_log() {
  if (context_.stop_requested()) return NextStep::never();
  Elements elements;
  auto polled = resting_ ? quiet_->look(context_, elements) : reader_->poll(context_, elements);
  Position durable;
  {
    std::lock_guard lock(mutex_);
    if (!polled) reader_error_ = std::move(polled).error();
    durable = durable_;
  }
  if (!polled) {
    incoming_.close();
    parts_.coordinator.wake();
    return NextStep::never();
  }
  const size_t bytes = byte_size(elements);
  watch_target(elements, bytes, durable);
  const bool quiet = elements.empty();
  if (!quiet) {
    fault_point("after_log_read");
    if (!incoming_.push(std::move(elements), bytes)) return NextStep::never();
    parts_.coordinator.wake();
    resting_ = resting_ && monotonic_now() - last_read_ > kBusy;
    last_read_ = monotonic_now();
  }
  acknowledge(durable);
  return quiet ? rest() : NextStep::now();
}

NextStep Stream::rest() {
  const auto wait = quiet_ != nullptr ? quiet_->begin_wait() : std::nullopt;
  resting_ = wait.has_value();
  if (!wait) return NextStep::now();
  const auto at_most = parts_.spool != nullptr ? std::min(wait->at_most, kLongestRest) : wait->at_most;
  return NextStep::when_readable(wait->readable, monotonic_now() + at_most);
}

Result<> Stream::lane_failure() {
  for (const auto& lane : lanes_) {
    if (auto error = lane->error(); error && error->code() != ErrorCode::kStopped) return std::move(*error);
  }
  return Error(ErrorCode::kStopped, "stopped while streaming");
}

Result<> Stream::flush_lanes() {
  for (auto& lane : lanes_) {
    if (!lane->flush()) return lane_failure();
  }
  return {};
}

// Flushes them, and nobody else writes their places.
Result<> Stream::settle_lanes() {
  RETURN_IF_ERROR(flush_lanes());
  for (auto& lane : lanes_) lane->set_position(lane->durable());
  return {};
}

std::shared_ptr<const ChangeBatch> Stream::without_known_rows(ChangeBatch batch, size_t lane) const {
  const auto covered = [&](const Transaction& transaction) {
    return parts_.source.covers(lane_starts_[lane], transaction);
  };
  drop_covered_transactions(batch, covered);
  return std::make_shared<const ChangeBatch>(std::move(batch));
}

Result<> Stream::dispatch_batch(ChangeBatch batch) {
  if (is_logical_message(*batch.schema)) {
    if (events_ == nullptr) return {};
    between_groups_ = {};
    std::vector<ChangeBatch> messages;
    messages.push_back(std::move(batch));
    return send_rows(std::move(messages));
  }
  const TableId table = batch.schema->id;
  const auto row_changes = static_cast<uint64_t>(
      std::ranges::count_if(batch.kinds, [](RowKind kind) { return kind != RowKind::kUpdateBefore; }));
  const uint64_t bytes = batch.byte_size();
  if (!parts_.limiter.acquire(context_, row_changes, bytes)) return lane_failure();
  parts_.progress.add_changes(table, row_changes, bytes);
  std::vector<ChangeBatch> targets;
  if (copies_) copies_->note_changes(batch);
  between_groups_ = {};
  RETURN_IF_ERROR(parts_.transform.apply(std::move(batch), targets));
  return send_rows(std::move(targets));
}

Result<> Stream::send_rows(std::vector<ChangeBatch> targets) {
  for (auto& target : targets) {
    if (target.rows() == 0) continue;
    ASSIGN_OR_RETURN(auto split, partitioner_.split(parts_.policy.fit(std::move(target))));
    for (size_t i = 0; i < split.size(); ++i) {
      if (!split[i]) continue;
      if (catching_up()) split[i] = without_known_rows(*split[i], i);
      if (split[i]->rows() == 0) continue;
      const size_t size = split[i]->byte_size();
      if (!lanes_[i]->send(std::move(split[i]), size)) return lane_failure();
    }
  }
  return {};
}

Result<> Stream::send_copied_rows(std::vector<ChangeBatch> targets, std::string_view mark) {
  if (std::exchange(copy_mark_, mark) != mark) {
    for (auto& lane : lanes_) {
      if (!lane->send(CopyMark{mark}, kControlBytes)) return lane_failure();
    }
  }
  return send_rows(std::move(targets));
}

Result<> Stream::dispatch_group_end(const GroupEnd& end) {
  sent_ = end.position;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    // A lane that is ahead must not record a smaller position than it has.
    const bool behind = catching_up() && !parts_.source.covers(end.position, lane_starts_[i]);
    if (behind) continue;
    if (!lanes_[i]->send(end, kControlBytes)) return lane_failure();
  }
  if (catching_up() && std::ranges::all_of(lane_starts_, [&](const Position& start) {
        return parts_.source.covers(end.position, start);
      })) {
    lane_starts_.clear();
  }
  return {};
}

// Changes the targets. Leaves those tables in needs_copy that are indeed to be copied again.
Result<> Stream::carry_out(SchemaChangeEvent& event) {
  const auto copied = [&event](const SchemaChange& change) {
    return change.after && std::ranges::find(event.needs_copy, change.table()) != event.needs_copy.end();
  };
  std::vector<std::vector<SchemaChange>> targets_of;
  for (const auto& change : event.changes) {
    ASSIGN_OR_RETURN(auto targets, parts_.transform.apply(change));
    for (const auto& target : targets) {
      if (!copied(change)) RETURN_IF_ERROR(parts_.policy.check(target));
    }
    targets_of.push_back(std::move(targets));
  }
  std::vector<TableId> copy_again;
  for (size_t i = 0; i < event.changes.size() && !carried_out_before(event); ++i) {
    const SchemaChange& change = event.changes[i];
    for (auto& target : targets_of[i]) {
      for (const auto& later : std::span(targets_of).subspan(i)) {
        for (const auto& other : later) RETURN_IF_ERROR(parts_.policy.spare_renamed(context_, target, other));
      }
      const bool refused = parts_.spec.pipeline.schema_behavior == SchemaBehavior::kException &&
                           change.kind != SchemaChangeKind::kCreateTable;
      if (!copied(change) || refused || parts_.policy.decide(target).empty()) {
        RETURN_IF_ERROR(parts_.policy.apply(context_, target));
        continue;
      }
      RETURN_IF_ERROR(drop_target(change.table(), target));
      copy_again.push_back(change.table());
    }
  }
  event.needs_copy = std::move(copy_again);
  return {};
}

// The place of a statement with rows (CREATE OR REPLACE TABLE ... SELECT) is in front of them. A lane that has begun
// beyond it has rows which the statement, carried out once more, would remove, and which come no second time.
bool Stream::carried_out_before(const SchemaChangeEvent& event) const {
  return std::ranges::any_of(lane_starts_, [&](const Position& start) {
    return parts_.source.covers(start, event.position) && !parts_.source.covers(event.position, start);
  });
}

// The kill of the process at any line here leads to the whole again: what is dropped is not altered first, so that a
// repetition never meets a table that is gone.
Result<> Stream::dispatch_schema_change(SchemaChangeEvent event) {
  RETURN_IF_ERROR(flush_lanes());
  fault_point("before_schema_change");
  if (!event.ddl.empty()) log_info("schema change at {}", event.position.text);
  RETURN_IF_ERROR(carry_out(event));
  if (events_ != nullptr) RETURN_IF_ERROR(events_->write_schema_change(context_, event, durable_));
  fault_point("after_schema_change");
  const std::vector<Position> places = places_behind(event);
  RETURN_IF_ERROR(parts_.ledger.record_schema_change(context_, event, places));
  fault_point("after_schema_recorded");
  if (parts_.spool != nullptr) parts_.spool->schema_changed(event);
  for (size_t i = 0; i < lanes_.size(); ++i) lanes_[i]->set_position(places[i]);
  sent_ = event.position;
  if (event.needs_copy.empty()) return {};
  return Error(ErrorCode::kSchemaChanged,
               fmt::format("rows of table {} are not in the log and must be copied", event.needs_copy.front().text()));
}

// Where the lanes are once the change is made. One that began beyond its place stays there: the place of a CREATE TABLE
// with rows is in front of them, and such a lane may have them.
std::vector<Position> Stream::places_behind(const SchemaChangeEvent& event) const {
  std::vector<Position> places(lanes_.size(), event.position);
  for (size_t i = 0; i < lane_starts_.size(); ++i) {
    if (parts_.source.covers(lane_starts_[i], event.position)) places[i] = lanes_[i]->durable();
  }
  return places;
}

// What PostgreSQL's transaction empties and fills again must not be seen empty where whole transactions were promised,
// and events of TRUNCATE stand among those of rows: a lane does it. Takes what it does out of the event; false if
// something is left.
Result<bool> Stream::truncate_among_rows(SchemaChangeEvent& event) {
  const auto is_truncation = [](const SchemaChange& change) { return change.kind == SchemaChangeKind::kTruncateTable; };
  if (std::ranges::none_of(event.changes, is_truncation)) return false;
  if (parts_.spec.pipeline.schema_behavior == SchemaBehavior::kException) return false;
  const bool told = parts_.sink.tells_truncation();
  const bool alone =
      std::ranges::all_of(event.changes, is_truncation) && event.tracked.empty() && event.needs_copy.empty();
  const bool statement_of_its_own = !event.ddl.empty();
  if (!told && (!whole_ || !alone || statement_of_its_own)) return false;
  Truncation truncation{.tables = {}, .transaction = event.transaction, .place = event.place};
  for (const auto& change : event.changes) {
    if (!is_truncation(change)) continue;
    ASSIGN_OR_RETURN(const auto targets, parts_.transform.apply(change));
    for (const auto& target : targets) {
      if (told || !parts_.policy.decide(target).empty()) truncation.tables.push_back(target.after);
    }
  }
  std::erase_if(event.changes, is_truncation);
  const bool rows_follow = alone && !statement_of_its_own && lanes_.size() == 1;
  if (!rows_follow) RETURN_IF_ERROR(settle_lanes());
  const bool known = catching_up() && parts_.source.covers(lane_starts_.front(), event.position);
  if (!truncation.tables.empty() && !known && !lanes_.front()->send(std::move(truncation), kControlBytes)) {
    return lane_failure().error();
  }
  if (rows_follow) return true;
  if (alone) {
    RETURN_IF_ERROR(dispatch_group_end({.position = event.position}));
  } else if (!lanes_.front()->send(GroupEnd{.position = lanes_.front()->durable()}, kControlBytes)) {
    // Where it was, for what is left comes again after a crash, and this with it.
    return lane_failure().error();
  }
  RETURN_IF_ERROR(settle_lanes());
  return alone;
}

// A table that must be copied again is created anew, in the shape that the copy will find.
Result<> Stream::drop_target(const TableId& source, const SchemaChange& target) {
  if (!parts_.spec.routes.empty()) {
    return Error(
        ErrorCode::kTarget,
        fmt::format("table {} must be copied again, and its target may hold rows of other tables too", source.text()),
        "Empty the target table and start the job with --reset.");
  }
  log_warn("the log does not tell the rows of table {} after this statement: it is copied again", source.text());
  return parts_.sink.apply(
      context_,
      {.kind = SchemaChangeKind::kDropTable, .before = target.after, .after = nullptr, .columns = {}, .new_names = {}});
}

void Stream::publish_durable_position() {
  std::vector<Position> positions;
  for (const auto& lane : lanes_) positions.push_back(lane->durable());
  const Position& least = smallest(parts_.source, positions);
  std::lock_guard lock(mutex_);
  if (least == durable_) return;
  durable_ = least;
  if (whole_) whole_->reached(least);
  parts_.progress.set_position(least.text);
  reading_.wake();
}

// True when the job may end here.
Result<bool> Stream::dispatch(StreamElement& element) {
  if (auto* batch = std::get_if<ChangeBatch>(&element)) {
    RETURN_IF_ERROR(dispatch_batch(std::move(*batch)));
    return false;
  }
  if (auto* change = std::get_if<SchemaChangeEvent>(&element)) {
    if (copies_) copies_->note_schema_change(*change);
    between_groups_ = {};
    ASSIGN_OR_RETURN(const bool done, truncate_among_rows(*change));
    if (!done) RETURN_IF_ERROR(dispatch_schema_change(*change));
    if (sent_ != change->position) return false;  // rows of the transaction follow
    between_groups_ = change->position;
    return until_ && parts_.source.covers(change->position, *until_);
  }
  const auto& end = std::get<GroupEnd>(element);
  RETURN_IF_ERROR(dispatch_group_end(end));
  between_groups_ = end.position;
  if (!until_ || !parts_.source.covers(end.position, *until_)) return false;
  RETURN_IF_ERROR(flush_lanes());
  return true;
}

Result<std::optional<bool>> Stream::step(NextStep& next) {
  auto ended = follow(next);
  const bool yielded = parts_.spool != nullptr && parts_.spool->wants_log() && !parts_.context.stop_requested();
  if (!ended && ended.error().code() == ErrorCode::kStopped && yielded) return std::optional(false);
  return ended;
}

Result<std::optional<bool>> Stream::follow(NextStep& next) {
  if (!std::exchange(opened_, true)) {
    fault_point("before_stream_start");
    RETURN_IF_ERROR(open());
  }
  const MonotonicTime began = monotonic_now();
  while (!context_.stop_requested()) {
    const bool held = copies_ && copies_->holds_stream();
    auto elements = held ? std::nullopt : incoming_.pop(kNoWait);
    if (!elements) {
      if (incoming_.drained()) {
        std::lock_guard lock(mutex_);
        if (reader_error_) return std::move(*reader_error_);
      }
      for (const auto& lane : lanes_) {
        if (lane->error()) return lane_failure().error();
      }
    }
    if (elements && copies_) RETURN_IF_ERROR(copies_->look_at(*elements, !between_groups_.empty()));
    for (size_t i = 0; elements && i < elements->size(); ++i) {
      ASSIGN_OR_RETURN(const bool ended, dispatch((*elements)[i]));
      if (!ended) continue;
      publish_durable_position();
      return std::optional(true);
    }
    RETURN_IF_ERROR(copy_beside());
    publish_durable_position();
    const MonotonicTime now = monotonic_now();
    // durable_ is written by this task alone.
    const bool look_again = copies_ || (!sent_.empty() && durable_ != sent_);
    if (!elements) next = look_again ? NextStep::at(now + kLookInterval) : NextStep::woken();
    if (elements && now - began >= kLongestStep) next = NextStep::now();
    if (!elements || now - began >= kLongestStep) return std::optional<bool>();
  }
  return Error(ErrorCode::kStopped, "stopped while streaming");
}

}  // namespace

std::unique_ptr<StreamPhase> StreamPhase::make(JobParts& parts, JobState& state, std::optional<Position> until) {
  return std::make_unique<Stream>(parts, state, std::move(until));
}

}  // namespace sluice
