// SPDX-License-Identifier: Apache-2.0
#include "engine/log_spool.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "connector/known_changes.h"
#include "connector/logical_message.h"
#include "connector/quiet_log.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookInterval{1000};
// A job that restarts is given this time to take the log up again.
constexpr milliseconds kGrace{2000};
// A phase that says nothing for so long is waiting for its target.
constexpr milliseconds kLongestSilence{5000};
constexpr milliseconds kSyncInterval{20};
constexpr milliseconds kFirstDelay{100};
constexpr milliseconds kPollWait{50};
constexpr milliseconds kFullWait{200};
constexpr milliseconds kMoment{5};
constexpr uint64_t kMostSegmentBytes = 64 << 20;
constexpr uint64_t kLeastSegments = 4;  // in a full log

LogState state_of(const LogStart& start, const std::string& life) {
  LogState state;
  state.job = life;
  state.position = start.position;
  state.tables.insert(start.tables.begin(), start.tables.end());
  state.chunks = start.chunks;
  return state;
}

std::map<TableId, std::vector<FinishedChunk>> by_table(const std::vector<FinishedChunk>& chunks) {
  std::map<TableId, std::vector<FinishedChunk>> tables;
  for (const auto& chunk : chunks) tables[chunk.chunk.table].push_back(chunk);
  return tables;
}

}  // namespace

// Reads the change log, then the source.
class LogSpool::Reader : public LogReader, public QuietLog {
 public:
  Reader(LogSpool& spool, std::unique_ptr<LogReader> source) : spool_(spool), inner_(std::move(source)) {}
  Reader(LogSpool& spool, const LogStart& start, std::unique_ptr<ChangeLogReader> log,
         std::unique_ptr<CopiedChanges> copied)
      : spool_(spool), start_(start.position), log_(std::move(log)), copied_(std::move(copied)) {
    for (const auto& [table, detail] : start.tables) tables_.insert(table);
  }
  ~Reader() override {
    inner_.reset();
    log_.reset();
    spool_.resume();
  }

  Result<> poll(Context& context, std::vector<StreamElement>& out) override {
    RETURN_IF_ERROR(look_for_passed_over());
    if (inner_) return inner_->poll(context, out);
    std::vector<StreamElement> read;
    const uint64_t published = spool_.published();
    ASSIGN_OR_RETURN(const bool more, log_->next(read));
    if (!more) return spool_.wait_for_more(published, inner_);
    for (auto& element : read) {
      if (!passed_) drop_known(element);
      if (copied_) RETURN_IF_ERROR(copied_->drop_from(element));
      if (is_wanted(element)) out.push_back(std::move(element));
    }
    return {};
  }

  // From the change log it always reads as if there were more.
  Result<> look(Context& context, std::vector<StreamElement>& out) override {
    auto* const quiet = dynamic_cast<QuietLog*>(inner_.get());
    if (quiet == nullptr) return poll(context, out);
    RETURN_IF_ERROR(look_for_passed_over());
    return quiet->look(context, out);
  }
  std::optional<LogWait> begin_wait() override {
    auto* const quiet = dynamic_cast<QuietLog*>(inner_.get());
    return quiet != nullptr ? quiet->begin_wait() : std::nullopt;
  }

  Result<> acknowledge(const Position& position) override {
    RETURN_IF_ERROR(spool_.acknowledge(position, inner_ != nullptr));
    return inner_ ? inner_->acknowledge(position) : Result<>();
  }

