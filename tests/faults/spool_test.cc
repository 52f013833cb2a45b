// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL source whose target is away, hangs or comes back: its log must not pile up, and nothing may be lost or
// doubled, whenever the program is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "base/fault.h"
#include "faults/spool_fixture.h"
#include "faults/workload.h"
#include "support/kafka_server.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

class SpoolOf : public Spool, public testing::WithParamInterface<std::string> {
 protected:
  std::string source_kind() const override { return GetParam(); }
};
INSTANTIATE_TEST_SUITE_P(Servers, SpoolOf, testing::Values("postgres_source", "postgres_18"),
                         [](const auto& kind) { return kind.param; });

TEST_P(SpoolOf, the_slot_moves_while_the_target_is_down_and_everything_arrives_after_it_returns) {
  copy_and_follow();
  auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 2000);
  sql("INSERT INTO journal SELECT generate_series(1, 100)");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  // Schema changes go through it, too.
  sql("ALTER TABLE t ADD COLUMN more INT DEFAULT 3");
  sql("UPDATE t SET more = id WHERE id < 1500");
  sql("DELETE FROM t WHERE id > 2500");
  sql("INSERT INTO journal SELECT generate_series(101, 200)");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  // A program that starts while the target is away has only the change log to go on from.
  job->kill9();
  const size_t before = times(kSpooling);
  job = start();
  sql("INSERT INTO journal SELECT generate_series(201, 3000)");
  EXPECT_TRUE(says(kSpooling, before)) << tail(said());
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  sql("INSERT INTO journal SELECT generate_series(3001, 3100)");
  EXPECT_TRUE(wait_until([&] {
    return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.journal", database_)) == "3100";
  })) << tail(said());
  EXPECT_TRUE(job->running());
  job->stop();
  expect_exact();
  expect_same_rows(*source_, *pipeline_, "id, more", "t", "id");
}

