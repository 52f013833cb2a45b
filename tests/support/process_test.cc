// SPDX-License-Identifier: Apache-2.0
#include "support/process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "support/temp_folder.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

std::unique_ptr<Process> start(std::vector<std::string> command, const TempFolder& folder) {
  auto process =
      Process::spawn({.command = std::move(command), .env = {{"GREETING", "hello"}}, .output_folder = folder.path()});
  EXPECT_TRUE(process) << process.error().message();
  return std::move(process).value();
}

TEST(ProcessTest, hands_back_exit_code_and_both_outputs) {
  const TempFolder folder;
  const auto process = start({"sh", "-c", "echo $GREETING; echo oops >&2; exit 3"}, folder);
  EXPECT_EQ(process->wait(), 3);
  EXPECT_EQ(process->out(), "hello\n");
  EXPECT_EQ(process->err(), "oops\n");
}

TEST(ProcessTest, a_missing_program_is_an_error) { EXPECT_FALSE(Process::spawn({.command = {"/no/such/program"}})); }

TEST(ProcessTest, wait_gives_up_at_its_deadline_and_kill9_ends_it) {
  const TempFolder folder;
  const auto process = start({"cat", "/dev/zero"}, folder);
  process->pause();
  EXPECT_EQ(process->wait(std::chrono::milliseconds(20)), std::nullopt);
  process->kill9();
  EXPECT_EQ(process->wait(), 128 + SIGKILL);
}

TEST(ProcessTest, outlives_the_thread_that_spawned_it) {
  const TempFolder folder;
  std::unique_ptr<Process> process;
  std::thread([&] { process = start({"tail", "-f", "/dev/null"}, folder); }).join();
  EXPECT_EQ(process->wait(std::chrono::milliseconds(50)), std::nullopt);
  EXPECT_EQ(process->stop(), 128 + SIGTERM);
}

TEST(ProcessTest, dies_with_its_object) {
  const TempFolder folder;
  auto process = start({"tail", "-f", "/dev/null"}, folder);
  const pid_t pid = process->pid();
  process.reset();
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(ProcessTest, run_command_says_how_it_failed) {
  EXPECT_EQ(run_command({"printf", "a"}).value(), "a");
  const auto failed = run_command({"sh", "-c", "echo broken >&2; exit 9"});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("exited with 9"), std::string::npos);
  EXPECT_NE(failed.error().message().find("broken"), std::string::npos);
}

TEST(TempFolderTest, is_removed_with_its_files) {
  std::string path;
  {
    const TempFolder folder;
    path = folder.write("a.txt", "text");
    EXPECT_EQ(read_file(path), "text");
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(WaitTest, ends_when_the_condition_holds_or_time_is_over) {
  int asked = 0;
  EXPECT_TRUE(wait_until([&] { return ++asked == 3; }));
  EXPECT_FALSE(wait_until([] { return false; }, std::chrono::milliseconds(5)));
}

TEST(TailTest, keeps_the_last_lines) {
  EXPECT_EQ(tail("a\nb\nc\n", 2), "b\nc\n");
  EXPECT_EQ(tail("a\nb", 5), "a\nb");
  EXPECT_EQ(tail(""), "");
}

}  // namespace
}  // namespace sluice::support
