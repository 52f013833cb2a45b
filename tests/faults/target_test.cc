// SPDX-License-Identifier: Apache-2.0
// Targets that lock, refuse, crash; and two programs that think the job is theirs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "faults/workload.h"
#include "support/network_proxy.h"

namespace sluice::support {
namespace {

constexpr int kFenced = 8;
constexpr std::string_view kStreaming = "reading the log from";

class TargetFaults : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get("mariadb");
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "target");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam(), database_);
    pipeline_->pipeline_options("parallelism: 2\nrestart.delay-max: 1s");
  }
  void TearDown() override {
    if (source_ != nullptr) execute(*source_, "DROP DATABASE IF EXISTS " + database_);
  }
  bool sqlite() const { return GetParam() == "sqlite"; }
  bool postgres() const { return GetParam() == "postgres"; }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  std::unique_ptr<Process> start() {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  }
  std::string name(const std::string& table) const { return sqlite() ? table : database_ + "." + table; }
  bool reaches(const std::string& rows) {
    return wait_until([&] { return pipeline_->target_value("SELECT COUNT(*) FROM " + name("t")) == rows; });
  }
  size_t times_streaming() const {
    const std::string text = read_file(pipeline_->folder().file("stderr"));
    size_t times = 0;
    for (auto at = text.find(kStreaming); at != std::string::npos; at = text.find(kStreaming, at + 1)) ++times;
    return times;
  }
  // The job copies `t` with one row and follows the log.
  std::unique_ptr<Process> start_following() {
    sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE journal (n INT)");
    sql("INSERT INTO t VALUES (1, 0); INSERT INTO journal VALUES (0)");
    pipeline_->run_until_caught_up();
    // All programs of a test write to one file.
    const size_t before = times_streaming();
    auto job = start();
    EXPECT_TRUE(wait_until([&] { return times_streaming() > before; }));
    return job;
  }
  void expect_exact() {
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
    expect_same_rows(*source_, *pipeline_, "n", "journal", "n");
    expect_same_rows(*source_, *pipeline_, "id, v", "t", "id");
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

// The older of two programs must not commit once the younger has taken the job over.
TEST_P(TargetFaults, a_second_program_takes_the_job_over_and_the_first_ends_with_8) {
  const auto first = start_following();
  const size_t before = times_streaming();
  const auto second = start();
  ASSERT_TRUE(wait_until([&] { return times_streaming() > before; }));
  for (int i = 1; i <= 200; ++i) sql(fmt::format("INSERT INTO journal VALUES ({})", i));
  EXPECT_EQ(first->wait(std::chrono::seconds(30)).value_or(-1), kFenced) << tail(first->err());
  EXPECT_TRUE(second->running()) << tail(second->err());
  second->stop();
  expect_exact();
}

TEST_P(TargetFaults, a_program_that_was_stopped_meanwhile_does_not_write) {
  const auto first = start_following();
  sql("INSERT INTO t SELECT 2, 0");
  ASSERT_TRUE(reaches("2"));
  first->pause();
  for (int i = 1; i <= 100; ++i) sql(fmt::format("INSERT INTO journal VALUES ({})", i));
  pipeline_->run_until_caught_up();
  for (int i = 101; i <= 200; ++i) sql(fmt::format("INSERT INTO journal VALUES ({})", i));
  const size_t before = times_streaming();
  const auto second = start();
  ASSERT_TRUE(wait_until([&] { return times_streaming() > before; }));
  first->resume();
  EXPECT_EQ(first->wait(std::chrono::seconds(30)).value_or(-1), kFenced) << tail(first->err());
  sql("INSERT INTO t SELECT 3, 0");
  EXPECT_TRUE(reaches("3"));
  second->stop();
  expect_exact();
}

TEST_P(TargetFaults, rows_that_others_lock_are_waited_for) {
  if (sqlite()) GTEST_SKIP() << "SQLite locks the whole file";
  const auto job = start_following();
  auto locker = pipeline_->target()->connect(postgres() ? "postgres" : "mysql");
  ASSERT_TRUE(locker.has_value());
  ASSERT_TRUE((*locker)->execute(fmt::format("BEGIN; UPDATE {} SET v = v WHERE id = 1", name("t"))).has_value());
  for (int i = 1; i <= 50; ++i) sql(fmt::format("UPDATE t SET v = {0}; INSERT INTO journal VALUES ({0})", i));
  ASSERT_TRUE((*locker)->execute("ROLLBACK").has_value());
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT MAX(v) FROM " + name("t")) == "50"; }));
  job->stop();
  expect_exact();
}

// The server does not answer, and neither does it hear what would cancel its work.
TEST_P(TargetFaults, a_stop_takes_less_than_five_seconds_while_the_target_hangs) {
  if (sqlite()) GTEST_SKIP() << "SQLite has no server";
  auto proxy = NetworkProxy::start(pipeline_->target()->port());
  ASSERT_TRUE(proxy.has_value());
  pipeline_->target_port((*proxy)->port());
  const auto job = start_following();
  auto locker = pipeline_->target()->connect(postgres() ? "postgres" : "mysql");
  ASSERT_TRUE(locker.has_value());
  ASSERT_TRUE((*locker)->execute(fmt::format("BEGIN; UPDATE {} SET v = v WHERE id = 1", name("t"))).has_value());
  sql("UPDATE t SET v = 1; INSERT INTO journal VALUES (1)");
  // (InnoDB's table of transactions does not change for those who look all the time.)
  const std::string waiting =
      postgres()
          ? "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'sluice' AND wait_event_type = 'Lock'"
          : "SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = "
            "'INNODB_ROW_LOCK_CURRENT_WAITS'";
  ASSERT_TRUE(wait_until([&] { return pipeline_->target_value(waiting) == "1"; })) << tail(job->err());
  (*proxy)->set({.silent = true});
  job->send_signal(SIGTERM);
  EXPECT_EQ(job->wait(std::chrono::seconds(5)).value_or(-1), 0) << tail(job->err());
  (*proxy)->cut();
  (*proxy)->set({});
  ASSERT_TRUE((*locker)->execute("ROLLBACK").has_value());
  expect_exact();
}

// Another session takes the same rows in the other order; one of the two is the deadlock's victim.
TEST_P(TargetFaults, deadlocks_are_retried) {
  if (sqlite()) GTEST_SKIP() << "SQLite locks the whole file";
  const auto job = start_following();
  sql("INSERT INTO t VALUES (2, 0), (3, 0), (4, 0)");
  ASSERT_TRUE(reaches("4"));
  auto other = pipeline_->target()->connect(postgres() ? "postgres" : "mysql");
  ASSERT_TRUE(other.has_value());
  for (int i = 1; i <= 30; ++i) {
    sql(fmt::format("BEGIN; UPDATE t SET v = {0} WHERE id <= 4; INSERT INTO journal VALUES ({0}); COMMIT", i));
    for (int id = 4; id >= 1; --id) {
      // May be chosen as the victim itself.
      (void)(*other)->execute(
          fmt::format("{}UPDATE {} SET v = v WHERE id = {}", id == 4 ? "BEGIN; " : "", name("t"), id));
    }
    (void)(*other)->execute("ROLLBACK");
  }
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT MIN(v) FROM " + name("t")) == "30"; }))
      << tail(job->err());
  job->stop();
  expect_exact();
}

TEST_P(TargetFaults, kill_9_of_the_target_again_and_again_loses_nothing) {
  if (sqlite()) GTEST_SKIP() << "SQLite has no server";
  Workload workload(*source_, database_, test_seed(), {.rows = 300});
  const auto job = start();
  workload.start();
  for (int i = 0; i < 3; ++i) {
    const uint64_t before = workload.statements();
    EXPECT_TRUE(wait_until([&] { return workload.statements() > before + 200; }));
    pipeline_->target()->kill9();
    ASSERT_TRUE(pipeline_->target()->restart().has_value());
  }
  workload.stop();
  EXPECT_TRUE(job->running()) << tail(job->err());
  job->stop();
  expect_exact_copy(*source_, *pipeline_);
}

TEST_P(TargetFaults, a_target_that_is_read_only_for_a_while_is_waited_for) {
  if (sqlite()) GTEST_SKIP() << "SQLite has no such mode";
  const auto job = start_following();
  auto admin = pipeline_->target()->connect(postgres() ? "postgres" : "mysql");
  ASSERT_TRUE(admin.has_value());
  const auto administer = [&](std::string_view statement) {
    const auto done = (*admin)->execute(statement);
    EXPECT_TRUE(done.has_value()) << done.error().message();
  };
  if (postgres()) {
    administer("SET default_transaction_read_only = off");
    administer("ALTER SYSTEM SET default_transaction_read_only = on");
    administer("SELECT pg_reload_conf()");
  } else {
    // Holds every commit up; read_only does not concern the users of these tests.
    administer("FLUSH TABLES WITH READ LOCK");
  }
  for (int i = 1; i <= 20; ++i) sql(fmt::format("INSERT INTO journal VALUES ({})", i));
  if (postgres()) {
    EXPECT_TRUE(wait_until([&] { return job->err().find("trying again") != std::string::npos; })) << tail(job->err());
    administer("ALTER SYSTEM RESET default_transaction_read_only");
    administer("SELECT pg_reload_conf()");
  } else {
    administer("UNLOCK TABLES");
  }
  EXPECT_TRUE(wait_until([&] {
    return !job->running() || pipeline_->target_value("SELECT COUNT(*) FROM " + name("journal")) == "21";
  })) << tail(job->err());
  EXPECT_TRUE(job->running()) << tail(job->err());
  job->stop();
  expect_exact();
}

// PostgreSQL's tables are copied without their key; a kill may come just before it is built.
TEST_P(TargetFaults, a_killed_end_of_a_copy_is_made_up_for_by_the_next_start) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t SELECT seq, 0 FROM seq_1_to_1000");
  pipeline_->source_options("scan.startup.mode: snapshot\nscan.incremental.snapshot.chunk.size: 100");
  pipeline_->pipeline_options("parallelism: 2\nexecution.runtime-mode: BATCH");
  for (const std::string point : {"before_copy_finish", "before_copy_finish", "after_copy_finish"}) {
    const auto process =
        pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, {{"SLUICE_FAULT", point}});
    EXPECT_EQ(process->wait(std::chrono::seconds(60)).value_or(-1), 128 + 9) << tail(process->err());
    // Without its key in PostgreSQL, nothing is left to do in the others: the second kill never comes.
    if (!postgres()) break;
  }
  pipeline_->run_until_caught_up();
  if (postgres()) {
    EXPECT_EQ(
        pipeline_->target_value(fmt::format(
            "SELECT string_agg(contype::text || conname, ',') FROM pg_constraint WHERE conrelid = '{}.t'::regclass",
            database_)),
        "pt_pkey");
  }
  expect_same_rows(*source_, *pipeline_, "id, v", "t", "id");
  EXPECT_EQ(pipeline_->verify(), 0);
}