 private:
  // The job may have been told since to leave the table alone. Or the table went away before it was copied in whole:
  // then the ledger does not know it, though a job that copies knows each table of which it reads changes.
  bool is_lost(const TableId& table) const {
    return !spool_.source_.captures(table) || (spool_.source_.wants_snapshot() && !tables_.contains(table));
  }
  bool is_wanted(StreamElement& element) {
    if (const auto* batch = std::get_if<ChangeBatch>(&element)) {
      return batch->rows() > 0 && (is_logical_message(*batch->schema) || !is_lost(batch->schema->id));
    }
    auto* const event = std::get_if<SchemaChangeEvent>(&element);
    if (!passed_ || event == nullptr) return passed_;
    for (const TableId& table : event->needs_copy) {
      if (is_lost(table) && spool_.source_.captures(table)) passed_over_ = {table, event->position};
    }
    std::erase_if(event->needs_copy, [&](const TableId& table) { return is_lost(table); });
    std::erase_if(event->changes, [&](const SchemaChange& change) { return is_lost(change.table()); });
    std::erase_if(event->tracked, [&](const auto& told) { return is_lost(told.first); });
    return !event->changes.empty() || !event->tracked.empty() || !event->needs_copy.empty();
  }
  // A table that must be copied and that the ledger does not know is gone. Or it came by its name after this attempt
  // had looked which tables there are: then the next one finds it.
  Result<> look_for_passed_over() {
    if (!passed_over_ || !spool_.is_durable(passed_over_->second)) return {};
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} was to be copied again: looking whether it is there",
                                                        passed_over_->first.text()));
  }
  bool covered(const Position& position) const { return spool_.covers(start_, position); }

  // The change log begins at or before what the target has: rows that it has are taken out, whole groups and schema
  // changes left out.
  void drop_known(StreamElement& element) {
    if (const auto* end = std::get_if<GroupEnd>(&element)) {
      passed_ = !covered(end->position);
    } else if (const auto* event = std::get_if<SchemaChangeEvent>(&element)) {
      passed_ = !covered(event->position);
    } else {
      drop_covered_transactions(std::get<ChangeBatch>(element),
                                [this](const Transaction& one) { return spool_.source_.covers(start_, one); });
    }
  }

  LogSpool& spool_;
  const Position start_;
  std::set<TableId> tables_;  // of the ledger
  std::unique_ptr<ChangeLogReader> log_;
  std::unique_ptr<CopiedChanges> copied_;
  std::unique_ptr<LogReader> inner_;
  bool passed_ = false;
  std::optional<std::pair<TableId, Position>> passed_over_;  // and where that was
};

LogSpool::LogSpool(Source& source, std::unique_ptr<HeldLog> held, const PipelineSpec& options, std::string folder,
                   Progress& progress, Task& coordinator)
    : source_(source),
      held_(std::move(held)),
      beside_(dynamic_cast<ReadsBesideCopies*>(held_.get())),
      limit_(static_cast<uint64_t>(options.change_log_retained_limit)),
      max_bytes_(static_cast<uint64_t>(options.change_log_max_bytes)),
      longest_delay_(options.restart_delay_max),
      folder_(std::move(folder)),
      progress_(progress),
      coordinator_(coordinator),
      last_look_(monotonic_now() - kLookInterval),
      detached_since_(monotonic_now()) {}

LogSpool::~LogSpool() {
  {
    // With the lock, so that the task is not between its look and a wait.
    std::lock_guard lock(mutex_);
    context_.request_stop();
    changed_.notify_all();
  }
  wake();
  join();
}

void LogSpool::begin(TaskPool& tasks, bool fresh) {
  may_open_ = !fresh;
  start(tasks);
}

uint64_t LogSpool::segment_bytes() const { return std::min(kMostSegmentBytes, max_bytes_ / kLeastSegments); }

// --- the task

NextStep LogSpool::step() {
  if (context_.stop_requested()) return NextStep::never();
  look_if_due(context_);
  open_log_early();
  std::unique_lock lock(mutex_);
  if (!should_read()) return NextStep::at(last_look_ + kLookInterval);
  busy_ = true;
  reading_ = std::make_unique<Context>(&context_);
  lock.unlock();
  read_until_told();
  lock.lock();
  reading_.reset();
  busy_ = false;
  changed_.notify_all();
  return NextStep::now();
}

void LogSpool::look_if_due(Context& context) {
  const MonotonicTime now = monotonic_now();
  if (now - last_look_ < kLookInterval) return;
  auto kept = held_->look(context);
  last_look_ = monotonic_now();
  if (!kept) {
    // Whoever needs the source will say so.
    log_debug("looking how much log the source keeps: {}", kept.error().message());
    return;
  }
  kept_ = std::move(kept).value();
  progress_.set_kept_log(kept_.retained, kept_.unacknowledged);
}

// A job that starts while its target is away has nothing but the change log.
void LogSpool::open_log_early() {
  std::error_code missing;
  if (!may_open_ || !std::filesystem::exists(folder_, missing)) return;
  {
    std::lock_guard lock(mutex_);
    if (attached_ || log_) return;
    busy_ = true;
  }
  auto opened = ChangeLog::open(folder_, segment_bytes());
  std::lock_guard lock(mutex_);
  if (opened) {
    log_ = std::move(opened).value();
  } else {
    // Whoever attaches hears of it.
    log_debug("{}", opened.error().message());
    may_open_ = opened.error().retryable();
  }
  busy_ = false;
  changed_.notify_all();
}

