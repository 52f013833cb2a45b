// SPDX-License-Identifier: Apache-2.0
#include "engine/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "connector/confines_tables.h"
#include "engine/snapshot_phase.h"
#include "transform/rule_changes.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kFirstRestartDelay{100};
constexpr size_t kShownChanges = 5;
// At the tables and at the place where a job begins that copies nothing, in one attempt.
constexpr int kMostLooks = 10;

void warn_of_unused_rules(const JobTransform& transform, const std::vector<SourceTable>& tables) {
  std::vector<TableId> ids;
  for (const auto& table : tables) ids.push_back(table.schema->id);
  Problems unused;
  transform.check_use(ids, unused);
  for (const auto& problem : unused.all()) {
    log_warn("{}:{}: {}; {}", problem.location.file, problem.location.line, problem.message, problem.suggestion);
  }
}

std::string change_log_folder(const std::string& state_dir, const std::string& job) {
  return fmt::format("{}/change-log/{}", state_dir, path_part(job));
}

}  // namespace

// What is opened anew after an error. The parts refer to the rest.
struct Job::Attempt {
  explicit Attempt(const Context* parent) : context(parent) {}

  Context context;
  std::unique_ptr<JobLedger> ledger;
  JobState state;
  std::optional<SchemaPolicy> policy;
  std::unique_ptr<JobTransform> transform;
  std::optional<JobParts> parts;
  std::unique_ptr<StreamPhase> phase;
  std::vector<SourceTable> tables;      // when it began, until it streams
  std::vector<TableSchemaPtr> targets;  // of those tables
  bool gathering = false;               // the phase brings lanes together that stand at different positions
};

Job::Job(JobSpec spec, std::unique_ptr<Source> source, std::unique_ptr<Sink> sink, TaskPool& tasks)
    : spec_(std::move(spec)),
      source_(std::move(source)),
      sink_(std::move(sink)),
      limiter_(spec_.pipeline.rows_per_second, spec_.pipeline.bytes_per_second),
      tasks_(tasks),
      plan_(make_plan(spec_, *source_, *sink_)) {}

Job::~Job() { join(); }

std::string job_name(const JobSpec& spec) {
  if (!spec.pipeline.name.empty()) return spec.pipeline.name;
  return std::filesystem::path(spec.file).stem().string();
}

void Job::run(Context& context, JobOptions options, std::function<void(Result<>)> ended) {
  context_ = &context;
  options_ = std::move(options);
  ended_ = std::move(ended);
  if (auto held = source_->held_log()) {
    spool_ = std::make_unique<LogSpool>(*source_, std::move(held), spec_.pipeline,
                                        change_log_folder(options_.state_dir, job_name(spec_)), progress_, *this);
  }
  if (spool_) spool_->begin(tasks_, options_.reset);
  start(tasks_);
}

NextStep Job::step() {
  NextStep next;
  auto ended = go_on(next);
  if (ended && !*ended) return next;
  // A deadlock, perhaps of its own transactions; it would come again and again.
  if (!ended && attempt_ && attempt_->phase) alone_ = ended.error().code() == ErrorCode::kTransient;
  attempt_.reset();
  if (ended) return end({});
  if (context_->stop_requested() || !may_try_again(ended.error())) return end(std::move(ended).error());
  next_attempt_ = monotonic_now() + restart_delay_;
  return NextStep::at(next_attempt_);
}

// True when the job has reached its end.
Result<bool> Job::go_on(NextStep& next) {
  if (!attempt_) {
    if (context_->stop_requested()) return Error(ErrorCode::kStopped, "stopped before it began");
    if (monotonic_now() < next_attempt_) {
      next = NextStep::at(next_attempt_);
      return false;
    }
    ASSIGN_OR_RETURN(const bool streams, begin_attempt());
    if (!streams) return true;
  }
  return stream(next);
}

NextStep Job::end(Result<> result) {
  spool_.reset();
  progress_.set_phase(result || context_->stop_requested() ? JobPhase::kFinished : JobPhase::kFailed);
  ended_(std::move(result));
  return NextStep::never();
}

