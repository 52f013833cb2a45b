// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "connector/writes_ahead.h"
#include "engine/test_connectors.h"

namespace sluice {
namespace {

using testing::ElementsAre;

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    spec_.source.type = "mysql";
    spec_.sink.type = "postgres";
    spec_.pipeline.parallelism = 4;
    source_.copied = true;
  }
  JobPlan plan() const { return make_plan(spec_, source_, sink_); }

  JobSpec spec_;
  NoSource source_;
  MemorySink sink_;
};

TEST_F(PlanTest, what_does_nothing_is_left_out) {
  EXPECT_THAT(plan().graph, ElementsAre("mysql", "postgres"));
  spec_.transforms = {{.source_table = "shop.a", .projection = "*"}};
  EXPECT_THAT(plan().graph, ElementsAre("mysql", "postgres"));
  spec_.transforms.push_back({.source_table = "shop.b", .filter = "id > 1"});
  spec_.routes = {{.source_table = "shop.b", .sink_table = "shop.c"}};
  EXPECT_THAT(plan().graph, ElementsAre("mysql", "transform (2 rules)", "route (1 rule)", "postgres"));
}

TEST_F(PlanTest, what_follows_on_a_batch_is_chained_into_one_task) {
  spec_.transforms = {{.source_table = "shop.b", .filter = "id > 1"}};
  spec_.routes = {{.source_table = "shop.b", .sink_table = "shop.c"}};
  EXPECT_EQ(
      plan().text(),
      "plan: mysql -> transform (1 rule) -> route (1 rule) -> postgres\n"
      "  copy: 4 x [read chunks] => 4 x [transform (1 rule) -> route (1 rule) -> write]; at most 9 threads, 10 "
      "connections to the source, 6 to the target\n"
      "  stream: [read the log] => [transform (1 rule) -> route (1 rule) -> divide by key] => 4 x [write]; at most "
      "6 threads, 3 connections to the source, 6 to the target\n");
}

TEST_F(PlanTest, a_sink_with_one_writer_has_one_lane) {
  sink_.writers = 1;
  const JobPlan made = plan();
  EXPECT_EQ(made.parallelism, 1U);
  EXPECT_EQ(made.lanes, 1U);
}

TEST_F(PlanTest, whole_transactions_have_one_lane_and_are_copied_in_parallel) {
  spec_.pipeline.apply = ApplyMode::kTransactional;
  const JobPlan made = plan();
  EXPECT_EQ(made.parallelism, 4U);
  EXPECT_EQ(made.lanes, 1U);
  EXPECT_EQ(made.writers, 1U);
}

TEST_F(PlanTest, whole_transactions_have_several_writers_where_the_sink_allows_it) {
  class AheadSink : public MemorySink, public WritesAhead {};
  const AheadSink sink;
  spec_.pipeline.apply = ApplyMode::kTransactional;
  const JobPlan made = make_plan(spec_, source_, sink);
  EXPECT_EQ(made.lanes, 1U);
  EXPECT_EQ(made.writers, 4U);
  EXPECT_THAT(made.text(), testing::HasSubstr("=> [cut into runs of transactions] => 4 x [write, commit in the "
                                              "source's order]; at most 7 threads, 3 connections to the source, 6 to "
                                              "the target"));
  spec_.pipeline.parallelism = 1;
  EXPECT_EQ(make_plan(spec_, source_, sink).writers, 1U);
  spec_.pipeline.apply = ApplyMode::kParallel;
  spec_.pipeline.parallelism = 3;
  EXPECT_EQ(make_plan(spec_, source_, sink).lanes, 3U);
  EXPECT_EQ(make_plan(spec_, source_, sink).writers, 3U);
}

TEST_F(PlanTest, a_log_that_is_kept_for_the_job_is_cut_at_the_change_log) {
  source_.held = true;
  const JobPlan made = plan();
  ASSERT_EQ(made.groups.size(), 3U);
  EXPECT_EQ(made.groups.back().name, "change log");
  EXPECT_EQ(made.graph.size(), 3U);
  spec_.pipeline.change_log_retained_limit = 0;
  EXPECT_EQ(plan().groups.back().name, "kept log");
  EXPECT_EQ(plan().graph.size(), 2U);
}

}  // namespace
}  // namespace sluice
