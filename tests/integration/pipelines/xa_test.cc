// SPDX-License-Identifier: Apache-2.0
// XA transactions: their rows are in the log from XA PREPARE on, and take effect with XA COMMIT, which may come much
// later, in another log file, after restarts of the job, or never.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int kUnsupported = 6;

class Xa : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() != "mariadb" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    if (GetParam() == "mysql_without_gtids") {
      static auto server = MysqlServer::start({.arguments = {}, .gtid = false});
      ASSERT_TRUE(server.has_value()) << server.error().message();
      source_ = server->get();
    } else {
      source_ = Servers::shared().get(GetParam());
    }
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "xa");
    pipeline_ = std::make_unique<Pipeline>(*source_, "sqlite", database_);
    sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    sql("CREATE TABLE u (id INT PRIMARY KEY, v INT)");
    sql("INSERT INTO t VALUES (1, 1)");
    sql("INSERT INTO u VALUES (1, 1)");
  }
  void TearDown() override {
    if (source_ != nullptr) execute(*source_, "DROP DATABASE IF EXISTS " + database_);
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  // The session must stay open to end the transaction.
  std::unique_ptr<SqlSession> prepare(const std::string& xid, const std::string& statements) {
    auto session = source_->connect(database_);
    EXPECT_TRUE(session.has_value());
    run(**session, fmt::format("XA START '{0}'; {1}; XA END '{0}'; XA PREPARE '{0}'", xid, statements));
    return std::move(session).value();
  }
  static void run(SqlSession& session, const std::string& statements) {
    const auto done = session.execute(statements);
    EXPECT_TRUE(done.has_value()) << statements << ": " << done.error().message();
  }
  void catch_up() { pipeline_->run_until_caught_up(); }
  void catch_up_and_verify() {
    catch_up();
    EXPECT_EQ(pipeline_->verify(), 0);
  }
  std::vector<std::string> rows(const std::string& table = "t") { return pipeline_->target_rows("id, v", table, "id"); }
  std::unique_ptr<Process> start() {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  }
  std::string positions_with_open_transactions() {
    return pipeline_->target_value(
        "SELECT COUNT(*) FROM sluice_ledger WHERE entry LIKE 'lane%' AND position LIKE '%prepared_from%'");
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(Xa, rows_take_effect_with_the_commit_over_restarts_and_log_files) {
  catch_up();
  const auto session = prepare("one", "INSERT INTO t VALUES (2, 2); UPDATE t SET v = 10 WHERE id = 1");
  sql("INSERT INTO t VALUES (3, 3)");
  catch_up();
  EXPECT_THAT(rows(), ElementsAre("1|1", "3|3"));
  EXPECT_NE(positions_with_open_transactions(), "0");
  sql("FLUSH BINARY LOGS");
  sql("ALTER TABLE u ADD COLUMN w INT DEFAULT 5; INSERT INTO u VALUES (2, 2, 2)");
  catch_up();
  run(*session, "XA COMMIT 'one'");
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|10", "2|2", "3|3"));
  sql("INSERT INTO t VALUES (4, 4)");
  catch_up();
  EXPECT_EQ(positions_with_open_transactions(), "0");
}

TEST_P(Xa, a_rollback_and_one_phase_are_followed) {
  catch_up();
  const auto session = prepare("gone", "INSERT INTO t VALUES (2, 2)");
  catch_up();
  run(*session, "XA ROLLBACK 'gone'");
  run(*session, "XA START 'short'; INSERT INTO t VALUES (3, 3); XA END 'short'; XA COMMIT 'short' ONE PHASE");
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|1", "3|3"));
  EXPECT_EQ(positions_with_open_transactions(), "0");
}

// The second one ends first, and its table is altered while the first is still open: what is read again of it after
// the restart has columns that the table does not have any more.
TEST_P(Xa, two_transactions_may_be_open_at_once) {
  catch_up();
  const auto first = prepare("first", "INSERT INTO t VALUES (2, 2)");
  const auto second = prepare("second", "INSERT INTO u VALUES (7, 7)");
  sql("INSERT INTO t VALUES (5, 5)");
  run(*second, "XA COMMIT 'second'");
  sql("ALTER TABLE u DROP COLUMN v");
  catch_up();
  EXPECT_THAT(rows(), ElementsAre("1|1", "5|5"));
  EXPECT_THAT(pipeline_->target_rows("id", "u", "id"), ElementsAre("1", "7"));
  run(*first, "XA COMMIT 'first'");
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|1", "2|2", "5|5"));
}

TEST_P(Xa, a_kill_between_prepare_and_commit_loses_nothing) {
  catch_up();
  const auto job = start();
  const auto session = prepare("k", "INSERT INTO t VALUES (2, 2)");
  sql("INSERT INTO t VALUES (3, 3)");
  EXPECT_TRUE(wait_until([&] { return rows().size() == 2; })) << tail(job->err());
  job->kill9();
  const auto again = start();
  sql("INSERT INTO t VALUES (4, 4)");
  EXPECT_TRUE(wait_until([&] { return rows().size() == 3; })) << tail(again->err());
  run(*session, "XA COMMIT 'k'");
  EXPECT_TRUE(wait_until([&] { return rows().size() == 4; })) << tail(again->err());
  again->kill9();
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|1", "2|2", "3|3", "4|4"));
}

// Its rows are kept until the second phase, but not in memory.
TEST_P(Xa, a_large_transaction_waits_in_a_file) {
  catch_up();
  sql("CREATE TABLE large (id INT PRIMARY KEY, v VARCHAR(1000))");
  const auto job = start();
  std::string rows_sql;
  for (int i = 0; i < 5000; ++i) rows_sql += fmt::format("{}({}, REPEAT('x', 1000))", i == 0 ? "" : ",", i);
  const auto session = prepare("large", "INSERT INTO large VALUES " + rows_sql);
  const auto files = [&] {
    const std::filesystem::directory_iterator open(fmt::format("/proc/{}/fd", job->pid()));
    return std::count_if(begin(open), end(open), [](const auto& entry) {
      std::error_code gone;
      return std::filesystem::read_symlink(entry, gone).string().find("sluice-transaction-") != std::string::npos;
    });
  };
  EXPECT_TRUE(wait_until([&] { return files() == 1; })) << tail(job->err());
  run(*session, "XA COMMIT 'large'");
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT COUNT(*) FROM large") == "5000"; }))
      << tail(job->err());
  EXPECT_EQ(files(), 0);
  job->stop();
  catch_up_and_verify();
}

// The copy waits for it, so that its rows are either copied or read from the log.
TEST_P(Xa, a_transaction_that_is_open_when_the_job_starts_is_not_lost) {
  const auto session = prepare("early", "INSERT INTO t VALUES (2, 2)");
  const auto job = start();
  EXPECT_TRUE(wait_until([&] { return job->err().find("waiting for 1 XA") != std::string::npos; })) << tail(job->err());
  run(*session, "XA COMMIT 'early'");
  EXPECT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; }))
      << tail(job->err());
  job->stop();
  catch_up_and_verify();
  EXPECT_THAT(rows(), ElementsAre("1|1", "2|2"));
}