TEST_F(Spool, a_job_that_starts_while_its_target_is_away_lets_the_slot_move) {
  copy_and_follow();
  // Leaves a change log without changes.
  start_following()->stop();
  pipeline_->target()->kill9();
  const auto job = start();
  insert(1000, 2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(Spool, a_target_that_hangs_does_not_hold_the_slot_back) {
  copy_and_follow();
  const auto job = start_following();
  insert(100, 10);
  ASSERT_TRUE(
      wait_until([&] { return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.t", database_)) == "20"; }));
  pipeline_->target()->pause();
  insert(1000, 3000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  pipeline_->target()->resume();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(Spool, a_state_directory_that_is_not_the_jobs_stops_it_before_anything_is_lost) {
  copy_and_follow();
  auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->kill9();
  std::filesystem::rename(state(), state() + ".lost");
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  job = start();
  EXPECT_EQ(job->wait().value_or(-1), kPositionLost) << tail(said());
  EXPECT_THAT(said(), HasSubstr("start it with that: its change log may hold the changes"));
  std::filesystem::remove_all(state());
  std::filesystem::rename(state() + ".lost", state());
  expect_exact();
}

TEST_F(Spool, a_full_change_log_waits_and_loses_nothing) {
  options("change-log.retained-limit: 100000\nchange-log.max-bytes: 1048576");
  copy_and_follow();
  const auto job = start_following();
  pipeline_->target()->kill9();
  for (int i = 1; i <= 10; ++i) insert(i * 1000, 1000);
  EXPECT_TRUE(says("the change log is full")) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(Spool, one_transaction_larger_than_the_change_log_passes) {
  options("change-log.retained-limit: 100000\nchange-log.max-bytes: 1048576");
  copy_and_follow();
  const auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 10000);
  EXPECT_TRUE(says(kSpooling)) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_exact();
}

// Lanes that a kill left apart are brought together first, and the log may have to be spooled while that lasts.
TEST_F(Spool, lanes_that_stand_apart_come_together_through_the_change_log) {
  copy_and_follow();
  auto job = start_following();
  const auto locker = pipeline_->target()->connect("postgres");
  ASSERT_TRUE(locker.has_value());
  ASSERT_TRUE((*locker)->execute(fmt::format("BEGIN; UPDATE {}.t SET v = v WHERE id = 1", database_)).has_value());
  sql("UPDATE t SET v = 'new' WHERE id <= 10");
  const auto updated = fmt::format("SELECT COUNT(*) > 0 FROM {}.t WHERE v = 'new'", database_);
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value(updated) == "t"; })) << tail(said());
  job->kill9();
  pipeline_->target_value(
      "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  options("apply: transactional\nchange-log.retained-limit: 100000");
  job = start();
  EXPECT_TRUE(says("writer lanes stand at different positions")) << tail(said());
  insert(1000, 3000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  EXPECT_TRUE(job->running());
  ASSERT_TRUE((*locker)->execute("ROLLBACK").has_value());
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  expect_exact();
}

// The server reads what is not of the job's tables first, and says nothing meanwhile.
TEST_F(Spool, a_server_that_is_silent_while_it_decodes_is_not_at_its_end) {
  copy_and_follow();
  auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 2000);
  EXPECT_TRUE(says(kSpooling)) << tail(said());
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->kill9();
  execute(*source_, "CREATE TABLE noise AS SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, 1000000) n");
  const std::string end = place();
  execute(*source_, "DROP TABLE noise");
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  job = start();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  const std::string text = said();
  std::string at = text.substr(text.find("lsn=", text.rfind(kCaughtUp)) + 4);
  at.resize(at.find('\n'));
  EXPECT_EQ(value(fmt::format("SELECT '{}'::pg_lsn >= '{}'::pg_lsn", at, end)), "t") << tail(text);
  job->stop();
  expect_exact();
}

// A table that is made while the target is away must be copied: the log waits in front of its rows.
TEST_F(Spool, a_new_table_is_copied_when_the_target_is_back) {
  copy_and_follow();
  const auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 1000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("CREATE TABLE made_later (id INT PRIMARY KEY, v INT); INSERT INTO made_later SELECT n, n FROM "
      "generate_series(1, 100) n");
  EXPECT_TRUE(says("the change log ends here for now")) << tail(said());
  insert(3000, 1000);
  sql("UPDATE made_later SET v = v + 1");
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(wait_until([&] {
    return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.t", database_)) == "2010";
  })) << tail(said());
  job->stop();
  expect_exact();
  expect_same_rows(*source_, *pipeline_, "id, v", "made_later", "id");
}

TEST_F(Spool, a_table_that_must_be_copied_and_is_not_of_the_job_any_more_keeps_its_copy) {
  copy_and_follow();
  auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 1000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  sql("ALTER TABLE t ALTER COLUMN v TYPE VARCHAR(300); UPDATE t SET v = 'altered'");
  EXPECT_TRUE(says(kEndsHere)) << tail(said());
  job->kill9();
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  sql("INSERT INTO journal VALUES (7)");
  pipeline_->source_options(fmt::format("status.update.interval: 100ms\ntables: '{0}.{0}.journal'", database_));
  pipeline_->run_until_caught_up();
  EXPECT_THAT(said(), HasSubstr("its copy stays as it is"));
  expect_same_rows(*source_, *pipeline_, "n", "journal", "n");
  EXPECT_EQ(pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.t", database_)), "10");
}

// They are of no table that the job names.
TEST_F(Spool, logical_messages_come_back_from_the_change_log) {
  if (const auto why = KafkaServer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  const auto broker = KafkaServer::start();
  ASSERT_TRUE(broker.has_value()) << broker.error().describe();
  pipeline_ = std::make_unique<Pipeline>(*source_, "kafka", database_);
  pipeline_->source_options("status.update.interval: 100ms\nmessage.prefix.include.list: .*")
      .sink_options(fmt::format("properties.bootstrap.servers: {}\ntopic.prefix: it", (*broker)->address()));
  options("change-log.retained-limit: 100000");
  copy_and_follow();
  const auto job = start_following();
  (*broker)->pause();
  insert(1000, 2000);
  EXPECT_TRUE(says(kSpooling)) << tail(said());
  sql("SELECT pg_logical_emit_message(true, 'audit', 'while nobody listened')");
  sql("INSERT INTO journal VALUES (7)");
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  (*broker)->resume();
  EXPECT_TRUE(says(kCaughtUp)) << tail(said());
  job->stop();
  pipeline_->run_until_caught_up();
  const auto messages = (*broker)->read("it.message");
  ASSERT_TRUE(messages.has_value()) << messages.error().describe();
  ASSERT_FALSE(messages->empty());
  EXPECT_THAT(messages->front().value.value_or(""), HasSubstr("audit"));
}

// The state directory is a small disk of its own.
class FullDisk : public Spool {
 protected:
  void SetUp() override {
    Spool::SetUp();
    std::filesystem::create_directory(state());
    if (::mount("none", state().c_str(), "tmpfs", 0, "size=2m") != 0) {
      GTEST_SKIP() << "this user may not mount a small disk";
    }
    mounted_ = true;
  }
  void TearDown() override {
    Spool::TearDown();
    if (mounted_) {
      EXPECT_EQ(::umount2(state().c_str(), MNT_DETACH), 0);
    }
  }
  void fill_disk() const {
    std::ofstream ballast(state() + "/ballast");
    const std::string page(4096, 'x');
    while (ballast.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }

 private:
  bool mounted_ = false;
};

// What the target has, the source is told, whatever becomes of the change log.
TEST_F(FullDisk, does_not_keep_the_slot_of_a_healthy_target) {
  copy_and_follow();
  const auto job = start_following();
  fill_disk();
  sql("ALTER TABLE t ADD COLUMN more INT DEFAULT 3");
  insert(1000, 100);
  EXPECT_TRUE(says("the source keeps its log from now on")) << tail(said());
  insert(2000, 100);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(FullDisk, does_not_hold_up_a_target_that_is_back) {
  copy_and_follow();
  const auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 2000);
  EXPECT_TRUE(says(kSpooling)) << tail(said());
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  fill_disk();
  insert(4000, 3000);
  EXPECT_TRUE(says("No space left on device")) << tail(said());
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  EXPECT_TRUE(wait_until([&] {
    return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.t", database_)) == "5010";
  })) << tail(said());
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->stop();
  expect_exact();
}

// Neither to copy on nor to read what was spooled needs the disk.
TEST_F(FullDisk, does_not_hold_up_a_copy) {
  pipeline_->source_options("status.update.interval: 100ms\nscan.incremental.snapshot.chunk.size: 10");
  sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); CREATE TABLE journal (n INT)");
  insert(1, 1000);
  pipeline_->target_execute(
      fmt::format("CREATE SCHEMA {0}; CREATE TABLE {0}.t (id INT PRIMARY KEY, v TEXT)", database_));
  const auto holder = pipeline_->target()->connect("postgres");
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE((*holder)->execute(fmt::format("BEGIN; INSERT INTO {}.t VALUES (455), (555)", database_)).has_value());
  auto job = start();
  EXPECT_TRUE(says("copying ")) << tail(said());
  insert(2000, 1000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->kill9();
  pipeline_->target_value(
      "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  fill_disk();
  const size_t before = times("copying ");
  job = start();
  EXPECT_TRUE(says("copying ", before)) << tail(said());
  EXPECT_TRUE(says("No space left on device")) << tail(said());
  ASSERT_TRUE((*holder)->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] {
    return pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}.t", database_)) == "2000";
  })) << tail(said());
  job->stop();
  expect_exact();
}

TEST_F(Spool, reset_forgets_the_change_log) {
  copy_and_follow();
  const auto job = start_following();
  pipeline_->target()->kill9();
  insert(1000, 2000);
  EXPECT_TRUE(slot_reaches(place())) << tail(said());
  job->kill9();
  ASSERT_TRUE(pipeline_->target()->restart().has_value());
  sql("DELETE FROM t WHERE id > 1500");
  pipeline_->target_execute(fmt::format("DROP TABLE {0}.t, {0}.journal", database_));
  const auto again = pipeline_->start({"run", "JOB", "--state", state(), "--reset", "--until-caught-up"});
  EXPECT_EQ(again->wait().value_or(-1), 0) << tail(said());
  expect_exact();
}

// Kills the program at every named point of the change log, and at random moments, with the target away and coming
// back, while the source hardly rests.
TEST_F(Spool, loses_and_doubles_nothing_when_killed) {
  const int rounds = long_run() ? 8 : 1;
  std::map<std::string, int> hits;
  std::mt19937_64 random(test_seed());
  const auto up_to = [&](int greatest) { return std::uniform_int_distribution<int>(1, greatest)(random); };
  options("change-log.retained-limit: 100000\nchange-log.max-bytes: 1048576");
  Workload workload(*source_, database_, test_seed(), {.rows = 300, .schema_changes = true});
  pipeline_->run_until_caught_up();
  for (int round = 0; round < rounds; ++round) {
    workload.start();
    std::vector<std::string> points = {"", ""};
    for (const auto point : kChangeLogFaultPoints) points.emplace_back(point);
    std::ranges::shuffle(points, random);
    for (const std::string& point : points) {
      // A job that is killed every few seconds does not catch up with a source that never rests.
      const bool rests = point == "before_hand_over";
      if (rests) {
        workload.stop();
        pipeline_->run_until_caught_up();
      }
      if (!point.empty() || up_to(4) != 1) pipeline_->target()->kill9();
      const bool often = point.find("sync") != std::string::npos || point.find("ack") != std::string::npos;
      std::map<std::string, std::string> env;
      if (!point.empty()) env["SLUICE_FAULT"] = fmt::format("{}:{}", point, often ? up_to(5) : 1);
      // Enough for a change log of several files. The workload may be in the way of one.
      for (int i = 0; i < 8; ++i) {
        (void)source_->execute("UPDATE items SET name = repeat(chr(97 + id % 26), 40)", database_);
      }
      const auto job = start(env);
      // Long enough for the change log to begin, then the target comes back.
      auto code = job->wait(std::chrono::milliseconds(point.empty() ? up_to(6000) : 6000));
      if (!pipeline_->target()->running()) {
        ASSERT_TRUE(pipeline_->target()->restart().has_value());
      }
      if (!code && !point.empty()) code = job->wait(std::chrono::milliseconds(rests ? 20000 : 6000));
      if (rests) workload.start();
      if (!code) {
        job->kill9();
        continue;
      }
      ASSERT_EQ(*code, kKilled) << point << ": the program ended by itself\n" << tail(job->err(), 40);
      ++hits[point];
    }
    workload.stop();
    pipeline_->run_until_caught_up();
  }
  expect_exact_copy(*source_, *pipeline_);
  std::string summary;
  for (const auto& [point, count] : hits) summary += fmt::format(" {} {}", point, count);
  fmt::print("killed at named points:{}\n", summary);
  if (rounds < 4) return;
  for (const auto point : kChangeLogFaultPoints)
    EXPECT_GT(hits[std::string(point)], 0) << point << " was never reached";
}

}  // namespace
}  // namespace sluice::support
