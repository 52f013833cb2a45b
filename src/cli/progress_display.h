// SPDX-License-Identifier: Apache-2.0
// Shows on standard error how far jobs are, until it is destroyed: one line that is redrawn on a terminal, else a line
// per job now and then. Runs a thread of its own.
#pragma once

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "engine/progress.h"

namespace sluice {

class ProgressDisplay {
 public:
  // By job name; a name is shown only if there are several. The progresses outlive this.
  ProgressDisplay(std::vector<std::pair<std::string, const Progress*>> jobs, Context& context);
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

 private:
  struct Shown {
    std::string name;
    const Progress* progress;
    uint64_t rows_before = 0;
  };
  void run();
  void show(double seconds);

  std::vector<Shown> jobs_;
  Context context_;
  const bool terminal_;
  bool drawn_ = false;
  std::thread thread_;
};

// What the job did, in a line or two for standard error; empty if it never began.
std::string progress_summary(const ProgressReport& report);

}  // namespace sluice
