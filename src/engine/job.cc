// SPDX-License-Identifier: Apache-2.0
#include "engine/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "base/log.h"
#include "engine/snapshot_phase.h"
#include "engine/stream_phase.h"
#include "transform/rule_changes.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kFirstRestartDelay{100};
constexpr size_t kShownChanges = 5;

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

Job::Job(JobSpec spec, std::unique_ptr<Source> source, std::unique_ptr<Sink> sink, TaskPool& tasks)
    : spec_(std::move(spec)),
      source_(std::move(source)),
      sink_(std::move(sink)),
      limiter_(spec_.pipeline.rows_per_second, spec_.pipeline.bytes_per_second),
      tasks_(tasks) {}

std::string job_name(const JobSpec& spec) {
  if (!spec.pipeline.name.empty()) return spec.pipeline.name;
  return std::filesystem::path(spec.file).stem().string();
}

Result<> Job::run(Context& context, JobOptions options) {
  if (auto held = source_->held_log()) {
    spool_ = std::make_unique<LogSpool>(*source_, std::move(held), spec_.pipeline,
                                        change_log_folder(options.state_dir, job_name(spec_)), progress_);
    spool_->start(options.reset);
  }
  auto result = run_attempts(context, options);
  spool_.reset();
  progress_.set_phase(result || context.stop_requested() ? JobPhase::kFinished : JobPhase::kFailed);
  return result;
}

Result<> Job::run_attempts(Context& context, JobOptions& options) {
  std::chrono::milliseconds delay = kFirstRestartDelay;
  int64_t failures = 0;
  std::string position_before;
  uint64_t copied_before = 0;
  for (;;) {
    auto result = run_attempt(context, options);
    if (result || context.stop_requested()) return result;
    const Error& error = result.error();
    const bool lost = error.code() == ErrorCode::kPositionLost && spec_.pipeline.lost_log == LostLog::kResynchronize;
    if (!error.retryable() && !lost) return result;
    if (lost) lost_log_ = error.message();
    const ProgressReport report = progress_.report();
    if (report.position != position_before || report.chunks_copied != copied_before) {
      failures = 0;
      delay = kFirstRestartDelay;
      position_before = report.position;
      copied_before = report.chunks_copied;
    }
    if (spec_.pipeline.restart_attempts >= 0 && failures++ >= spec_.pipeline.restart_attempts) return result;
    progress_.add_restart(error.message());
    progress_.set_phase(JobPhase::kRestarting);
    log_warn("{}: {}; trying again in {} ms", error_code_info(error.code()).name, error.message(), delay.count());
    if (!context.wait_for(delay)) return Error(ErrorCode::kStopped, "stopped while waiting to restart");
    delay = std::min(delay * 2, spec_.pipeline.restart_delay_max);
  }
}

Result<> Job::run_attempt(Context& context, JobOptions& options) {
  Context attempt(&context);
  RETURN_IF_ERROR(source_->open(attempt).context("opening the source"));
  RETURN_IF_ERROR(sink_->open(attempt).context("opening the target"));
  sink_->set_source(*source_);
  ASSIGN_OR_RETURN(auto ledger, JobLedger::open(attempt, *sink_, job_name(spec_), options.state_dir));
  // In this order: a change log without a ledger would be another job's.
  if (options.reset && spool_) RETURN_IF_ERROR(spool_->forget());
  if (options.reset) RETURN_IF_ERROR(ledger->forget_all(attempt));
  options.reset = false;
  ASSIGN_OR_RETURN(JobState state, ledger->load(attempt));
  if (options.until_caught_up && !until_) {
    ASSIGN_OR_RETURN(until_, source_->current_position(attempt));
  }

  SchemaPolicy policy(spec_, *sink_);
  ASSIGN_OR_RETURN(const auto tables, source_->discover(attempt));
  ASSIGN_OR_RETURN(const auto transform, make_transform(spec_, tables));
  if (progress_.report().restarts == 0) warn_of_unused_rules(*transform, tables);
  JobParts parts{.context = attempt,
                 .spec = spec_,
                 .source = *source_,
                 .sink = *sink_,
                 .ledger = *ledger,
                 .policy = policy,
                 .transform = *transform,
                 .progress = progress_,
                 .limiter = limiter_,
                 .tasks = tasks_,
                 .parallelism = parallelism(),
                 .lanes = lanes(),
                 .spool = spool_.get()};
  const bool guarantee_exact = sink_->guarantee() == Guarantee::kExactlyOnce;
  log_info("job '{}' (epoch {}): {} to {}, guarantee {}{}", job_name(spec_), ledger->epoch(), spec_.source.type,
           spec_.sink.type, guarantee_exact ? "exactly-once" : "at-least-once",
           spec_.pipeline.apply == ApplyMode::kTransactional ? ", whole transactions after the copy" : "");

  if (lost_log_) RETURN_IF_ERROR(begin_resynchronizing(parts, state, tables));
  RETURN_IF_ERROR(settle_rules(parts, state, tables, options.accept_changes));
  RETURN_IF_ERROR(forget_excluded_tables(parts, state));
  const bool streaming_begun = !state.lanes.empty();
  const bool resynchronizing = !state.resynchronizing.empty();
  if (resynchronizing && !source_->wants_snapshot()) {
    return Error(ErrorCode::kConfig,
                 "target and source are being compared, and the source is not to be copied any more",
                 "Leave scan.startup.mode as it was until the job streams again; or start it with --reset.");
  }
  if (resynchronizing) RETURN_IF_ERROR(source_->give_up_log(attempt));
  if (source_->wants_snapshot()) {
    RETURN_IF_ERROR(run_snapshot_phase(parts, tables, state));
  } else {
    RETURN_IF_ERROR(open_targets(parts, tables, state));
  }
  if (resynchronizing) {
    SLUICE_CHECK(options.resynchronize);
    RETURN_IF_ERROR(options.resynchronize(parts, tables, state));
  }
  if (!source_->wants_stream()) return {};
  if (!streaming_begun) RETURN_IF_ERROR(begin_stream(parts, state, tables));
  ASSIGN_OR_RETURN(const bool ended, stream(parts, state));
  SLUICE_CHECK(ended);
  return {};
}

