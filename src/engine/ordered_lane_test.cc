// SPDX-License-Identifier: Apache-2.0
// A target in memory with transactions and row locks that nobody but their owner can release, as a server's: what it
// shows after each commit must be a state that the source had between two transactions.
#include "engine/ordered_lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "base/clock.h"
#include "engine/engine_test.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Rows = std::map<int64_t, int64_t>;

constexpr std::chrono::seconds kLong{60};
// Of the test's own locks.
const int kSomebodyElse = 0;

// Rows whose keys are equal up to this lock each other out, as a unique index behind the job's back would.
constexpr int64_t kHiddenIndex = 1'000'000;
int64_t twin_of(int64_t key) { return key < kHiddenIndex ? key + kHiddenIndex : key - kHiddenIndex; }

struct Target {
  std::mutex mutex;
  std::condition_variable changed;
  Rows rows;                           // committed
  std::vector<std::string> positions;  // of the commits
  std::vector<Rows> shown;             // after each commit
  std::vector<int64_t> tried;          // keys that writers have written, committed or not
  std::map<int64_t, const void*> locks;
  std::map<const void*, int64_t> waiting;  // writers that wait for a lock; the value says whose turn is earlier
  int writers_opened = 0;
  std::function<Result<>(int64_t key)> refuse;  // a write
  bool commits_wait = false;
  bool commit_waits = false;
  bool slow = false;  // a write takes a moment
  size_t most_open = 0;
  bool unique = false;  // the hidden index is one

  void lock(int64_t key) {
    std::lock_guard guard(mutex);
    locks[key] = &kSomebodyElse;
  }
  void release(const void* owner) {
    std::lock_guard guard(mutex);
    std::erase_if(locks, [owner](const auto& lock) { return lock.second == owner; });
    changed.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock guard(mutex);
    return changed.wait_for(guard, kLong, condition);
  }
};

class TargetWriter : public SinkWriter, public AheadWriter {
 public:
  explicit TargetWriter(Target& target) : target_(target) {}
  ~TargetWriter() override { target_.release(this); }

  Result<bool> may_write_ahead(Context&, const TableSchemaPtr& schema) override { return !schema->key.empty(); }
  Result<> settle(Context&) override { return {}; }
  Result<> write(Context& context, const ChangeBatch& batch, bool) override {
    for (size_t row = 0; row < batch.rows(); ++row) {
      RETURN_IF_ERROR(write_row(context, batch.columns[0].int_at(row), batch.columns[1].int_at(row), batch.kinds[row]));
    }
    return {};
  }
  Result<> truncate(Context& context, const Truncation&) override {
    Rows all;
    {
      std::lock_guard guard(target_.mutex);
      all = target_.rows;
    }
    for (const auto& [key, value] : open_) all.emplace(key, value.value_or(0));
    for (const auto& [key, value] : all) RETURN_IF_ERROR(write_row(context, key, 0, RowKind::kDelete));
    return {};
  }
  Result<> commit(Context&, const LedgerEntry& entry) override {
    {
      std::unique_lock guard(target_.mutex);
      EXPECT_EQ(entry.name, "lane/0");
      target_.commit_waits = target_.commits_wait;
      target_.changed.notify_all();
      target_.changed.wait(guard, [this] { return !target_.commits_wait; });
      for (const auto& [key, value] : open_) {
        if (value) {
          target_.rows[key] = *value;
        } else {
          target_.rows.erase(key);
        }
      }
      target_.positions.push_back(entry.position);
      target_.shown.push_back(target_.rows);
    }
    open_.clear();
    first_value_ = std::numeric_limits<int64_t>::max();
    target_.release(this);
    return {};
  }