// After restart_delay_, which grows while the job does not get on.
bool Job::may_try_again(const Error& error) {
  const bool lost = error.code() == ErrorCode::kPositionLost && spec_.pipeline.lost_log == LostLog::kResynchronize;
  // A part that ended as if asked to, though nobody asked: the job must not end in silence with it.
  const bool broken_off = error.code() == ErrorCode::kStopped;
  if (!error.retryable() && !lost && !broken_off) return false;
  if (lost) lost_log_ = error.message();
  const ProgressReport report = progress_.report();
  const bool got_on = report.position != position_before_ || report.chunks_copied != copied_before_;
  if (got_on) failures_ = 0;
  position_before_ = report.position;
  copied_before_ = report.chunks_copied;
  if (spec_.pipeline.restart_attempts >= 0 && failures_ >= spec_.pipeline.restart_attempts) return false;
  restart_delay_ =
      failures_++ == 0 ? kFirstRestartDelay : std::min(restart_delay_ * 2, spec_.pipeline.restart_delay_max);
  progress_.add_restart(error.message());
  progress_.set_phase(JobPhase::kRestarting);
  log_warn("{}: {}; trying again in {} ms", error_code_info(error.code()).name, error.message(),
           restart_delay_.count());
  return true;
}

// False if there is nothing to stream.
Result<bool> Job::begin_attempt() {
  attempt_ = std::make_unique<Attempt>(context_);
  Context& attempt = attempt_->context;
  RETURN_IF_ERROR(source_->open(attempt).context("opening the source"));
  RETURN_IF_ERROR(sink_->open(attempt).context("opening the target"));
  sink_->set_source(*source_);
  ASSIGN_OR_RETURN(attempt_->ledger, JobLedger::open(attempt, *sink_, job_name(spec_), options_.state_dir));
  JobLedger& ledger = *attempt_->ledger;
  // In this order: a change log without a ledger would be another job's.
  if (options_.reset && spool_) RETURN_IF_ERROR(spool_->forget());
  if (options_.reset) RETURN_IF_ERROR(ledger.forget_all(attempt));
  options_.reset = false;
  JobState& state = attempt_->state;
  ASSIGN_OR_RETURN(state, ledger.load(attempt));
  if (options_.until_caught_up && !until_) {
    ASSIGN_OR_RETURN(until_, source_->current_position(attempt));
  }

  ASSIGN_OR_RETURN(Position start, find_tables());
  const auto& tables = attempt_->tables;
  ASSIGN_OR_RETURN(attempt_->transform, make_transform(spec_, tables));
  if (progress_.report().restarts == 0) warn_of_unused_rules(*attempt_->transform, tables);
  JobParts& parts = attempt_->parts.emplace(JobParts{.context = attempt,
                                                     .spec = spec_,
                                                     .source = *source_,
                                                     .sink = *sink_,
                                                     .ledger = ledger,
                                                     .policy = attempt_->policy.emplace(spec_, *sink_),
                                                     .transform = *attempt_->transform,
                                                     .progress = progress_,
                                                     .limiter = limiter_,
                                                     .tasks = tasks_,
                                                     .inbox = inbox_,
                                                     .coordinator = *this,
                                                     .parallelism = plan_.parallelism,
                                                     .lanes = plan_.lanes,
                                                     .writers = plan_.writers,
                                                     .spool = spool_.get()});
  log_info("job '{}' (epoch {}): {} to {}, guarantee {}{}", job_name(spec_), ledger.epoch(), spec_.source.type,
           spec_.sink.type, sink_->guarantee() == Guarantee::kExactlyOnce ? "exactly-once" : "at-least-once",
           spec_.pipeline.apply == ApplyMode::kTransactional ? ", whole transactions after the copy" : "");

  if (lost_log_) RETURN_IF_ERROR(begin_resynchronizing(parts, state, tables));
  RETURN_IF_ERROR(settle_rules(parts, state, tables, options_.accept_changes));
  RETURN_IF_ERROR(forget_excluded_tables(parts, state));
  const bool streaming_begun = !state.lanes.empty();
  const bool resynchronizing = !state.resynchronizing.empty();
  if (resynchronizing && !source_->wants_snapshot()) {
    return Error(ErrorCode::kConfig,
                 "target and source are being compared, and the source is not to be copied any more",
                 "Leave scan.startup.mode as it was until the job streams again; or start it with --reset.");
  }
  if (resynchronizing) RETURN_IF_ERROR(source_->give_up_log(attempt));
  const Position copied_from = earliest_chunk(state);
  if (source_->wants_snapshot()) {
    RETURN_IF_ERROR(run_snapshot_phase(parts, tables, state));
  } else {
    RETURN_IF_ERROR(open_targets(parts, tables, state));
  }
  if (resynchronizing) {
    SLUICE_CHECK(options_.resynchronize);
    RETURN_IF_ERROR(options_.resynchronize(parts, tables, state));
  }
  if (!source_->wants_stream()) return false;
  if (streaming_begun) return true;
  const bool left_out = spool_ && spool_->end_copy();
  if (left_out || earliest_chunk(state) != copied_from) RETURN_IF_ERROR(look_for_late_tables(parts, state));
  RETURN_IF_ERROR(begin_stream(parts, state, tables, std::move(start)));
  return true;
}