// The rows 3 and 4 go to two lanes unless somebody asks the target.
TEST_P(TargetFaults, a_unique_key_that_was_added_to_the_target_holds_between_rows) {
  if (sqlite()) GTEST_SKIP() << "SQLite has one lane";
  pipeline_->pipeline_options("parallelism: 8\nrestart.delay-max: 1s");
  start_following()->stop();
  sql("INSERT INTO t VALUES (3, 30)");
  pipeline_->run_until_caught_up();
  pipeline_->target_execute(fmt::format("CREATE UNIQUE INDEX by_v ON {} (v)", name("t")));
  auto locker = pipeline_->target()->connect(postgres() ? "postgres" : "mysql");
  ASSERT_TRUE(locker.has_value());
  const size_t before = times_streaming();
  const auto job = start();
  ASSERT_TRUE(wait_until([&] { return times_streaming() > before; })) << tail(job->err());
  ASSERT_TRUE((*locker)->execute(fmt::format("BEGIN; UPDATE {} SET v = v WHERE id = 3", name("t"))).has_value());
  sql("BEGIN; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 30); COMMIT; INSERT INTO journal VALUES (1)");
  const auto journal = [&] { return pipeline_->target_value("SELECT COUNT(*) FROM " + name("journal")) == "2"; };
  EXPECT_TRUE(wait_until([&] { return !job->running() || journal(); })) << tail(job->err());
  ASSERT_TRUE((*locker)->execute("ROLLBACK").has_value());
  const auto moved = [&] { return pipeline_->target_value("SELECT MAX(id) FROM " + name("t")) == "4"; };
  EXPECT_TRUE(wait_until([&] { return !job->running() || moved(); }));
  EXPECT_TRUE(job->running()) << tail(job->err());
  job->stop();
  expect_exact();
}

