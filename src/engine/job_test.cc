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

// Another definition of its table at every look. The place is the same at every question, or another one too.
class RestlessSource : public NoSource {
 public:
  RestlessSource(bool moves, int& places) : moves_(moves), places_(places) {}
  Result<> open(Context&) override { return opened_++ == 0 ? Result<>() : Error(ErrorCode::kConfig, "of the script"); }
  Result<std::vector<SourceTable>> discover(Context&) override {
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", "t"};
    schema->columns.resize(1);
    return std::vector<SourceTable>{{.schema = std::move(schema), .detail = std::to_string(++looks_)}};
  }
  Result<Position> start_position(Context&) override {
    ++places_;
    return Position{moves_ ? std::to_string(places_) : "here"};
  }
  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart) override {
    return Error(ErrorCode::kConfig, "of the script");
  }

 private:
  const bool moves_;
  int& places_;
  int looks_ = 0;
  int opened_ = 0;
};

ErrorCode end_of_job(std::unique_ptr<Source> source) {
  TaskPool tasks;
  Context context;
  Job job(JobSpec(), std::move(source), std::make_unique<MemorySink>(), tasks);
  std::promise<Result<>> ended;
  job.run(context, {}, [&](Result<> result) { ended.set_value(std::move(result)); });
  const Result<> result = ended.get_future().get();
  job.join();
  return result ? ErrorCode::kInternal : result.error().code();
}

ErrorCode end_of_job(std::vector<ErrorCode> failures) {
  return end_of_job(std::make_unique<FailingSource>(std::move(failures)));
}

TEST(JobTest, tries_again_what_time_can_heal) {
  EXPECT_EQ(end_of_job({ErrorCode::kConnect, ErrorCode::kConnect, ErrorCode::kConfig}), ErrorCode::kConfig);
}

// It would end without a word and with exit code 0.
TEST(JobTest, a_part_that_stops_though_nobody_asked_does_not_end_the_job) {
  EXPECT_EQ(end_of_job({ErrorCode::kStopped, ErrorCode::kConfig}), ErrorCode::kConfig);
}

TEST(JobTest, looks_only_so_often_for_tables_that_stay_while_it_looks_for_its_place) {
  for (const bool moves : {false, true}) {
    int places = 0;
    EXPECT_EQ(end_of_job(std::make_unique<RestlessSource>(moves, places)), ErrorCode::kConfig);
    EXPECT_EQ(places, moves ? 10 : 2);
  }
}

}  // namespace
}  // namespace sluice