 private:
  Result<> write_row(Context& context, int64_t key, int64_t value, RowKind kind) {
    std::unique_lock guard(target_.mutex);
    const int64_t lock = key % kHiddenIndex;
    first_value_ = std::min(first_value_, value);
    while (target_.locks.contains(lock) && target_.locks[lock] != this) {
      target_.waiting[this] = first_value_;
      target_.changed.wait_for(guard, std::chrono::milliseconds(5));
      if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped");
      const auto other = target_.waiting.find(target_.locks.contains(lock) ? target_.locks[lock] : this);
      if (other != target_.waiting.end() && other->second < first_value_) {
        target_.waiting.erase(this);
        return Error(ErrorCode::kTransient, "a deadlock, or nearly");
      }
    }
    target_.waiting.erase(this);
    target_.locks[lock] = this;
    if (target_.slow) target_.changed.wait_for(guard, std::chrono::microseconds(200));
    std::set<const void*> owners;
    if (target_.slow) {
      for (const auto& [locked, owner] : target_.locks) owners.insert(owner);
    }
    target_.most_open = std::max(target_.most_open, owners.size());
    target_.tried.push_back(key);
    target_.changed.notify_all();
    if (target_.refuse) RETURN_IF_ERROR(target_.refuse(key));
    const bool removed = kind == RowKind::kDelete;
    const int64_t twin = twin_of(key);
    const bool taken = open_.contains(twin) ? open_[twin].has_value() : target_.rows.contains(twin);
    if (target_.unique && !removed && taken) return Error(ErrorCode::kTarget, "duplicate key");
    open_[key] = removed ? std::nullopt : std::optional(value);
    return {};
  }

  Target& target_;
  std::map<int64_t, std::optional<int64_t>> open_;
  int64_t first_value_ = std::numeric_limits<int64_t>::max();
};

class TargetSink : public MemorySink, public WritesAhead {
 public:
  explicit TargetSink(Target& target) : target_(target) {}
  Result<std::unique_ptr<SinkWriter>> open_writer(Context&, const std::string&, uint64_t) override {
    std::lock_guard guard(target_.mutex);
    ++target_.writers_opened;
    return std::unique_ptr<SinkWriter>(std::make_unique<TargetWriter>(target_));
  }

 private:
  Target& target_;
};

struct Change {
  int64_t key;
  int64_t value;
  RowKind kind = RowKind::kInsert;
};

class OrderedLaneTest : public EngineTest {
 protected:
  OrderedLaneTest() : keyed_(table(true)), keyless_(table(false)) {}

  static TableSchemaPtr table(bool keyed) {
    auto schema = std::make_shared<TableSchema>();
    schema->id = {"shop", keyed ? "t" : "keyless"};
    schema->columns.resize(3);
    for (const int i : {0, 1}) schema->columns[i].type.kind = TypeKind::kInt64;
    if (keyed) schema->key = {0};
    return schema;
  }
  void open(size_t writers = 3, MonotonicTime::duration patience = kLong, size_t channel_bytes = 64 << 20,
            bool alone = false) {
    parts_.emplace(JobParts{context_, spec_, source_, target_sink_, *ledger_, policy_, *transform_, progress_, limiter_,
                            pool_, inbox_, coordinator_, 1});
    parts_->alone = alone;
    std::vector<std::unique_ptr<SinkWriter>> all;
    for (size_t i = 0; i < writers; ++i) all.push_back(std::make_unique<TargetWriter>(target_));
    lane_ = std::make_unique<OrderedLane>(*parts_, context_, std::move(all), Partitioner(1, true), Position{"0"},
                                          channel_bytes, patience);
  }
  bool send(const std::vector<Change>& changes, const TableSchemaPtr& schema = nullptr) {
    auto batch = std::make_shared<ChangeBatch>(schema ? schema : keyed_);
    for (const Change& change : changes) {
      batch->kinds.push_back(change.kind);
      batch->columns[0].append_int(change.key);
      batch->columns[1].append_int(change.value);
      batch->columns[2].append_bytes(runs_are_large_ && batch->kinds.size() == 1 ? large_ : "");
    }
    return lane_->send(std::move(batch), 64);
  }
  bool end(const std::string& position) { return lane_->send(GroupEnd{{position}, 0}, 64); }
  // The first run of a lane is alone, so that the others are the rule.
  void warm_up() {
    ASSERT_TRUE(send({{-1, 0}}));
    ASSERT_TRUE(end("warm"));
    ASSERT_TRUE(lane_->flush());
  }
  bool wait_until_tried(int64_t key) {
    return target_.wait([&] { return std::ranges::find(target_.tried, key) != target_.tried.end(); });
  }
  // The keys, as they were written.
  std::vector<int64_t> tried() {
    std::lock_guard guard(target_.mutex);
    return target_.tried;
  }
  std::vector<std::string> positions() {
    std::lock_guard guard(target_.mutex);
    return target_.positions;
  }