// In this order: a change log that is there is of no use to a ledger that asks for a comparison.
Result<> Job::begin_resynchronizing(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables) {
  log_warn("changes that the target lacks are lost at the source ({}): comparing both and repairing what differs",
           *lost_log_);
  for (const auto& [table, table_state] : state.tables) {
    const bool present =
        std::ranges::any_of(tables, [&](const SourceTable& source) { return source.schema->id == table; });
    if (present || !source_->captures(table)) continue;
    if (!spec_.routes.empty()) {
      return Error(ErrorCode::kTarget,
                   fmt::format("the source's log is lost, and rows of table {}, which is gone, may be in a target that "
                               "is to be compared: they would be removed",
                               table.text()),
                   "Save them elsewhere, then start the job with --reset.");
    }
    log_warn("table {} is not at the source any more; what the target has of it stays", table.text());
  }
  if (spool_) RETURN_IF_ERROR(spool_->forget());
  RETURN_IF_ERROR(parts.ledger.begin_resynchronizing(parts.context, *lost_log_));
  lost_log_.reset();
  ASSIGN_OR_RETURN(state, parts.ledger.load(parts.context));
  return {};
}

// Where the log must be read from; empty if nothing was copied.
Position Job::earliest_chunk(const JobState& state) const {
  Position earliest;
  for (const auto& [table, table_state] : state.tables) {
    for (const auto& chunk : table_state.chunks) {
      if (chunk.position.empty()) continue;
      if (earliest.empty() || source_->covers(earliest, chunk.position)) earliest = chunk.position;
    }
  }
  return earliest;
}

// Rows of a table that was made after this attempt had looked for tables may be older than its first chunk: no log that
// we read tells them. The next attempt finds the table, and this attempt's chunks.
Result<> Job::look_for_late_tables(JobParts& parts, const JobState& state) {
  ASSIGN_OR_RETURN(const auto tables, source_->discover(parts.context));
  for (const auto& table : tables) {
    if (state.tables.contains(table.schema->id)) continue;
    return Error(ErrorCode::kSchemaChanged,
                 fmt::format("table {} appeared while the job started", table.schema->id.text()));
  }
  return {};
}

