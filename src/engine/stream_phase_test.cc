// SPDX-License-Identifier: Apache-2.0
#include "engine/stream_phase.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "engine/engine_test.h"

namespace sluice {
namespace {

// Positions are letters in alphabetical order.
class ScriptedSource : public NoSource {
 public:
  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart start) override {
    class Scripted : public LogReader {
     public:
      explicit Scripted(std::vector<StreamElement>& script) : script_(script) {}
      Result<> poll(Context& context, std::vector<StreamElement>& out) override {
        if (script_.empty()) context.wait_for(std::chrono::milliseconds(1));
        out = std::exchange(script_, {});
        return {};
      }
      Result<> acknowledge(const Position&) override { return {}; }

     private:
      std::vector<StreamElement>& script_;
    };
    began = start.position.text;
    return std::unique_ptr<LogReader>(std::make_unique<Scripted>(script));
  }
  bool covers(const Position& reached, const Transaction& one) const override { return reached.text >= one.start.text; }
  bool covers(const Position& reached, const Position& other) const override { return reached.text >= other.text; }

  std::vector<StreamElement> script;
  std::string began;
};

class StreamPhaseTest : public EngineTest {
 protected:
  // Runs until the lanes have what the script tells up to `until`.
  void run(JobState& state, const std::string& until) {
    JobParts parts = parts_of(source_);
    const auto phase = StreamPhase::make(parts, state, Position{until});
    const auto end = monotonic_now() + std::chrono::seconds(20);
    for (;;) {
      NextStep next;
      const auto stepped = phase->step(next);
      ASSERT_TRUE(stepped.has_value()) << stepped.error().message();
      if (*stepped) break;
      ASSERT_LT(monotonic_now(), end);
      context_.wait_for(std::chrono::milliseconds(1));
    }
  }

  ScriptedSource source_;
};

// The place of CREATE TABLE ... SELECT is the one in front of its rows, which one lane has and the others have not.
TEST_F(StreamPhaseTest, a_lane_does_not_go_back_to_a_statement_that_it_has_passed) {
  for (const bool first_is_ahead : {false, true}) {
    sink_.recorded.clear();
    source_.script.clear();
    SchemaChangeEvent create;
    create.changes.push_back({.kind = SchemaChangeKind::kCreateTable, .before = nullptr, .after = schema_});
    create.tracked.emplace_back(schema_->id, "what it is");
    create.position = {"a"};
    ChangeBatch rows = one_row();
    rows.origins.push_back({});
    rows.transactions = std::make_shared<const TransactionList>(1, Transaction{.start = {"b"}});
    source_.script.emplace_back(std::move(create));
    source_.script.emplace_back(std::move(rows));
    source_.script.emplace_back(GroupEnd{{"b"}, 0});
    JobState state;
    state.lanes = first_is_ahead ? std::vector<Position>{{"b"}, {"a"}} : std::vector<Position>{{"a"}, {"b"}};
    const std::vector<Position> before = state.lanes;
    run(state, "b");
    EXPECT_EQ(source_.began, "a");
    std::map<std::string, std::string> lanes;
    for (const auto& entry : sink_.recorded) {
      if (entry.name.starts_with("lane/")) lanes[entry.name] = entry.position;
    }
    EXPECT_EQ(lanes["lane/0"], before[0].text);
    EXPECT_EQ(lanes["lane/1"], before[1].text);
  }
  // It goes to one of them, which had it the first or the second time.
  EXPECT_EQ(sink_.commits.rows, 1u);
}

// CREATE OR REPLACE TABLE ... SELECT.
TEST_F(StreamPhaseTest, a_table_is_not_made_anew_under_a_lane_that_has_its_rows) {
  for (const bool one_is_ahead : {false, true}) {
    sink_.changes.clear();
    SchemaChangeEvent replace;
    replace.changes.push_back({.kind = SchemaChangeKind::kDropTable, .before = schema_, .after = nullptr});
    replace.changes.push_back({.kind = SchemaChangeKind::kCreateTable, .before = nullptr, .after = schema_});
    replace.position = {"a"};
    source_.script.clear();
    source_.script.emplace_back(std::move(replace));
    source_.script.emplace_back(GroupEnd{{"b"}, 0});
    spec_.pipeline.schema_behavior = SchemaBehavior::kEvolve;
    JobState state;
    state.lanes = {{one_is_ahead ? "b" : "a"}, {"a"}};
    run(state, "b");
    EXPECT_EQ(sink_.changes.size(), one_is_ahead ? 0u : 2u);
  }
}

// The lane that tells it began beyond the place that all lanes have.
TEST_F(StreamPhaseTest, a_truncation_beside_another_change_is_told_by_a_lane_that_is_ahead) {
  sink_.truncations_are_events = true;
  SchemaChangeEvent change;
  change.changes.push_back({.kind = SchemaChangeKind::kTruncateTable, .before = schema_, .after = schema_});
  change.tracked.emplace_back(schema_->id, "what it is");
  change.position = {"c"};
  source_.script.emplace_back(std::move(change));
  source_.script.emplace_back(GroupEnd{{"d"}, 0});
  JobState state;
  state.lanes = {{"b"}, {"a"}};
  run(state, "d");
  EXPECT_EQ(sink_.commits.truncations, 1u);
}

}  // namespace
}  // namespace sluice
