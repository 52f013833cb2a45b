// SPDX-License-Identifier: Apache-2.0
#include "engine/lane.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "engine/test_connectors.h"

namespace sluice {
namespace {

// The lane asks its parts only for ledger, progress and options.
class LaneTest : public testing::Test {
 protected:
  LaneTest() {
    auto opened = JobLedger::open(context_, sink_, "job", "");
    EXPECT_TRUE(opened.has_value());
    ledger_ = std::move(opened).value();
    Problems problems;
    transform_ = JobTransform::create(spec_, problems);
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", "t"};
    schema->columns.resize(1);
    schema_ = std::move(schema);
  }
  std::shared_ptr<const ChangeBatch> one_row() const {
    auto batch = std::make_shared<ChangeBatch>(schema_);
    batch->kinds.push_back(RowKind::kInsert);
    batch->columns[0].append_bytes("x");
    return batch;
  }
  std::vector<std::string> committed() {
    std::lock_guard lock(sink_.commits.mutex);
    std::vector<std::string> positions;
    for (const auto& entry : sink_.commits.entries) positions.push_back(entry.position);
    return positions;
  }

  JobSpec spec_;
  Context context_;
  MemorySink sink_;
  std::unique_ptr<JobLedger> ledger_;
  SchemaPolicy policy_{spec_, sink_};
  std::unique_ptr<JobTransform> transform_;
  Progress progress_;
  RateLimiter limiter_{0, 0};
  TaskPool pool_;
  struct Nobody : Task {
    NextStep step() override { return NextStep::never(); }
  } coordinator_;
  SignalInbox inbox_;
  TableSchemaPtr schema_;

  JobParts parts_of(Source& source) {
    return {context_,  spec_,    source, sink_,  *ledger_,     policy_, *transform_,
            progress_, limiter_, pool_,  inbox_, coordinator_, 1};
  }
};

TEST_F(LaneTest, commits_rows_with_the_position_behind_them) {
  NoSource source;
  JobParts parts = parts_of(source);
  Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
  ASSERT_TRUE(lane.send(one_row(), 10));
  ASSERT_TRUE(lane.send(GroupEnd{{"p1"}, 0}, 10));
  ASSERT_TRUE(lane.flush());
  EXPECT_EQ(lane.durable().text, "p1");
  EXPECT_EQ(committed().back(), "p1");
  EXPECT_EQ(sink_.commits.rows, 1u);
}

// A source that keeps its log until somebody has it must hear of it, though nothing more happens.
TEST_F(LaneTest, moves_its_position_without_rows_when_nothing_follows) {
  NoSource source;
  JobParts parts = parts_of(source);
  Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
  ASSERT_TRUE(lane.send(GroupEnd{{"p1"}, 0}, 10));
  const auto end = monotonic_now() + std::chrono::seconds(20);
  while (lane.durable().text != "p1" && monotonic_now() < end) context_.wait_for(std::chrono::milliseconds(10));
  EXPECT_EQ(lane.durable().text, "p1");
  EXPECT_EQ(committed().back(), "p1");
}

// The coordinator records a schema change for all lanes; a later flush must not write the place before it again.
TEST_F(LaneTest, never_goes_back_behind_a_schema_change) {
  NoSource source;
  JobParts parts = parts_of(source);
  Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
  ASSERT_TRUE(lane.send(GroupEnd{{"before the change"}, 0}, 10));
  ASSERT_TRUE(lane.flush());
  const size_t commits_before = committed().size();
  lane.set_position({"behind the change"});
  ASSERT_TRUE(lane.flush());
  EXPECT_EQ(committed().size(), commits_before);
  EXPECT_EQ(lane.durable().text, "behind the change");
}

TEST_F(LaneTest, rows_of_an_unfinished_group_are_not_committed_by_a_stop) {
  NoSource source;
  JobParts parts = parts_of(source);
  {
    Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
    ASSERT_TRUE(lane.send(one_row(), 10));
    context_.request_stop();
  }
  EXPECT_TRUE(committed().empty());
}

}  // namespace
}  // namespace sluice