// With the lock.
bool LogSpool::should_read() {
  if (active_) return true;
  const bool over = limit_ > 0 && kept_.unacknowledged > limit_;
  if (!over || stopped_) return false;
  if (attached_) {
    const bool silent = monotonic_now() - last_word_ > kLongestSilence;
    if ((blocked_ || silent) && can_spool_ && !yield_) {
      log_warn("the target does not keep up, and the source keeps {} MB of log for it", kept_.unacknowledged >> 20);
      yield_ = true;
      phase_->request_stop();
      coordinator_.wake();
    }
    return false;
  }
  if (!log_ || !(have_base_ || log_->begun())) return false;
  active_ = yield_ || monotonic_now() - detached_since_ >= kGrace;
  return active_;
}

void LogSpool::read_until_told() {
  milliseconds delay = kFirstDelay;
  for (;;) {
    auto read = read_source(*reading_);
    if (reader_) delay = kFirstDelay;
    reader_.reset();
    // A disk that is full may have room again; the source keeps what could not be written. What needs a copy, or a
    // person, comes up when the target has everything before it.
    const bool unwritable = !read && read.error().code() == ErrorCode::kState;
    const bool settled = unwritable && log_->begun() && log_->settle();
    std::unique_lock lock(mutex_);
    if (read || !active_ || reading_->stop_requested()) return;
    const Error& error = read.error();
    const bool ends = !unwritable && (!error.retryable() || error.code() == ErrorCode::kSchemaChanged);
    // A target that has committed all there is need not wait for a disk.
    const bool awaited = settled && attached_ && have_base_ && covers(base_.position, log_->end().position);
    if (ends || awaited) {
      log_warn("the change log ends here for now: {}", error.describe());
      stopped_ = awaited ? Error(ErrorCode::kTransient, error.message()) : error;
      active_ = false;
      changed_.notify_all();
      return;
    }
    log_warn("{}: {}; trying again in {} ms", error_code_info(error.code()).name, error.describe(), delay.count());
    changed_.wait_for(lock, delay, [this] { return !active_ || reading_->stop_requested(); });
    delay = std::min(delay * 2, std::max(longest_delay_, kFirstDelay));
  }
}

// Finds where to go on: behind what the change log has, if the target lacks any of that.
Result<> LogSpool::begin_reading(Context& context) {
  LogState base;
  bool of_ledger = false;
  bool attached = false;
  bool beside_copy = false;
  {
    std::lock_guard lock(mutex_);
    base = base_;
    of_ledger = have_base_;
    attached = attached_;
    beside_copy = first_copy_;
  }
  if (log_->begun()) RETURN_IF_ERROR(log_->settle());
  if (!of_ledger) {
    base = log_->end();
    // Without changes it stands where the job began to stream; what was acknowledged since is in the target.
    if (!kept_.acknowledged.empty() && covers(kept_.acknowledged, base.position)) base.position = kept_.acknowledged;
  }
  const bool useful =
      log_->begun() && !log_->empty() && (attached || !of_ledger || !covers(base.position, log_->end().position));
  // While somebody reads it, it is as attach() left it.
  if (!useful && !attached) {
    RETURN_IF_ERROR(log_->begin_at(std::move(base)));
    unwritten_.tables.clear();
  }
  RETURN_IF_ERROR(write_tables());
  log_info("spooling the source's log from {} to {}", log_->end().position.text, folder_);
  LogStart start = log_->end().start();
  // Who has a name that was another's before is not found by a look for new names.
  const bool leaves_out = beside_copy && start.tables.size() == log_->end().tables.size();
  if (leaves_out) {
    std::lock_guard lock(mutex_);
    left_out_ = true;
  }
  ASSIGN_OR_RETURN(reader_, leaves_out ? beside_->open_reader_beside_copy(context, std::move(start))
                                       : held_->open_reader(context, std::move(start)));
  last_sync_ = monotonic_now();
  return {};
}