// While it waits for the place where it begins, a table may be altered.
TEST_P(Xa, a_job_without_a_copy_knows_the_tables_as_they_are_where_it_begins) {
  pipeline_->source_options("scan.startup.mode: latest-offset");
  const auto session = prepare("early", "INSERT INTO t VALUES (2, 2)");
  const auto job = start();
  EXPECT_TRUE(wait_until([&] { return job->err().find("waiting for 1 XA") != std::string::npos; })) << tail(job->err());
  sql("ALTER TABLE u ADD COLUMN w INT FIRST");
  run(*session, "XA COMMIT 'early'");
  EXPECT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; }))
      << tail(job->err());
  sql("INSERT INTO u VALUES (3, 7, 8)");
  EXPECT_TRUE(wait_until([&] { return !job->running() || pipeline_->target_value("SELECT COUNT(*) FROM u") == "1"; }));
  EXPECT_TRUE(job->running()) << tail(job->err());
  job->stop();
  EXPECT_THAT(pipeline_->target_rows("w, id, v", "u", "id"), ElementsAre("3|7|8")) << tail(job->err());
}

INSTANTIATE_TEST_SUITE_P(Of, Xa, testing::Values("mariadb", "mysql", "mysql_without_gtids"),
                         [](const auto& source) { return source.param; });

// Whoever leaves an XA transaction open for long is not waited for; its commit must not be passed over.
TEST(XaForgotten, a_commit_of_what_was_prepared_long_before_the_job_stops_it) {
  DatabaseServer& server = *Servers::shared().get("mariadb");
  const std::string database = fresh_database(server, "xa");
  execute(server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
  const auto session = server.connect(database);
  ASSERT_TRUE(session.has_value());
  ASSERT_TRUE((*session)->execute("XA START 'old'; INSERT INTO t VALUES (1, 1); XA END 'old'; XA PREPARE 'old'"));
  const Pipeline pipeline(server, "sqlite", database);
  pipeline.run_until_caught_up();
  ASSERT_TRUE((*session)->execute("XA COMMIT 'old'"));
  for (int i = 0; i < 2; ++i) {
    const auto job = pipeline.start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), kUnsupported) << tail(job->err());
    EXPECT_THAT(job->err(), HasSubstr("--reset"));
  }
  const auto job = pipeline.start({"run", "JOB", "--until-caught-up", "--reset"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << tail(job->err());
  EXPECT_THAT(pipeline.target_rows("id, v", "t", "id"), ElementsAre("1|1"));
}

}  // namespace
}  // namespace sluice::support
