// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL source whose first copy lasts: its log must not pile up meanwhile, and nothing may be lost or doubled,
// whenever the program is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <random>

#include "faults/spool_fixture.h"
#include "faults/workload.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

// The copy of a table is held up by rows that a session of the target has written and not committed, with keys that are
// to be copied.
class HeldCopy : public Spool {
 protected:
  void make_target(const std::string& table, const std::string& columns) const {
    pipeline_->target_execute(fmt::format("CREATE SCHEMA IF NOT EXISTS {}", database_));
    pipeline_->target_execute(fmt::format("CREATE TABLE {}.{} ({})", database_, table, columns));
  }
  void hold(const std::string& table, const std::string& row) {
    if (!holder_) {
      auto session = pipeline_->target()->connect("postgres");
      ASSERT_TRUE(session.has_value());
      holder_ = std::move(session).value();
      ASSERT_TRUE(holder_->execute("BEGIN").has_value());
    }
    const auto held = holder_->execute(fmt::format("INSERT INTO {}.{} VALUES ({})", database_, table, row));
    ASSERT_TRUE(held.has_value()) << held.error().message();
  }
  void release() {
    if (holder_) {
      ASSERT_TRUE(holder_->execute("ROLLBACK").has_value());
    }
    holder_.reset();
  }
  // What a program that was killed has left behind.
  void end_waits() const {
    pipeline_->target_value(
        "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  }
  void kill(std::unique_ptr<Process>& job) const {
    job->kill9();
    end_waits();
  }

  std::unique_ptr<SqlSession> holder_;
};

// Tables `t` (in chunks), `journal` (without a key) and `waiting`.
class CopySpool : public HeldCopy {
 protected:
  void SetUp() override {
    Spool::SetUp();
    if (source_ == nullptr) return;
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100");
    sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); CREATE TABLE journal (n INT); "
        "CREATE TABLE waiting (id INT PRIMARY KEY, v TEXT); INSERT INTO waiting VALUES (1, 'one'), (2, 'two')");
    insert(1, 1000);
    sql("INSERT INTO journal SELECT generate_series(1, 100)");
    make_target("t", "id INT PRIMARY KEY, v TEXT");
    make_target("waiting", "id INT PRIMARY KEY, v TEXT");
  }
  void hold_chunks() {
    for (const char* row : {"250", "450", "850"}) hold("t", row);
  }
  // They are copied in the order of tables and keys, so that all in front of the first one that is held are.
  bool copies_chunks(int count) const {
    const auto copied = fmt::format(
        "SELECT COUNT(*) >= {} FROM sluice_ledger WHERE job = '{}' AND entry LIKE 'chunk/%' AND position <> ''", count,
        database_);
    return says("copying ") &&
           wait_until([&] { return pipeline_->target_value(copied) == "t"; }, std::chrono::minutes(1));
  }
  // Far more than the limit, in all that is copied and is to be copied.
  void change_much(int first) const {
    insert(first, 1000);
    sql(fmt::format("UPDATE t SET v = 'changed' WHERE id % 7 = {}", first % 7));
    sql(fmt::format("DELETE FROM t WHERE id % 11 = {}", first % 11));
    // From one chunk into another, in both directions.
    const int shift = first / 100;
    sql(fmt::format("UPDATE t SET id = -id WHERE id BETWEEN {} AND {} OR id BETWEEN {} AND {}", 100 + shift,
                    110 + shift, 500 + shift, 510 + shift));
    sql(fmt::format("UPDATE t SET id = {} - id WHERE id BETWEEN {} AND {} OR id BETWEEN {} AND {}", first * 100, shift,
                    shift + 20, 900 + shift, 920 + shift));
    sql("INSERT INTO t SELECT -n, 'between' FROM generate_series(1, 20) n ON CONFLICT DO NOTHING");
    sql("INSERT INTO journal SELECT generate_series(101, 300)");
    sql("UPDATE waiting SET v = v || v");
    sql(fmt::format("INSERT INTO waiting VALUES ({}, 'new')", first));
  }
  // The copy of `waiting` is held up, all others are made, and more than the limit has been spooled.
  std::unique_ptr<Process> start_spooling() {
    hold("waiting", "1");
    auto job = start();
    EXPECT_TRUE(copies_chunks(11)) << tail(said());
    change_much(2000);
    EXPECT_TRUE(slot_reaches(place())) << tail(said());
    return job;
  }
  // A table that must be copied again is left as it was in the target, and forgotten, when it goes away before it was
  // copied.
  void drop_what_must_be_copied() {
    make_target("others", "id INT PRIMARY KEY, v TEXT");
    pipeline_->target_execute(fmt::format("INSERT INTO {}.waiting VALUES (7, 'mine')", database_));
    auto job = start_spooling();
    sql("ALTER TABLE waiting ALTER COLUMN v TYPE VARCHAR(300); UPDATE waiting SET v = 'altered'");
    EXPECT_TRUE(says(kEndsHere)) << tail(said());
    sql("DROP TABLE waiting");
    kill(job);
    const size_t before = times(kStreaming);
    job = start();
    EXPECT_TRUE(says("table " + database_ + ".waiting went away")) << tail(said());
    release();
    EXPECT_TRUE(says(kStreaming, before)) << tail(said());
    job->stop();
    expect_exact();
    EXPECT_EQ(pipeline_->target_value(fmt::format("SELECT v FROM {}.waiting WHERE id = 7", database_)), "mine");
  }
  void expect_all_exact() {
    expect_exact();
    expect_same_rows(*source_, *pipeline_, "id, v", "waiting", "id");
  }
};