  bool runs_are_large_ = true;  // each batch fills a run; else what waits is gathered
  const std::string large_ = std::string(1 << 20, 'x');
  const TableSchemaPtr keyed_;
  const TableSchemaPtr keyless_;
  NoSource source_;
  Target target_;
  TargetSink target_sink_{target_};
  std::optional<JobParts> parts_;
  std::unique_ptr<OrderedLane> lane_;
};

TEST_F(OrderedLaneTest, prepares_what_shares_no_key_side_by_side_and_commits_it_in_order) {
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  ASSERT_TRUE(send({{2, 2}}) && end("2"));
  EXPECT_TRUE(wait_until_tried(2)) << "while the first waits for its lock";
  EXPECT_THAT(positions(), ElementsAre("warm"));
  EXPECT_EQ(lane_->durable().text, "warm");
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2"));
  EXPECT_EQ(lane_->durable().text, "2");
}

TEST_F(OrderedLaneTest, a_row_of_a_key_in_flight_waits_and_the_rest_of_its_run_does_not) {
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}, {2, 1}}) && end("1"));
  ASSERT_TRUE(send({{2, 2}, {3, 2}}) && send({{4, 2}}, keyless_) && end("2"));
  EXPECT_TRUE(wait_until_tried(3));
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2"));
  EXPECT_EQ(target_.shown[1], (Rows{{-1, 0}, {1, 1}, {2, 1}}));
  EXPECT_EQ(target_.shown[2], (Rows{{-1, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 2}}));
}

TEST_F(OrderedLaneTest, a_truncation_and_what_is_behind_it_wait) {
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  ASSERT_TRUE(send({{2, 2}}));
  ASSERT_TRUE(lane_->send(Truncation{.tables = {keyed_}, .transaction = {}}, 64));
  ASSERT_TRUE(send({{3, 2}}) && end("2"));
  EXPECT_TRUE(wait_until_tried(2));
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush());
  const auto keys = tried();
  EXPECT_LT(std::ranges::find(keys, 1), std::ranges::find(keys, 3));
  EXPECT_EQ(target_.shown[1], (Rows{{-1, 0}, {1, 1}}));
  EXPECT_EQ(target_.shown.back(), (Rows{{3, 2}}));
}

// Neither the job nor the target can see that the two wait for each other.
TEST_F(OrderedLaneTest, a_run_that_waits_for_its_turn_gives_way) {
  open(3, std::chrono::milliseconds(100));
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && send({{7, 1}}) && end("1"));
  ASSERT_TRUE(send({{7 + kHiddenIndex, 2}}) && end("2"));
  ASSERT_TRUE(wait_until_tried(7 + kHiddenIndex));
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2"));
  EXPECT_EQ(target_.shown[1], (Rows{{-1, 0}, {1, 1}, {7, 1}}));
  EXPECT_EQ(target_.rows, (Rows{{-1, 0}, {1, 1}, {7, 1}, {7 + kHiddenIndex, 2}}));
  // From here on nobody writes ahead for a while.
  target_.lock(1);
  ASSERT_TRUE(send({{1, 3}}) && end("3"));
  ASSERT_TRUE(send({{8, 4}}) && end("4"));
  context_.wait_for(std::chrono::milliseconds(50));
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2", "3", "4"));
  EXPECT_EQ(tried().back(), 8);
}

TEST_F(OrderedLaneTest, what_the_target_refuses_before_its_turn_is_tried_again) {
  int refusals = 0;
  target_.refuse = [&](int64_t key) -> Result<> {
    if (key != 2 || target_.rows.contains(1)) return {};
    ++refusals;
    return Error(ErrorCode::kData, "there is no row 1");
  };
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  ASSERT_TRUE(send({{3, 2}}) && send({{2, 2}}) && end("2"));
  EXPECT_TRUE(target_.wait([&] { return refusals > 0; }));
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush()) << lane_->error()->message();
  EXPECT_EQ(refusals, 1);
  EXPECT_EQ(target_.writers_opened, 1);
  EXPECT_EQ(target_.rows, (Rows{{-1, 0}, {1, 1}, {2, 2}, {3, 2}}));
}

