// SPDX-License-Identifier: Apache-2.0
// Verifies the target of a running job again and again, beside it, with connections of its own; logs the
// result and shows it in the job's progress.
#pragma once

#include <thread>

#include "base/context.h"
#include "cli/job_file.h"
#include "engine/progress.h"
#include "engine/rate_limiter.h"

namespace sluice {

class BackgroundVerify {
 public:
  // `job` is its own, with connectors that nobody else uses; `progress` is the running job's. Begins a first time once
  // the job streams and the pause has passed.
  BackgroundVerify(LoadedJob job, Progress& progress, Context& context);
  ~BackgroundVerify();  // stops what is under way
  BackgroundVerify(const BackgroundVerify&) = delete;
  BackgroundVerify& operator=(const BackgroundVerify&) = delete;

 private:
  void run();
  Result<> verify_once();

  LoadedJob job_;
  Progress& progress_;
  Context context_;
  RateLimiter limiter_;
  std::thread thread_;
};

}  // namespace sluice
