// SPDX-License-Identifier: Apache-2.0
// One job from its start to its end: take the ledger over, copy what is not copied, follow the log; after an error that
// time can heal, do it again from the ledger with growing pauses. Nothing else keeps state, so a kill at any line is a
// restart.
//
// run() blocks its caller, which becomes the coordinator; progress() may be read from any thread meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "config/job_spec.h"
#include "engine/job_parts.h"

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

class Job {
 public:
  // A specification that was checked whole, and the connectors made from it. `tasks` outlives the job.
  Job(JobSpec spec, std::unique_ptr<Source> source, std::unique_ptr<Sink> sink, TaskPool& tasks);

  const JobSpec& spec() const { return spec_; }
  Progress& progress() { return progress_; }
  RateLimiter& limiter() { return limiter_; }

  // Returns when the job has reached its end, a stop was requested (kStopped), or an error needs a person.
  Result<> run(Context& context, JobOptions options);

 private:
  Result<> run_attempts(Context& context, JobOptions& options);
  Result<> run_attempt(Context& context, JobOptions& options);  // clears options.reset once it is done
  size_t parallelism() const;
  size_t lanes() const;
  Result<bool> stream(JobParts& parts, JobState& state);
  Result<> begin_resynchronizing(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables);
  Result<> begin_stream(JobParts& parts, JobState& state, const std::vector<SourceTable>& tables);
  Result<> forget_excluded_tables(JobParts& parts, JobState& state);
  Result<> settle_rules(JobParts& parts, const JobState& state, const std::vector<SourceTable>& tables, bool accept);
  Result<> reload(JobParts& parts, JobState& state);
  Result<> settle_lane_count(JobParts& parts, JobState& state);
  Result<> bring_lanes_together(JobParts& parts, JobState& state);
  Result<> forget_passed_chunks(JobParts& parts, JobState& state);

  const JobSpec spec_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Sink> sink_;
  Progress progress_;
  RateLimiter limiter_;
  TaskPool& tasks_;
  std::unique_ptr<LogSpool> spool_;      // while the job runs; null if the source drops its log by itself
  std::optional<std::string> lost_log_;  // why what the target lacks cannot be read, until the ledger says so too
  std::optional<Position> until_;        // for until_caught_up: where the source stood when the job began
};

}  // namespace sluice
