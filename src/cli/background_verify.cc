// SPDX-License-Identifier: Apache-2.0
#include "cli/background_verify.h"

#include <fmt/format.h>

#include "base/log.h"
#include "cli/verify_report.h"
#include "engine/job.h"

namespace sluice {

BackgroundVerify::BackgroundVerify(LoadedJob job, const Progress& progress, Context& context)
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
  ASSIGN_OR_RETURN(const auto verdicts, verify_tables(context_, *job_.source, *job_.sink, *job_.transform,
                                                      job_name(job_.spec), {.limiter = &limiter_}, nullptr));
  uint64_t rows = 0;
  size_t different = 0;
  size_t unsettled = 0;
  for (const auto& verdict : verdicts) {
    rows += verdict.rows;
    if (verdict.differences() > 0) {
      ++different;
      log_warn("{}", verdict_text(verdict));
    } else if (!verdict.equal()) {
      ++unsettled;
    }
    for (const auto& line : difference_texts(verdict)) log_warn("{}", line);
  }
  std::string result = "equal";
  if (different > 0) {
    result = fmt::format("{} tables DIFFERENT", different);
  } else if (unsettled > 0) {
    result = fmt::format("cannot tell of {} tables yet", unsettled);
  }
  log_info("verified {} rows of {} tables: {}", rows, verdicts.size(), result);
  return {};
}

}  // namespace sluice
