// SPDX-License-Identifier: Apache-2.0
#include "engine/lane.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "engine/engine_test.h"

namespace sluice {
namespace {

class LaneTest : public EngineTest {
 protected:
  std::shared_ptr<const ChangeBatch> shared_row() const { return std::make_shared<ChangeBatch>(one_row()); }
  std::vector<std::string> committed() {
    std::lock_guard lock(sink_.commits.mutex);
    std::vector<std::string> positions;
    for (const auto& entry : sink_.commits.entries) positions.push_back(entry.position);
    return positions;
  }
};

TEST_F(LaneTest, commits_rows_with_the_position_behind_them) {
  NoSource source;
  JobParts parts = parts_of(source);
  Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
  ASSERT_TRUE(lane.send(shared_row(), 10));
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
    ASSERT_TRUE(lane.send(shared_row(), 10));
    context_.request_stop();
  }
  EXPECT_TRUE(committed().empty());
}

// Who finds the lane's channel closed must find the reason as well: the job would take its end for a stop.
TEST_F(LaneTest, has_its_error_before_it_takes_nothing_more) {
  class Broken : public SinkWriter {
   public:
    Result<> write(Context&, const ChangeBatch&, bool) override { return Error(ErrorCode::kConnect, "gone"); }
    Result<> commit(Context&, const LedgerEntry&) override { return {}; }
  };
  NoSource source;
  JobParts parts = parts_of(source);
  for (int round = 0; round < 2000; ++round) {
    Lane lane(parts, context_, 0, std::make_unique<Broken>(), {"p0"}, 1);
    while (lane.send(shared_row(), 10)) continue;
    ASSERT_TRUE(lane.error().has_value()) << "round " << round;
    EXPECT_EQ(lane.error()->code(), ErrorCode::kConnect);
  }
}

}  // namespace
}  // namespace sluice