size_t Job::parallelism() const {
  const auto wanted = static_cast<size_t>(spec_.pipeline.parallelism);
  const auto most = static_cast<size_t>(sink_->max_writers());
  return most == 0 ? wanted : std::min(wanted, most);
}

// Two transactions of the target become visible one after the other, so whole transactions need one writer.
size_t Job::lanes() const { return spec_.pipeline.apply == ApplyMode::kTransactional ? 1 : parallelism(); }

// In this order: a change log that is there is of no use to a ledger that asks for a comparison.
Result<> Job::begin_resynchronizing(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables) {
  log_warn("changes that the target lacks are lost at the source ({}): comparing both and repairing what differs",
           *lost_log_);
  for (const auto& [table, table_state] : state.tables) {
    const bool present =
        std::ranges::any_of(tables, [&](const SourceTable& source) { return source.schema->id == table; });
    if (present || !source_->captures(table)) continue;
    log_warn("table {} is not at the source any more; what the target has of it stays", table.text());
  }
  if (spool_) RETURN_IF_ERROR(spool_->forget());
  RETURN_IF_ERROR(parts.ledger.begin_resynchronizing(parts.context, *lost_log_));
  lost_log_.reset();
  ASSIGN_OR_RETURN(state, parts.ledger.load(parts.context));
  return {};
}

// The first lanes: all where the earliest chunk was read, or where the startup options say.
Result<> Job::begin_stream(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables) {
  Position start;
  for (const auto& [table, table_state] : state.tables) {
    for (const auto& chunk : table_state.chunks) {
      if (start.empty() || source_->covers(start, chunk.position)) start = chunk.position;
    }
  }
  if (start.empty()) {
    ASSIGN_OR_RETURN(start, source_->start_position(parts.context));
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
  const auto together = [&state] {
    return std::ranges::all_of(state.lanes, [&](const Position& lane) { return lane == state.lanes.front(); });
  };
  if (!together()) RETURN_IF_ERROR(bring_lanes_together(parts, state));
  SLUICE_CHECK(together());
  const size_t old_lanes = state.lanes.size();
  state.lanes.assign(parts.lanes, Position(state.lanes.front()));
  return parts.ledger.set_lanes(parts.context, state.lanes, old_lanes);
}

// A kill left the lanes at different places: they go on as they are until all have reached the one that is farthest.
Result<> Job::bring_lanes_together(JobParts& parts, JobState& state) {
  const auto behind = [this](const Position& lane, const Position& other) { return !source_->covers(lane, other); };
  const std::optional<Position> farthest = *std::ranges::max_element(state.lanes, behind);
  log_info("the {} writer lanes stand at different positions: they go on to {} before there are {}", state.lanes.size(),
           farthest->text, parts.lanes);
  for (bool ended = false; !ended;) {
    ASSIGN_OR_RETURN(ended, run_stream_phase(parts, state, farthest));
    RETURN_IF_ERROR(reload(parts, state));
  }
  return {};
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

Result<bool> Job::stream(JobParts& parts, JobState& state) {
  for (;;) {
    RETURN_IF_ERROR(settle_lane_count(parts, state));
    RETURN_IF_ERROR(forget_passed_chunks(parts, state));
    ASSIGN_OR_RETURN(const bool ended, run_stream_phase(parts, state, until_));
    if (ended) return true;
    RETURN_IF_ERROR(reload(parts, state));
  }
}

}  // namespace sluice