// Such as the commit of a server that waits for another one.
TEST_F(OrderedLaneTest, nobody_gives_way_to_a_slow_commit) {
  open(3, std::chrono::milliseconds(200));
  warm_up();
  {
    std::lock_guard guard(target_.mutex);
    target_.commits_wait = true;
  }
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  EXPECT_TRUE(target_.wait([&] { return target_.commit_waits; }));
  ASSERT_TRUE(send({{2, 2}}) && end("2"));
  EXPECT_TRUE(wait_until_tried(2));
  context_.wait_for(std::chrono::milliseconds(500));
  {
    std::lock_guard guard(target_.mutex);
    target_.commits_wait = false;
  }
  target_.changed.notify_all();
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2"));
  EXPECT_THAT(tried(), ElementsAre(-1, 1, 2)) << "nothing was done again";
}

// The rows that waited meet those of their own run that did not, in another order than the source's.
TEST_F(OrderedLaneTest, what_fails_beside_rows_written_ahead_is_decided_by_an_attempt_alone) {
  target_.refuse = [&](int64_t key) -> Result<> {
    const bool ahead = std::ranges::find(target_.tried, 3) != target_.tried.end();
    return key == 2 && ahead ? Result<>(Error(ErrorCode::kTarget, "excluded")) : Result<>();
  };
  const auto two_runs = [&] {
    warm_up();
    target_.lock(1);
    ASSERT_TRUE(send({{1, 1}, {4, 1}}) && end("1"));
    ASSERT_TRUE(send({{4, 2}, {2, 2}}, keyless_) && send({{3, 2}}) && end("2"));
    context_.wait_for(std::chrono::milliseconds(50));
  };
  open();
  two_runs();
  EXPECT_TRUE(wait_until_tried(3));
  target_.release(&kSomebodyElse);
  EXPECT_FALSE(lane_->flush());
  ASSERT_TRUE(lane_->error().has_value());
  EXPECT_EQ(lane_->error()->code(), ErrorCode::kTransient) << lane_->error()->message();
  lane_.reset();
  target_.tried.clear();
  open(3, kLong, 64 << 20, true);
  two_runs();
  target_.release(&kSomebodyElse);
  ASSERT_TRUE(lane_->flush()) << lane_->error()->message();
  EXPECT_EQ(target_.rows, (Rows{{-1, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 2}}));
  EXPECT_EQ(tried().back(), 3);
}

TEST_F(OrderedLaneTest, nothing_is_committed_behind_a_run_that_failed) {
  bool refused = false;
  target_.refuse = [&](int64_t key) -> Result<> {
    if (key != 1 || !refused) return {};
    return Error(ErrorCode::kTarget, "no");
  };
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  ASSERT_TRUE(send({{2, 2}}) && end("2"));
  ASSERT_TRUE(send({{3, 2}}) && end("3"));
  ASSERT_TRUE(wait_until_tried(2));
  {
    std::lock_guard guard(target_.mutex);
    refused = true;
  }
  target_.release(&kSomebodyElse);
  EXPECT_FALSE(lane_->flush());
  ASSERT_TRUE(lane_->error().has_value());
  EXPECT_EQ(lane_->error()->code(), ErrorCode::kTarget);
  while (send({{4, 4}})) continue;
  lane_.reset();
  EXPECT_THAT(positions(), ElementsAre("warm"));
  EXPECT_THAT(target_.locks, IsEmpty());
}

TEST_F(OrderedLaneTest, a_stop_ends_it_while_a_writer_waits_for_its_turn) {
  open();
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  ASSERT_TRUE(send({{2, 2}}) && end("2"));
  ASSERT_TRUE(wait_until_tried(2));
  context_.request_stop();
  lane_.reset();
  EXPECT_THAT(positions(), ElementsAre("warm"));
}