// Lanes that a kill left apart go on as they were before a table that was spread keeps to one of them.
TEST_P(TargetFaults, lanes_that_stand_apart_come_together_before_rows_go_to_others) {
  if (!postgres()) GTEST_SKIP() << "the same for all";
  auto job = start_following();
  auto locker = pipeline_->target()->connect("postgres");
  ASSERT_TRUE(locker.has_value());
  ASSERT_TRUE((*locker)->execute(fmt::format("BEGIN; UPDATE {} SET v = v WHERE id = 1", name("t"))).has_value());
  sql("INSERT INTO t SELECT seq, seq FROM seq_2_to_50; UPDATE t SET v = 100 + id");
  const auto updated = "SELECT COUNT(*) > 0 FROM " + name("t") + " WHERE v > 100";
  ASSERT_TRUE(wait_until([&] { return pipeline_->target_value(updated) == "t"; })) << tail(job->err());
  job->kill9();
  pipeline_->target_value(
      "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
  ASSERT_TRUE((*locker)->execute("ROLLBACK").has_value());
  pipeline_->target_execute(fmt::format("CREATE UNIQUE INDEX by_v ON {} (v)", name("t")));
  sql("UPDATE t SET v = 200 + id");
  expect_exact();
  EXPECT_THAT(read_file(pipeline_->folder().file("stderr")),
              testing::HasSubstr("writer lanes stand at different positions"));
}

INSTANTIATE_TEST_SUITE_P(Targets, TargetFaults, testing::Values("sqlite", "postgres", "mariadb"),
                         [](const auto& target) { return target.param; });

}  // namespace
}  // namespace sluice::support