// Finds out which tables there are and, for a job that copies nothing, where it begins. A table that was altered
// between the look at it and that place would be followed as something that it is not: then both are asked for once
// more.
Result<Position> Job::find_tables() {
  const JobState& state = attempt_->state;
  auto& tables = attempt_->tables;
  ASSIGN_OR_RETURN(tables, source_->discover(attempt_->context));
  if (source_->wants_snapshot() || !state.lanes.empty() || !state.resynchronizing.empty()) return Position();
  Position before;
  for (int look = 0; look < kMostLooks; ++look) {
    ASSIGN_OR_RETURN(Position start, source_->start_position(attempt_->context));
    ASSIGN_OR_RETURN(auto now, source_->discover(attempt_->context));
    const bool same = std::ranges::equal(tables, now, {}, &SourceTable::detail, &SourceTable::detail);
    tables = std::move(now);
    // A place in the past does not come nearer to the look.
    if (same || start == before) return start;
    log_info("tables were made or altered while the job looked for its place at {}: looking again", start.text);
    before = std::move(start);
  }
  return Error(ErrorCode::kSchemaChanged,
               "tables that the job captures were made or altered each time it had looked at them and at its place",
               "Let 'tables' capture those alone that stay, or start the job while nobody makes any.");
}

// The first lanes: all where the earliest chunk was read, or else at `chosen`.
Result<> Job::begin_stream(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables, Position chosen) {
  Position start = earliest_chunk(state);
  if (start.empty()) {
    start = std::move(chosen);
    std::map<TableId, TableState> known;
    for (const auto& table : tables) known[table.schema->id].detail = table.detail;
    RETURN_IF_ERROR(parts.ledger.plan_tables(parts.context, known));
    state.tables = std::move(known);
  }
  if (!state.resynchronizing.empty()) log_info("target and source are the same again; streaming from {}", start.text);
  state.resynchronizing.clear();
  state.lanes.assign(parts.lanes, start);
  return parts.ledger.set_lanes(parts.context, state.lanes, 0);
}

// Rows that are there were made by the rules of then. If those of now make others, somebody must have said that this is
// meant.
Result<> Job::settle_rules(JobParts& parts, const JobState& state, const std::vector<SourceTable>& tables,
                           bool accept) {
  const std::string rules = describe_rules(spec_);
  if (rules == state.rules) return {};
  std::vector<TableId> known;
  for (const auto& [table, table_state] : state.tables) {
    if (source_->captures(table)) known.push_back(table);
  }
  std::vector<std::string> changes;
  if (!state.rules.empty()) {
    ASSIGN_OR_RETURN(changes, changed_rules(state.rules, spec_, known));
  }
  if (!changes.empty()) {
    const size_t more = changes.size() - std::min(changes.size(), kShownChanges);
    changes.resize(changes.size() - more);
    const std::string what = fmt::format("changed since the job ran last: {}{}", fmt::join(changes, "; "),
                                         more == 0 ? std::string() : fmt::format("; and {} more", more));
    if (!accept) {
      return Error(ErrorCode::kConfig, what,
                   "Rows that are in the target are not computed again. --reset copies everything again; "
                   "--accept-changes goes on and leaves them as they are; or undo the change.");
    }
    log_warn("{}; rows that are there stay as they are", what);
    RETURN_IF_ERROR(open_targets(parts, tables, JobState()));
  }
  return parts.ledger.record_rules(parts.context, rules);
}

// Tables that the job left behind: their changes pass unseen from here on, so that they must be copied again should
// they come back. The source's own helper tables are kept.
Result<> Job::forget_excluded_tables(JobParts& parts, JobState& state) {
  for (auto entry = state.tables.begin(); entry != state.tables.end();) {
    const auto& [table, table_state] = *entry;
    if (source_->captures(table) || table.table.starts_with('_')) {
      ++entry;
      continue;
    }
    log_warn("table {} is not part of this job any more; its copy stays as it is", table.text());
    RETURN_IF_ERROR(parts.ledger.forget_table(parts.context, table, table_state));
    entry = state.tables.erase(entry);
  }
  return {};
}

// What the ledger says after a phase that was stopped in the middle of anything: it may have forgotten a table that
// must be copied again.
Result<> Job::reload(JobParts& parts, JobState& state) {
  const JobState before = std::exchange(state, {});
  ASSIGN_OR_RETURN(state, parts.ledger.load(parts.context));
  for (const auto& [table, table_state] : before.tables) {
    if (state.tables.contains(table) || !source_->captures(table)) continue;
    return Error(ErrorCode::kSchemaChanged, fmt::format("table {} is to be copied again", table.text()));
  }
  return {};
}