// A source that keeps its log until somebody has it must hear of it, though nothing more happens.
TEST_F(OrderedLaneTest, moves_its_position_without_rows_when_nothing_follows) {
  open();
  ASSERT_TRUE(end("1"));
  EXPECT_TRUE(target_.wait([this] { return target_.positions.size() == 1; }));
  ASSERT_TRUE(lane_->flush());
  EXPECT_EQ(lane_->durable().text, "1");
}

// The coordinator records a schema change for all lanes; a later flush must not write the place before it again.
TEST_F(OrderedLaneTest, never_goes_back_behind_a_schema_change) {
  open();
  ASSERT_TRUE(end("before the change"));
  ASSERT_TRUE(lane_->flush());
  const size_t commits_before = positions().size();
  lane_->set_position({"behind the change"});
  ASSERT_TRUE(lane_->flush());
  EXPECT_EQ(positions().size(), commits_before);
  EXPECT_EQ(lane_->durable().text, "behind the change");
}

// Larger than what a writer keeps: it goes on when its turn comes.
TEST_F(OrderedLaneTest, a_transaction_larger_than_all_that_waits_passes) {
  open(3, kLong, 1 << 20);
  warm_up();
  target_.lock(1);
  ASSERT_TRUE(send({{1, 1}}) && end("1"));
  runs_are_large_ = false;
  std::vector<Change> many;
  for (int64_t key = 100; key < 5100; ++key) many.push_back({key, 2});
  std::thread sender([&] {
    for (int i = 0; i < 30; ++i) EXPECT_TRUE(send(many));
    EXPECT_TRUE(end("2"));
  });
  EXPECT_TRUE(wait_until_tried(100));
  EXPECT_THAT(positions(), ElementsAre("warm"));
  target_.release(&kSomebodyElse);
  sender.join();
  ASSERT_TRUE(lane_->flush());
  EXPECT_THAT(positions(), ElementsAre("warm", "1", "2"));
  EXPECT_EQ(target_.rows.size(), 5002u);
}

// Few keys, small runs and large ones, a target that takes its time; with `hidden` also conflicts that only the target
// knows. Whatever is written ahead or undone, the states are those of the source.
class OrderedLaneStates : public OrderedLaneTest, public testing::WithParamInterface<bool> {};

TEST_P(OrderedLaneStates, are_those_that_the_source_had) {
  const bool hidden = GetParam();
  std::mt19937_64 random(std::random_device{}());
  const auto up_to = [&random](int64_t most) { return std::uniform_int_distribution<int64_t>(1, most)(random); };
  target_.unique = hidden;
  target_.slow = true;
  open(4, hidden ? std::chrono::milliseconds(30) : kLong);
  std::map<std::string, Rows> states;
  Rows now;
  for (int transaction = 1; transaction <= 2000; ++transaction) {
    std::vector<Change> changes;
    for (int64_t i = up_to(4); i > 0; --i) {
      const int64_t key = up_to(200) + (hidden && up_to(100) == 1 ? kHiddenIndex : 0);
      if (now.erase(twin_of(key)) > 0) changes.push_back({twin_of(key), transaction, RowKind::kDelete});
      if (up_to(3) == 1 && now.contains(key)) {
        changes.push_back({key, transaction, RowKind::kDelete});
        now.erase(key);
      } else {
        now[key] = transaction;
        changes.push_back({key, transaction});
      }
    }
    runs_are_large_ = up_to(10) == 1;
    ASSERT_TRUE(send(changes));
    const std::string position = std::to_string(transaction);
    states[position] = now;
    ASSERT_TRUE(end(position));
    if (up_to(200) == 1) {
      ASSERT_TRUE(lane_->flush());
    }
  }
  ASSERT_TRUE(lane_->flush()) << lane_->error()->message();
  EXPECT_EQ(target_.rows, now);
  int last = 0;
  for (size_t commit = 0; commit < target_.positions.size(); ++commit) {
    const std::string& position = target_.positions[commit];
    EXPECT_GE(std::stoi(position), last);
    last = std::stoi(position);
    ASSERT_EQ(target_.shown[commit], states[position]) << "at " << position;
  }
  EXPECT_GT(target_.most_open, hidden ? 0u : 2u) << "transactions at once";
}

INSTANTIATE_TEST_SUITE_P(Hidden, OrderedLaneStates, testing::Bool());

}  // namespace
}  // namespace sluice
