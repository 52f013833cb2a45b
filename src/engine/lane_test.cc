// SPDX-License-Identifier: Apache-2.0
#include "engine/lane.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace sluice {
namespace {

// What the ledger of a target would hold; commits of all writers end here in order.
struct Commits {
  std::mutex mutex;
  std::vector<LedgerEntry> entries;
  size_t rows = 0;
};

class MemoryLedger : public Ledger {
 public:
  Result<uint64_t> take_over(Context&) override { return uint64_t{1}; }
  Result<std::vector<LedgerEntry>> load(Context&) override { return std::vector<LedgerEntry>(); }
  Result<> update(Context&, std::span<const LedgerEntry>, std::span<const std::string>) override { return {}; }
};

class MemoryWriter : public SinkWriter {
 public:
  explicit MemoryWriter(Commits& commits) : commits_(commits) {}
  Result<> write(Context&, const ChangeBatch& batch, bool) override {
    open_rows_ += batch.rows();
    return {};
  }
  Result<> commit(Context&, const LedgerEntry& entry) override {
    std::lock_guard lock(commits_.mutex);
    commits_.entries.push_back(entry);
    commits_.rows += std::exchange(open_rows_, 0);
    return {};
  }

 private:
  Commits& commits_;
  size_t open_rows_ = 0;
};

class MemorySink : public Sink {
 public:
  Result<> open(Context&) override { return {}; }
  Guarantee guarantee() const override { return Guarantee::kExactlyOnce; }
  Result<std::unique_ptr<Ledger>> open_ledger(Context&, const std::string&) override {
    return std::unique_ptr<Ledger>(std::make_unique<MemoryLedger>());
  }
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override {
    return std::unique_ptr<SinkWriter>(std::make_unique<MemoryWriter>(commits));
  }
  Result<TableSchemaPtr> find_table(Context&, const TableId&) override { return TableSchemaPtr(); }
  Result<bool> is_empty(Context&, const TableId&) override { return true; }
  Result<> apply(Context&, const SchemaChange&) override { return {}; }
  std::vector<std::string> ddl_for(const SchemaChange&) const override { return {}; }
  bool keys_compare_bytewise() const override { return true; }
  Result<std::unique_ptr<TableReader>> open_table_reader(Context&) override { return std::unique_ptr<TableReader>(); }

  Commits commits;
};

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
  TableSchemaPtr schema_;
};

// Only the members that a lane uses are real.
class NoSource : public Source {
 public:
  Result<> open(Context&) override { return {}; }
  Result<std::vector<SourceTable>> discover(Context&) override { return std::vector<SourceTable>(); }
  bool captures(const TableId&) const override { return true; }
  bool wants_snapshot() const override { return false; }
  bool wants_stream() const override { return true; }
  Result<std::vector<SnapshotChunk>> split(Context&, const TableSchemaPtr&) override {
    return std::vector<SnapshotChunk>();
  }
  Result<std::vector<std::unique_ptr<ChunkReader>>> open_chunk_readers(Context&, int) override {
    return std::vector<std::unique_ptr<ChunkReader>>();
  }
  Result<std::unique_ptr<LogReader>> open_log_reader(Context&, LogStart) override {
    return std::unique_ptr<LogReader>();
  }
  Result<Position> start_position(Context&) override { return Position(); }
  Result<Position> current_position(Context&) override { return Position(); }
  Result<uint64_t> estimate_rows(Context&, const TableId&) override { return uint64_t{0}; }
  bool covers(const Position&, const Transaction&) const override { return false; }
  bool covers(const Position&, const Position&) const override { return false; }
};

TEST_F(LaneTest, commits_rows_with_the_position_behind_them) {
  NoSource source;
  JobParts parts{context_, spec_, source, sink_, *ledger_, policy_, *transform_, progress_, limiter_, pool_, 1};
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
  JobParts parts{context_, spec_, source, sink_, *ledger_, policy_, *transform_, progress_, limiter_, pool_, 1};
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
  JobParts parts{context_, spec_, source, sink_, *ledger_, policy_, *transform_, progress_, limiter_, pool_, 1};
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
  JobParts parts{context_, spec_, source, sink_, *ledger_, policy_, *transform_, progress_, limiter_, pool_, 1};
  {
    Lane lane(parts, context_, 0, std::make_unique<MemoryWriter>(sink_.commits), {"p0"}, 1 << 20);
    ASSERT_TRUE(lane.send(one_row(), 10));
    context_.request_stop();
  }
  EXPECT_TRUE(committed().empty());
}

}  // namespace
}  // namespace sluice