Result<> LogSpool::read_source(Context& context) {
  RETURN_IF_ERROR(begin_reading(context));
  std::vector<StreamElement> elements;
  while (!context.stop_requested()) {
    look_if_due(context);
    if (hand_over()) return {};
    // The target makes room only by what it can see.
    if (log_->bytes() >= max_bytes_) RETURN_IF_ERROR(publish());
    if (!has_room()) continue;
    elements.clear();
    RETURN_IF_ERROR(reader_->poll(context, elements));
    const SchemaChangeEvent* copies = nullptr;
    for (const auto& element : elements) {
      RETURN_IF_ERROR(log_->append(element));
      copies = std::get_if<SchemaChangeEvent>(&element);
      if (copies != nullptr && !copies->needs_copy.empty()) break;
      copies = nullptr;
    }
    const bool due = elements.empty() || copies != nullptr || monotonic_now() - last_sync_ >= kSyncInterval;
    if (due) RETURN_IF_ERROR(publish());
    if (copies == nullptr) continue;
    return Error(ErrorCode::kSchemaChanged,
                 fmt::format("table {} must be copied before the log goes on", copies->needs_copy.front().text()));
  }
  return Error(ErrorCode::kStopped, "stopped while spooling");
}

Result<> LogSpool::publish() {
  last_sync_ = monotonic_now();
  if (log_->settled()) return {};
  RETURN_IF_ERROR(log_->sync());
  fault_point("before_spool_ack");
  RETURN_IF_ERROR(reader_->acknowledge(log_->end().position));
  fault_point("after_spool_ack");
  progress_.set_change_log_bytes(log_->bytes());
  std::lock_guard lock(mutex_);
  ++published_;
  at_end_ = false;
  changed_.notify_all();
  return {};
}

// A single transaction larger than the whole log must pass.
bool LogSpool::has_room() {
  if (log_->bytes() < max_bytes_) {
    told_full_ = false;
    return true;
  }
  std::unique_lock lock(mutex_);
  if (have_base_ && covers(base_.position, log_->end().position)) return true;
  if (!told_full_) {
    log_warn(
        "the change log is full (change-log.max-bytes: {} MB): the source keeps its log until the target has "
        "taken some",
        max_bytes_ >> 20);
  }
  told_full_ = true;
  changed_.wait_for(lock, kFullWait);
  return false;
}

// The target has everything that is in the change log: the phase reads from the source itself.
bool LogSpool::hand_over() {
  std::unique_lock lock(mutex_);
  if (!attached_ || !log_->settled()) return false;
  // Where the source's log ended a moment ago. That nothing comes says little: a server that decodes what was there
  // already is silent for long. And whoever went on from there would come back at once.
  if (limit_ > 0 && !covers(log_->end().position, kept_.end)) return false;
  // Beside a source that never rests the reader has had no time yet to read what was just published.
  changed_.wait_for(lock, kMoment, [this] { return at_end_ || !active_; });
  if (!at_end_ || !active_) return false;
  fault_point("before_hand_over");
  log_info("the target has caught up with the change log at {}", log_->end().position.text);
  handed_over_ = std::move(reader_);
  active_ = false;
  changed_.notify_all();
  return true;
}

// --- the coordinator

void LogSpool::pause() {
  std::unique_lock lock(mutex_);
  attached_ = true;
  active_ = false;
  if (reading_) reading_->request_stop();
  changed_.notify_all();
  changed_.wait(lock, [this] { return !busy_; });
}

Result<> LogSpool::forget() {
  pause();
  log_.reset();
  auto removed = ChangeLog::remove(folder_);
  {
    std::lock_guard lock(mutex_);
    have_base_ = first_copy_ = left_out_ = looked_late_ = false;
  }
  resume();
  return removed;
}

Result<> LogSpool::begin_copy(Context& context, const LogStart& start, const std::string& life, bool first) {
  std::optional<Error> unusable;
  auto spooled = take_up(start, life, unusable);
  if (spooled) {
    // Asked now, not after hours of copying.
    const auto held = source_.held_log();
    ASSIGN_OR_RETURN(const KeptLog kept, held->look(context));
    const LogStart from = *spooled ? log_->end().start() : start;
    if (!kept.acknowledged.empty() && !covers(from.position, kept.acknowledged)) {
      const auto reader = held->open_reader(context, from);
      if (!reader) return unusable ? std::move(*unusable) : reader.error();
    }
  }
  if (!spooled) return std::move(spooled).error();
  {
    std::lock_guard lock(mutex_);
    first_copy_ = first && beside_ != nullptr && !looked_late_;
  }
  return {};
}

bool LogSpool::end_copy() {
  pause();
  std::unique_lock lock(mutex_);
  first_copy_ = false;
  const bool left_out = std::exchange(left_out_, false);
  looked_late_ = looked_late_ || left_out;
  lock.unlock();
  resume();
  return left_out;
}

