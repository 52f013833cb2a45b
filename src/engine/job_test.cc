// SPDX-License-Identifier: Apache-2.0
#include "engine/job.h"

#include <gtest/gtest.h>

#include <future>

#include "engine/test_connectors.h"

namespace sluice {
namespace {

// Ends with one error after the other each time it is opened.
class FailingSource : public NoSource {
 public:
  explicit FailingSource(std::vector<ErrorCode> failures) : failures_(std::move(failures)) {}
  Result<> open(Context&) override { return Error(failures_.at(opened_++), "of the script"); }

 private:
  std::vector<ErrorCode> failures_;
  size_t opened_ = 0;
};

ErrorCode end_of_job(std::vector<ErrorCode> failures) {
  TaskPool tasks;
  Context context;
  Job job(JobSpec(), std::make_unique<FailingSource>(std::move(failures)), std::make_unique<MemorySink>(), tasks);
  std::promise<Result<>> ended;
  job.run(context, {}, [&](Result<> result) { ended.set_value(std::move(result)); });
  const Result<> result = ended.get_future().get();
  job.join();
  return result ? ErrorCode::kInternal : result.error().code();
}

TEST(JobTest, tries_again_what_time_can_heal) {
  EXPECT_EQ(end_of_job({ErrorCode::kConnect, ErrorCode::kConnect, ErrorCode::kConfig}), ErrorCode::kConfig);
}

// It would end without a word and with exit code 0.
TEST(JobTest, a_part_that_stops_though_nobody_asked_does_not_end_the_job) {
  EXPECT_EQ(end_of_job({ErrorCode::kStopped, ErrorCode::kConfig}), ErrorCode::kConfig);
}

}  // namespace
}  // namespace sluice
