// SPDX-License-Identifier: Apache-2.0
// What the phases of one attempt to run a job share. Borrowed from Job::run_attempt, which outlives them.
#pragma once

#include "base/context.h"
#include "config/job_spec.h"
#include "connector/sink.h"
#include "connector/source.h"
#include "engine/job_ledger.h"
#include "engine/log_spool.h"
#include "engine/progress.h"
#include "engine/rate_limiter.h"
#include "engine/schema_policy.h"
#include "engine/task_pool.h"
#include "signals/signal_inbox.h"
#include "transform/job_transform.h"

namespace sluice {

struct JobParts {
  Context& context;  // of this attempt
  const JobSpec& spec;
  Source& source;
  Sink& sink;
  JobLedger& ledger;
  SchemaPolicy& policy;
  JobTransform& transform;  // the coordinator's
  Progress& progress;
  RateLimiter& limiter;
  TaskPool& tasks;
  SignalInbox& inbox;
  Task& coordinator;          // whose steps these parts are used in
  size_t parallelism;         // readers and writers of the copy: what is asked for, as far as the sink allows
  size_t lanes = 1;           // of the stream
  size_t writers = 1;         // of the stream: as many as lanes, or those of one lane
  bool alone = false;         // for a while transactions are not prepared side by side (engine/turns.h)
  LogSpool* spool = nullptr;  // null if the source drops its log by itself
};

// A transform that knows all source tables, so that tables which share a target have one shape everywhere. The
// specification was checked when the job was created; errors concern the tables.
Result<std::unique_ptr<JobTransform>> make_transform(const JobSpec& spec, const std::vector<SourceTable>& tables);
// Creates missing target tables. Those of tables that were copied by an earlier run are taken to be there: asking for
// thousands of them would take longer than anything else at a start.
Result<> open_targets(JobParts& parts, const std::vector<SourceTable>& tables, const JobState& state);
// Readers of the rows of now, for the chunks of `state` that have no position. From here on the source's log goes into
// the change log if it becomes too much.
Result<std::vector<std::unique_ptr<ChunkReader>>> open_copy_readers(JobParts& parts, size_t count, JobState& state);
// Gives the job a life if it has none. Only a job with a spool needs one.
Result<> settle_life(JobParts& parts, JobState& state);

}  // namespace sluice