Result<std::unique_ptr<LogReader>> LogSpool::attach(Context& phase, const LogStart& start, const std::string& life) {
  pause();
  bool wanted = false;
  {
    std::lock_guard lock(mutex_);
    wanted = yield_;
    phase_ = &phase;
  }
  std::optional<Error> unusable;
  auto spooled = take_up(start, life, unusable);
  if (!spooled) {
    resume();
    return std::move(spooled).error();
  }
  {
    std::lock_guard lock(mutex_);
    can_spool_ = log_ != nullptr;
  }
  const bool from_log = *spooled || (wanted && log_);
  auto reader = from_log ? read_back(start) : source_.open_log_reader(phase, start);
  if (!reader) {
    resume();
    // What the source no longer has may be in there.
    const bool may_have_it = unusable && reader.error().code() == ErrorCode::kPositionLost;
    return may_have_it ? std::move(*unusable) : std::move(reader).error();
  }
  if (from_log) return reader;
  return std::unique_ptr<LogReader>(new Reader(*this, std::move(reader).value()));
}

Result<std::unique_ptr<LogReader>> LogSpool::read_back(const LogStart& start) {
  log_info("what the target lacks comes from the change log {}, up to {}", folder_, log_->end().position.text);
  std::unique_ptr<CopiedChanges> copied;
  if (beside_ != nullptr && !start.chunks.empty()) {
    ASSIGN_OR_RETURN(copied, beside_->copied_changes(start.chunks));
  }
  auto log = log_->read([&](const Position& position) { return covers(start.position, position); });
  std::lock_guard lock(mutex_);
  active_ = true;
  wake();
  return std::unique_ptr<LogReader>(new Reader(*this, start, std::move(log), std::move(copied)));
}

// The ledger's place is known, and the change log is made ready for it. True if that has something that the target
// lacks.
Result<bool> LogSpool::take_up(const LogStart& start, const std::string& life, std::optional<Error>& unusable) {
  {
    std::lock_guard lock(mutex_);
    base_ = state_of(start, life);
    have_base_ = true;
    first_copy_ = base_stale_ = yield_ = blocked_ = at_end_ = false;
    stopped_.reset();
    handed_over_.reset();
    last_word_ = monotonic_now();
  }
  auto spooled = prepare(start, life);
  if (spooled || spooled.error().code() != ErrorCode::kState) return spooled;
  unusable = spooled.error();
  log_warn("the change log cannot be used, so the source keeps its log while the target does not take it: {}",
           unusable->describe());
  log_.reset();
  return false;
}

Result<bool> LogSpool::prepare(const LogStart& start, const std::string& life) {
  unwritten_ = {};
  std::error_code missing;
  if (!log_ && limit_ == 0 && !std::filesystem::exists(folder_, missing)) return false;
  if (!log_) {
    ASSIGN_OR_RETURN(log_, ChangeLog::open(folder_, segment_bytes()));
  } else if (log_->begun()) {
    RETURN_IF_ERROR(log_->settle());
  }
  if (log_->begun() && !log_->empty() && !covers(start.position, log_->end().position)) {
    if (log_->end().job != life) {
      return Error(ErrorCode::kConfig,
                   fmt::format("the change log {} holds changes of another target of this job", folder_),
                   "Start the job with the target that it had, until it has caught up; or with --reset, which removes "
                   "the change log and copies again.");
    }
    if (!covers(start.position, log_->begin())) {
      return Error(ErrorCode::kPositionLost,
                   fmt::format("the target stands at {}, and the change log {} begins at {}: the changes between are "
                               "gone",
                               start.position.text, folder_, log_->begin().text),
                   "The target was set back to an older state: start the job with --reset to copy again.");
    }
    unwritten_ = newer_tables(start);
    const auto written = write_tables();
    if (written) return true;
    if (written.error().code() != ErrorCode::kState) return written.error();
    // Neither who copies nor who reads what is there needs the disk, and the second makes room on it.
    log_warn("{}; the source keeps its log until the change log can be written", written.error().describe());
    RETURN_IF_ERROR(log_->settle());
    return true;
  }
  std::unique_lock lock(mutex_);
  LogState base = base_;
  lock.unlock();
  RETURN_IF_ERROR(log_->begin_at(std::move(base)));
  progress_.set_change_log_bytes(0);
  return false;
}