class CopySpoolOf : public CopySpool, public testing::WithParamInterface<std::string> {
 protected:
  std::string source_kind() const override { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Servers, CopySpoolOf, testing::Values("postgres_source", "postgres_18"),
                         [](const auto& kind) { return kind.param; });

TEST_P(CopySpoolOf, the_slot_moves_while_the_copy_goes_on_and_everything_arrives_after_it) {
  hold("waiting", "1");
  const auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("ALTER TABLE t ADD COLUMN more INT DEFAULT 3");
  sql("UPDATE t SET more = id WHERE id < 500");
  sql("CREATE TABLE made_later (id INT PRIMARY KEY, v INT); INSERT INTO made_later SELECT n, n FROM "
      "generate_series(1, 100) n");
  change_much(4000);
  sql("UPDATE made_later SET v = v + 1");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  EXPECT_EQ(times(kStreaming), 0U);
  EXPECT_EQ(times("the change log ends here for now"), 0U);
  release();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
  expect_same_rows(*source_, *pipeline_, "id, more", "t", "id");
  expect_same_rows(*source_, *pipeline_, "id, v", "made_later", "id");
}

// Each time it begins again it reads what is left in another snapshot, and what was spooled is older than some chunks
// of a table and younger than others.
TEST_F(CopySpool, chunks_of_different_times_are_exact) {
  hold_chunks();
  auto job = start();
  EXPECT_TRUE(copies_chunks(3)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  for (int i = 2; i < 4; ++i) {
    kill(job);
    const size_t before = times("copying ");
    job = start();
    EXPECT_TRUE(says("copying ", before)) << tail(said());
    change_much(i * 2000);
    EXPECT_TRUE(slot_reaches(place())) << tail(said());
  }
  // A column that is there for the chunks that are left, and comes by the log for the others.
  release();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
}

// The copy of a table that is altered begins again, in another shape.
TEST_F(CopySpool, a_table_that_is_altered_meanwhile_begins_again) {
  hold_chunks();
  auto job = start();
  EXPECT_TRUE(copies_chunks(3)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("ALTER TABLE t ADD COLUMN more INT DEFAULT 3; ALTER TABLE t ADD COLUMN other INT");
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  // No row of the log tells of this one before the copy does.
  sql("ALTER TABLE t DROP COLUMN more; ALTER TABLE t RENAME COLUMN other TO another");
  kill(job);
  release();
  job = start();
  EXPECT_TRUE(says("its copy starts again")) << tail(said());
  change_much(6000);
  job->stop();
  expect_all_exact();
  expect_same_rows(*source_, *pipeline_, "id, another", "t", "id");
}

// Its rows would be there twice.
TEST_F(CopySpool, a_table_without_a_key_that_is_copied_later_than_the_log_was_read) {
  make_target("journal", "n INT");
  hold("waiting", "1");
  ASSERT_TRUE(holder_->execute(fmt::format("LOCK TABLE {}.journal IN SHARE MODE", database_)).has_value());
  auto job = start();
  EXPECT_TRUE(says("copying ")) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  kill(job);
  const size_t before = times("copying ");
  job = start();
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  release();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
}

TEST_F(CopySpool, a_table_that_is_emptied_between_two_of_its_chunks_is_copied_again) {
  hold_chunks();
  auto job = start();
  EXPECT_TRUE(copies_chunks(3)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("TRUNCATE t");
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  kill(job);
  const size_t before = times("copying ");
  job = start();
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  release();
  EXPECT_TRUE(says("it was emptied while it was copied")) << tail(said());
  change_much(6000);
  job->stop();
  expect_all_exact();
}

TEST_F(CopySpool, a_table_that_is_dropped_meanwhile_is_left_out) {
  hold("waiting", "1");
  auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("ALTER TABLE waiting ADD COLUMN more INT; UPDATE waiting SET more = id; TRUNCATE waiting; INSERT INTO waiting "
      "VALUES (7)");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("DROP TABLE waiting");
  kill(job);
  job = start();
  EXPECT_TRUE(says("table " + database_ + ".waiting went away")) << tail(said());
  release();
  EXPECT_TRUE(says(kStreaming)) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(CopySpool, a_table_that_takes_the_name_of_one_that_left_is_copied) {
  sql("CREATE TABLE early (id INT PRIMARY KEY, v TEXT); INSERT INTO early VALUES (1, 'old')");
  hold("waiting", "1");
  const auto job = start();
  EXPECT_TRUE(copies_chunks(12)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("CREATE SCHEMA elsewhere; ALTER TABLE early SET SCHEMA elsewhere; UPDATE elsewhere.early SET v = 'gone'");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("CREATE TABLE early (id INT PRIMARY KEY, v TEXT); INSERT INTO early VALUES (2, 'new')");
  EXPECT_TRUE(says("early has appeared")) << tail(said());
  release();
  EXPECT_TRUE(says("copying 1 chunks of")) << tail(said());
  job->stop();
  expect_all_exact();
  expect_same_rows(*source_, *pipeline_, "id, v", "early", "id");
}

TEST_F(CopySpool, a_table_that_must_be_copied_again_and_is_dropped_keeps_its_target) { drop_what_must_be_copied(); }

TEST_F(CopySpool, a_table_that_must_be_copied_again_and_is_dropped_does_not_stop_a_job_with_routes) {
  pipeline_->blocks(fmt::format("route:\n  - {{source-table: {0}.others, sink-table: {0}.others}}\n", database_));
  drop_what_must_be_copied();
}

constexpr std::string_view kLate = "appeared while the job started";

// Once, else a source that makes tables all the time would keep the job from streaming.
TEST_F(CopySpool, tables_that_were_left_out_are_looked_for_once) {
  make_target("made_first", "id INT PRIMARY KEY");
  const auto job = start_spooling();
  sql("CREATE TABLE made_first (id INT PRIMARY KEY); INSERT INTO made_first VALUES (1)");
  EXPECT_TRUE(says("has appeared during the copy")) << tail(said());
  const auto holder = pipeline_->target()->connect("postgres");
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE((*holder)->execute(fmt::format("BEGIN; INSERT INTO {}.made_first VALUES (1)", database_)).has_value());
  const size_t before = times("copying ");
  release();
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  EXPECT_EQ(times(kLate), 1U);
  sql("CREATE TABLE made_next (id INT PRIMARY KEY); INSERT INTO made_next VALUES (1)");
  change_much(4000);
  EXPECT_TRUE(says(kEndsHere)) << tail(said());
  ASSERT_TRUE((*holder)->execute("ROLLBACK").has_value());
  EXPECT_TRUE(says(kStreaming)) << tail(said());
  EXPECT_EQ(times(kLate), 1U);
  job->stop();
  expect_all_exact();
  expect_same_rows(*source_, *pipeline_, "id", "made_first", "id");
  expect_same_rows(*source_, *pipeline_, "id", "made_next", "id");
}

TEST_F(CopySpool, nothing_is_looked_for_where_nothing_was_read_beside_the_copy) {
  options("change-log.retained-limit: 0");
  hold("waiting", "1");
  auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  kill(job);
  const size_t before = times("copying ");
  job = start();
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  sql("CREATE TABLE made_later (id INT PRIMARY KEY)");
  release();
  EXPECT_TRUE(says(kStreaming)) << tail(said());
  EXPECT_EQ(times(kLate), 0U);
  job->stop();
  expect_all_exact();
}

TEST_F(CopySpool, the_slot_moves_while_the_target_is_away_and_the_program_starts_again) {
  hold("waiting", "1");
  auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  pipeline_->target()->kill9();
  holder_.reset();
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->kill9();
  const size_t before = times(kSpooling);
  job = start();
  change_much(6000);
  EXPECT_TRUE(says(kSpooling, before)) << tail(said());
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
}

TEST_F(CopySpool, a_lost_state_directory_stops_the_job_before_it_copies_on) {
  hold("waiting", "1");
  auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  kill(job);
  std::filesystem::rename(state(), state() + ".lost");
  job = start();
  EXPECT_EQ(job->wait().value_or(-1), kPositionLost) << tail(said());
  EXPECT_THAT(said(), HasSubstr("start it with that: its change log may hold the changes"));
  EXPECT_EQ(times(kStreaming), 0U);
  std::filesystem::remove_all(state());
  std::filesystem::rename(state() + ".lost", state());
  release();
  expect_all_exact();
}

TEST_F(CopySpool, a_slot_that_was_made_again_stops_the_job_before_it_copies_on) {
  auto job = start_spooling();
  kill(job);
  const std::string drop =
      "SELECT COUNT(pg_drop_replication_slot(slot_name)) FROM pg_replication_slots WHERE NOT active "
      "AND slot_name = '" +
      database_ + "'";
  EXPECT_TRUE(wait_until([&] { return value(drop) == "1"; }));
  change_much(4000);
  job = start();
  EXPECT_EQ(job->wait().value_or(-1), kPositionLost) << tail(said());
  EXPECT_EQ(times(kStreaming), 0U);
}

TEST_F(CopySpool, reset_copies_again_and_spools_again) {
  hold("waiting", "1");
  auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  change_much(2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  kill(job);
  const size_t before = times("copying ");
  pipeline_->target_execute(fmt::format("TRUNCATE {}.journal", database_));
  job = pipeline_->start({"run", "JOB", "--state", state(), "--reset"});
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  EXPECT_EQ(times(kStreaming), 0U);
  kill(job);
  release();
  for (const char* table : {"t", "waiting", "journal"}) {
    pipeline_->target_execute(fmt::format("DROP TABLE {}.{}", database_, table));
  }
  const auto again = pipeline_->start({"run", "JOB", "--state", state(), "--reset", "--until-caught-up"});
  EXPECT_EQ(again->wait().value_or(-1), 0) << tail(said());
  expect_all_exact();
}

TEST_F(CopySpool, a_full_change_log_waits_for_the_copy) {
  options("change-log.retained-limit: 100000\nchange-log.max-bytes: 1048576");
  hold("waiting", "1");
  const auto job = start();
  EXPECT_TRUE(copies_chunks(11)) << tail(said());
  for (int i = 1; i <= 6; ++i) change_much(i * 2000);
  EXPECT_TRUE(says("the change log is full")) << tail(said());
  EXPECT_EQ(times(kStreaming), 0U);
  release();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
}

constexpr std::string_view kComparing = "parts of 3 tables with the target";

TEST_F(CopySpool, the_slot_moves_while_tables_are_compared_after_a_loss_of_the_log) {
  pipeline_->run_until_caught_up();
  execute(*source_, fmt::format("SELECT pg_drop_replication_slot('{}')", database_));
  change_much(2000);
  options("change-log.retained-limit: 100000\nlog.lost.behavior: resynchronize");
  // A row that is to be repaired.
  const auto holder = pipeline_->target()->connect("postgres");
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE(
      (*holder)->execute(fmt::format("BEGIN; UPDATE {}.waiting SET v = v WHERE id = 1", database_)).has_value());
  const size_t before = times(kStreaming);
  auto job = start();
  EXPECT_TRUE(says(kComparing)) << tail(said());
  change_much(4000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  kill(job);
  const size_t compared = times(kComparing);
  job = start();
  EXPECT_TRUE(says(kComparing, compared)) << tail(said());
  change_much(6000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  EXPECT_LE(times(kStreaming), before + 1) << "but once, before it knew of the loss";
  ASSERT_TRUE((*holder)->execute("ROLLBACK").has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_all_exact();
}

// Kills the program at named points and at random moments while it makes its first copy, with the target there and
// away, while the source never rests; then while it reads back what it has spooled.
class KilledCopy : public HeldCopy {
 protected:
  int up_to(int greatest) { return std::uniform_int_distribution<int>(1, greatest)(random_); }
  void make_tables() {
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 50");
    options("change-log.retained-limit: 50000\nchange-log.max-bytes: 4194304");
    sql("CREATE TABLE waiting (id INT PRIMARY KEY); INSERT INTO waiting VALUES (1)");
    make_target("items", "id INT PRIMARY KEY, v INT NOT NULL, name VARCHAR(40), amount DECIMAL(12,2)");
    make_target("waiting", "id INT PRIMARY KEY");
  }
  void hold_all() {
    hold("items", "450, 0");
    hold("waiting", "1");
  }
  // Lets the program run until it dies at the point, for a while at most.
  void run(const std::string& point, bool target_goes) {
    const bool often = point.find("sync") != point.npos || point.find("ack") != point.npos;
    std::map<std::string, std::string> env;
    if (!point.empty()) env["SLUICE_FAULT"] = fmt::format("{}:{}", point, often ? up_to(6) : 1);
    auto job = start(env);
    // The workload may be in the way of one.
    for (int i = 0; i < 8; ++i) {
      (void)source_->execute("UPDATE items SET name = repeat(chr(97 + id % 26), 40)", database_);
    }
    if (target_goes) pipeline_->target()->kill9();
    const auto code = job->wait(std::chrono::milliseconds(point.empty() ? up_to(6000) : 5000));
    if (code) {
      EXPECT_EQ(*code, kKilled) << point << ": the program ended by itself\n" << tail(job->err(), 40);
      ++hits_[point];
    } else {
      job->kill9();
    }
    if (!pipeline_->target()->running()) {
      ASSERT_TRUE(pipeline_->target()->restart().has_value());
    }
    end_waits();
  }
  // Some of them in a short run.
  void shuffle(std::vector<std::string>& points, size_t some) {
    std::ranges::shuffle(points, random_);
    if (!long_run()) points.resize(some);
  }
  void one_copy(uint64_t seed) {
    Workload workload(*source_, database_, seed, {.rows = 300});
    make_tables();
    hold_all();
    workload.start();
    std::vector<std::string> points = {"before_segment_rename",
                                       "before_change_log_sync",
                                       "after_change_log_sync",
                                       "before_spool_ack",
                                       "after_spool_ack",
                                       "after_change_log_rotation",
                                       "before_chunk_commit",
                                       "",
                                       "",
                                       ""};
    shuffle(points, 4);
    // Later there is one that goes on.
    points.insert(points.begin(), "after_change_log_begin");
    for (const std::string& point : points) {
      const bool target_goes = up_to(3) == 1;
      ASSERT_NO_FATAL_FAILURE(run(point, target_goes));
      if (!target_goes) continue;
      holder_.reset();
      hold_all();
    }
    EXPECT_EQ(times(kStreaming), 0U);
    release();
    points = {"before_stream_start", "before_hand_over", "after_change_log_trim", "after_commit"};
    shuffle(points, 2);
    for (const std::string& point : points) ASSERT_NO_FATAL_FAILURE(run(point, false));
    workload.stop();
    expect_exact_copy(*source_, *pipeline_);
  }

  std::map<std::string, int> hits_;
  std::mt19937_64 random_{test_seed()};
};

TEST_F(KilledCopy, loses_and_doubles_nothing) {
  const uint64_t rounds = long_run() ? 8 : 1;
  for (uint64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE(fmt::format("SLUICE_SEED={}, round {}", test_seed(), round));
    if (round > 0) begin_anew();
    one_copy(test_seed() + round);
  }
  std::string summary;
  for (const auto& [point, count] : hits_) summary += fmt::format(" {} {}", point, count);
  fmt::print("killed at named points:{}\n", summary);
}

}  // namespace
}  // namespace sluice::support
