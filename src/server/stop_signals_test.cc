// SPDX-License-Identifier: Apache-2.0
#include "server/stop_signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kDeadline{20000};

TEST(StopSignalsTest, a_signal_asks_the_job_to_stop) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Context context;
    const StopSignals signals(context);
    EXPECT_FALSE(context.stop_requested());
    ASSERT_EQ(kill(getpid(), signal), 0);
    EXPECT_FALSE(context.wait_for(kDeadline));
  }
}

TEST(StopSignalsTest, a_second_signal_ends_the_process) {
  EXPECT_EXIT(
      {
        Context context;
        const StopSignals signals(context);
        kill(getpid(), SIGINT);
        context.wait_for(kDeadline);
        kill(getpid(), SIGINT);
        Context never;
        never.wait_for(kDeadline);
      },
      testing::ExitedWithCode(128 + SIGINT), "a second signal ends the process at once");
}

TEST(StopSignalsTest, ends_without_a_signal) {
  Context context;
  {
    const StopSignals signals(context);
  }
  EXPECT_FALSE(context.stop_requested());
}

}  // namespace
}  // namespace sluice