// What the ledger knows better: tables whose copy stands behind all that is in the change log, where the chunks of
// others have come to stand, and which tables are of no interest any more.
LogState LogSpool::newer_tables(const LogStart& start) const {
  const LogState& end = log_->end();
  auto chunks = by_table(start.chunks);
  auto chunks_before = by_table(end.chunks);
  LogState more;
  std::set<TableId> present;
  for (const auto& [table, detail] : start.tables) {
    present.insert(table);
    auto& copied = chunks[table];
    const auto known = end.tables.find(table);
    const bool newer = !copied.empty() && std::ranges::all_of(copied, [&](const FinishedChunk& chunk) {
      return covers(chunk.position, end.position);
    });
    const bool stays = known != end.tables.end() && !newer;
    if (stays && copied.empty()) continue;
    LogState now, before;
    now.tables.emplace(table, stays ? known->second : detail);
    now.chunks = std::move(copied);
    if (known != end.tables.end()) before.tables.insert(*known);
    before.chunks = std::move(chunks_before[table]);
    if (encode_state(now) == encode_state(before)) continue;
    more.tables.merge(now.tables);
    std::ranges::move(now.chunks, std::back_inserter(more.chunks));
  }
  for (const auto& [table, detail] : end.tables) {
    if (source_.wants_snapshot() && !detail.empty() && !present.contains(table)) more.tables.emplace(table, "");
  }
  return more;
}

Result<> LogSpool::write_tables() {
  if (unwritten_.tables.empty()) return {};
  RETURN_IF_ERROR(log_->replace_tables(unwritten_));
  RETURN_IF_ERROR(log_->sync());
  unwritten_ = {};
  return {};
}

void LogSpool::schema_changed(const SchemaChangeEvent& event) {
  std::lock_guard lock(mutex_);
  base_.follow(event);
  base_stale_ = true;
}

void LogSpool::set_blocked(bool blocked) {
  std::lock_guard lock(mutex_);
  blocked_ = blocked;
  last_word_ = monotonic_now();
}

bool LogSpool::wants_log() const {
  std::lock_guard lock(mutex_);
  return yield_;
}

// --- the Reader

Result<> LogSpool::acknowledge(const Position& position, bool in_memory) {
  std::unique_lock lock(mutex_);
  // It may be one from before a schema change that the ledger has recorded since.
  if (!covers(base_.position, position)) base_.position = position;
  LogState base;
  // What is on disk must know as much as the source will be told. Nobody else uses it while changes pass by memory.
  const bool rewrite = in_memory && log_ && (log_->empty() ? base_stale_ : covers(position, log_->end().position));
  if (rewrite) {
    base = base_;
    base_stale_ = false;
  }
  changed_.notify_all();
  lock.unlock();
  if (!log_) return {};
  if (!rewrite) {
    if (in_memory && log_->empty()) return {};
    RETURN_IF_ERROR(log_->trim([&](const Position& begin) { return covers(position, begin); }));
    progress_.set_change_log_bytes(log_->bytes());
    return {};
  }
  if (const auto begun = log_->begin_at(std::move(base)); !begun) {
    // What is on disk would be older than what the source is told. The target has all of it.
    log_warn("{}; the source keeps its log from now on while the target does not take it", begun.error().describe());
    log_.reset();
    lock.lock();
    can_spool_ = false;
    lock.unlock();
    RETURN_IF_ERROR(ChangeLog::remove(folder_));
  }
  progress_.set_change_log_bytes(0);
  return {};
}

// Nothing was there when `published` was looked at.
Result<> LogSpool::wait_for_more(uint64_t published, std::unique_ptr<LogReader>& inner) {
  std::unique_lock lock(mutex_);
  if (published != published_) return {};
  at_end_ = true;
  changed_.notify_all();
  if (!handed_over_ && !stopped_) changed_.wait_for(lock, kPollWait);
  if (handed_over_) {
    inner = std::move(handed_over_);
    return {};
  }
  // What was published since comes first.
  if (stopped_ && at_end_) return *stopped_;
  return {};
}

bool LogSpool::is_durable(const Position& position) const {
  std::lock_guard lock(mutex_);
  return covers(base_.position, position);
}

uint64_t LogSpool::published() const {
  std::lock_guard lock(mutex_);
  return published_;
}

void LogSpool::resume() {
  std::lock_guard lock(mutex_);
  attached_ = can_spool_ = at_end_ = blocked_ = false;
  phase_ = nullptr;
  handed_over_.reset();
  detached_since_ = monotonic_now();
  changed_.notify_all();
}

}  // namespace sluice
