// SPDX-License-Identifier: Apache-2.0
#include "cli/background_verify.h"

#include <fmt/format.h>

#include "base/clock.h"
#include "base/log.h"
#include "cli/verify_report.h"
#include "engine/job.h"

namespace sluice {

BackgroundVerify::BackgroundVerify(LoadedJob job, Progress& progress, Context& context)
    : job_(std::move(job)),
      progress_(progress),
      context_(&context),
      limiter_(job_.spec.pipeline.verify_rows_per_second, 0),
      thread_([this, label = LogLabel::current()] {
        const LogLabel scope(label);
        run();
      }) {}

BackgroundVerify::~BackgroundVerify() {
  context_.request_stop();
  thread_.join();
}

void BackgroundVerify::run() {
  while (context_.wait_for(job_.spec.pipeline.verify_interval)) {
    if (progress_.report().phase != JobPhase::kStreaming) continue;
    const auto done = verify_once();
    if (done || context_.stop_requested()) continue;
    log_warn("verifying: {}", done.error().message());
    if (done.error().code() == ErrorCode::kUnsupported) return;  // it will not be different next time
  }
}

Result<> BackgroundVerify::verify_once() {
  RETURN_IF_ERROR(job_.source->open(context_));
  RETURN_IF_ERROR(job_.sink->open(context_));
  ASSIGN_OR_RETURN(const auto verdicts,
                   verify_tables(context_, *job_.source, *job_.sink, *job_.transform, job_name(job_.spec),
                                 {.hash_in_servers = may_hash_in_servers(job_.spec), .limiter = &limiter_}, nullptr));
  VerifyOutcome outcome;
  for (const auto& verdict : verdicts) {
    outcome.rows += verdict.rows;
    outcome.differences += verdict.differences();
    if (verdict.differences() > 0) {
      ++outcome.different_tables;
      log_warn("{}", verdict_text(verdict));
    } else {
      if (verdict.no_table) log_warn("{}", verdict_text(verdict));
      ++(verdict.equal() ? outcome.equal_tables : outcome.unsettled_tables);
    }
    for (const auto& line : difference_texts(verdict)) log_warn("{}", line);
  }
  std::string result = "equal";
  if (outcome.different_tables > 0) {
    result = fmt::format("{} tables DIFFERENT", outcome.different_tables);
  } else if (outcome.unsettled_tables > 0) {
    result = fmt::format("cannot tell of {} tables yet", outcome.unsettled_tables);
  }
  log_info("verified {} rows of {} tables: {}", outcome.rows, verdicts.size(), result);
  outcome.ended_ms = wall_clock_ms();
  progress_.add_verification(outcome);
  return {};
}

}  // namespace sluice