// The number of lanes may change only where all of them stand at the same place.
Result<> Job::settle_lane_count(JobParts& parts, JobState& state) {
  if (state.lanes.size() == parts.lanes) return {};
  const size_t old_lanes = state.lanes.size();
  state.lanes.assign(parts.lanes, Position(state.lanes.front()));
  return parts.ledger.set_lanes(parts.context, state.lanes, old_lanes);
}

Result<> Job::forget_passed_chunks(JobParts& parts, JobState& state) {
  for (auto& [table, table_state] : state.tables) {
    const auto passed = [&](const PlannedChunk& chunk) {
      return std::ranges::all_of(state.lanes,
                                 [&](const Position& lane) { return source_->covers(lane, chunk.position); });
    };
    if (table_state.chunks.empty() || !std::ranges::all_of(table_state.chunks, passed)) continue;
    RETURN_IF_ERROR(parts.ledger.forget_chunks(parts.context, table, table_state.chunks.size()));
    table_state.chunks.clear();
  }
  return {};
}

// Which tables keep to one lane from now on; what the ledger says where nobody knows better.
Result<std::optional<std::set<TableId>>> Job::confined_tables(JobParts& parts, const JobState& state) {
  auto* const confines = dynamic_cast<ConfinesTables*>(sink_.get());
  if (confines == nullptr || parts.writers == 1) return state.confined;
  // The transform follows the tables' shapes from here on, and must not be told of those of then again.
  for (const auto& table : std::exchange(attempt_->tables, {})) {
    ASSIGN_OR_RETURN(const auto targets, parts.transform.targets(table.schema));
    attempt_->targets.insert(attempt_->targets.end(), targets.begin(), targets.end());
  }
  std::vector<TableSchemaPtr> asked = attempt_->targets;
  // The log may still tell of tables that the source has no more.
  for (const TableId& table : state.confined.value_or(std::set<TableId>())) {
    TableSchema named;
    named.id = table;
    asked.push_back(std::make_shared<const TableSchema>(std::move(named)));
  }
  ASSIGN_OR_RETURN(auto confined, confines->confined_tables(parts.context, asked));
  return std::optional(std::move(confined));
}

// A kill may have left the lanes at different places. If rows are to be spread over them in another way, they go on as
// they are until all have reached the one that is farthest.
Result<> Job::begin_stream_phase() {
  JobParts& parts = *attempt_->parts;
  JobState& state = attempt_->state;
  const bool together =
      std::ranges::all_of(state.lanes, [&](const Position& lane) { return lane == state.lanes.front(); });
  ASSIGN_OR_RETURN(auto confined, confined_tables(parts, state));
  attempt_->gathering = (state.lanes.size() != parts.lanes || state.confined != confined) && !together;
  if (!attempt_->gathering) {
    if (state.confined != confined) RETURN_IF_ERROR(parts.ledger.record_confined(parts.context, *confined));
    state.confined = std::move(confined);
    RETURN_IF_ERROR(settle_lane_count(parts, state));
    RETURN_IF_ERROR(forget_passed_chunks(parts, state));
    parts.alone = alone_;
    attempt_->phase = StreamPhase::make(parts, state, until_);
    return {};
  }
  const auto behind = [this](const Position& lane, const Position& other) { return !source_->covers(lane, other); };
  const Position& farthest = *std::ranges::max_element(state.lanes, behind);
  log_info("the {} writer lanes stand at different positions: they go on to {} before rows are spread over {} anew",
           state.lanes.size(), farthest.text, parts.lanes);
  attempt_->phase = StreamPhase::make(parts, state, farthest);
  return {};
}

Result<bool> Job::stream(NextStep& next) {
  for (;;) {
    if (!attempt_->phase) RETURN_IF_ERROR(begin_stream_phase());
    ASSIGN_OR_RETURN(const auto ended, attempt_->phase->step(next));
    if (!ended) return false;
    attempt_->phase.reset();
    if (*ended && !attempt_->gathering) return true;
    RETURN_IF_ERROR(reload(*attempt_->parts, attempt_->state));
  }
}

}  // namespace sluice
