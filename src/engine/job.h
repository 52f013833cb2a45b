// SPDX-License-Identifier: Apache-2.0
// One job from its start to its end: take the ledger over, copy what is not copied, follow the log; after an error that
// time can heal, do it again from the ledger with growing pauses. Nothing else keeps state, so a kill at any line is a
// restart.
//
// A job is a task, the coordinator of others: reader, lanes. Starting and copying are one long step; while it streams
// it takes short ones. progress() may be read from any thread meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/job_spec.h"
#include "engine/job_parts.h"
#include "engine/plan.h"
#include "engine/stream_phase.h"

namespace sluice {

// Compares the tables whose chunks are planned so with the target, repairs what differs, and records the chunks as
// copied (verify/resynchronize.h).
using Resynchronize = std::function<Result<>(JobParts&, const std::vector<SourceTable>&, JobState&)>;

struct JobOptions {
  std::string state_dir;         // for the change log, and for sinks that cannot keep the ledger
  bool until_caught_up = false;  // end once the target has what the source had when the job began
  bool reset = false;            // forget the ledger and copy again
  bool accept_changes = false;   // go on although rows would be made otherwise than those that are there
  Resynchronize resynchronize;   // for jobs that may (PipelineSpec::lost_log)
};

// The name under which the ledger keeps a job: pipeline.name, else the file's name without folder and ending.
std::string job_name(const JobSpec& spec);

class Job final : public Task {
 public:
  // A specification that was checked whole, and the connectors made from it. `tasks` outlives the job.
  Job(JobSpec spec, std::unique_ptr<Source> source, std::unique_ptr<Sink> sink, TaskPool& tasks);
  ~Job() override;

  const JobSpec& spec() const { return spec_; }
  Progress& progress() { return progress_; }
  RateLimiter& limiter() { return limiter_; }
  SignalInbox& inbox() { return inbox_; }

  // Starts the task. `ended` is called by its last step: the job has reached its end, a stop was requested (kStopped),
  // or an error needs a person. Whoever requests a stop wakes the job.
  void run(Context& context, JobOptions options, std::function<void(Result<>)> ended);

 private:
  struct Attempt;

  NextStep step() override;
  Result<bool> go_on(NextStep& next);
  Result<bool> begin_attempt();  // clears options_.reset once it is done
  bool may_try_again(const Error& error);
  NextStep end(Result<> result);
  Result<bool> stream(NextStep& next);
  Result<std::optional<std::set<TableId>>> confined_tables(JobParts& parts, const JobState& state);
  Result<> begin_stream_phase();
  Result<> begin_resynchronizing(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables);
  Position earliest_chunk(const JobState& state) const;
  Result<> look_for_late_tables(JobParts& parts, const JobState& state);
  Result<Position> find_tables();
  Result<> begin_stream(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables, Position chosen);
  Result<> forget_excluded_tables(JobParts& parts, JobState& state);
  Result<> settle_rules(JobParts& parts, const JobState& state, const std::vector<SourceTable>& tables, bool accept);
  Result<> reload(JobParts& parts, JobState& state);
  Result<> settle_lane_count(JobParts& parts, JobState& state);
  Result<> forget_passed_chunks(JobParts& parts, JobState& state);

  const JobSpec spec_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Sink> sink_;
  Progress progress_;
  RateLimiter limiter_;
  SignalInbox inbox_;
  TaskPool& tasks_;
  const JobPlan plan_;
  // Set by run().
  Context* context_ = nullptr;
  JobOptions options_;
  std::function<void(Result<>)> ended_;
  std::unique_ptr<LogSpool> spool_;      // while the job runs; null if the source drops its log by itself
  std::optional<std::string> lost_log_;  // why what the target lacks cannot be read, until the ledger says so too
  std::optional<Position> until_;        // for until_caught_up: where the source stood when the job began
  std::unique_ptr<Attempt> attempt_;
  MonotonicTime next_attempt_;
  std::chrono::milliseconds restart_delay_{0};
  int64_t failures_ = 0;  // since the job got on
  bool alone_ = false;    // JobParts::alone of the next attempt
  std::string position_before_;
  uint64_t copied_before_ = 0;
};

}  // namespace sluice
