// SPDX-License-Identifier: Apache-2.0
// Every startup mode of Flink CDC, with what each must print.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <thread>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

constexpr std::string_view kFirst = "+I[1, a]\n";
constexpr std::string_view kLater = "+I[2, b]\n-U[2, b]\n+U[2, c]\n";

class Startup : public testing::TestWithParam<std::string> {
 protected:
  // A row; then the place that the tests begin at, seconds away from both; then more changes and another log file.
  void SetUp() override {
    if (GetParam() == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    source_ = Servers::shared().get(GetParam());
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "startup");
    sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(5))");
    sql("FLUSH BINARY LOGS");
    sql("INSERT INTO t VALUES (1, 'a')");
    sql("DO SLEEP(2)");
    const bool mariadb = GetParam() == "mariadb";
    const auto status = source_->query(mariadb ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
    ASSERT_TRUE(status.has_value());
    file_ = (*status)[0][0].value();
    offset_ = (*status)[0][1].value();
    gtids_ = source_->value(mariadb ? "SELECT @@gtid_binlog_pos" : "SELECT @@gtid_executed").value();
    time_ms_ = source_->value("SELECT UNIX_TIMESTAMP() * 1000").value();
    sql("DO SLEEP(1)");
    sql("INSERT INTO t VALUES (2, 'b')");
    sql("FLUSH BINARY LOGS");
    sql("UPDATE t SET v = 'c' WHERE id = 2");
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }

  std::string printed(const std::string& options) {
    const TempFolder folder;
    const std::string job = folder.write(
        "job.yaml",
        fmt::format("source:\n  type: mysql\n  hostname: 127.0.0.1\n  port: {}\n  username: {}\n  password: {}\n"
                    "  tables: {}.t\n{}sink:\n  type: values\n  format: changelog\n",
                    source_->port(), source_->username(), source_->password(), database_, options));
    auto process =
        Process::spawn({.command = {SLUICE_PROGRAM, "run", job, "--state", folder.file("state"), "--until-caught-up"},
                        .env = {},
                        .output_folder = folder.path()});
    EXPECT_EQ((*process)->wait().value_or(-1), 0) << (*process)->err();
    return (*process)->out();
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::string file_;
  std::string offset_;
  std::string gtids_;
  std::string time_ms_;
};

TEST_P(Startup, begins_where_it_is_told) {
  const std::string all = std::string(kFirst) + std::string(kLater);
  EXPECT_EQ(printed("  scan.startup.mode: earliest-offset\n"), all);
  EXPECT_EQ(printed("  scan.startup.mode: latest-offset\n"), "");
  EXPECT_EQ(printed("  scan.startup.mode: snapshot\n"), "+I[1, a]\n+I[2, c]\n");
  EXPECT_EQ(printed("  scan.startup.mode: initial\n"), "+I[1, a]\n+I[2, c]\n");
  EXPECT_EQ(printed(fmt::format("  scan.startup.mode: specific-offset\n  scan.startup.specific-offset.file: {}\n"
                                "  scan.startup.specific-offset.pos: {}\n",
                                file_, offset_)),
            kLater);
  EXPECT_EQ(printed(fmt::format("  scan.startup.mode: specific-offset\n  scan.startup.specific-offset.gtid-set: {}\n",
                                gtids_)),
            kLater);
  EXPECT_EQ(printed(fmt::format("  scan.startup.mode: timestamp\n  scan.startup.timestamp-millis: {}\n", time_ms_)),
            kLater);
}

// Such a job cannot copy a table again, and must not empty its target in order to.
TEST_P(Startup, rows_of_a_job_without_a_copy_stay_when_the_log_does_not_tell_them) {
  Pipeline pipeline(*source_, "sqlite", database_);
  pipeline.source_options("scan.startup.mode: latest-offset");
  pipeline.run_until_caught_up();
  sql("INSERT INTO t VALUES (3, 'd')");
  sql("ALTER TABLE t ADD COLUMN n INT NOT NULL AUTO_INCREMENT UNIQUE; INSERT INTO t (id, v) VALUES (4, 'e')");
  const auto process = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state"), "--until-caught-up"});
  EXPECT_EQ(process->wait().value_or(-1), 0);
  EXPECT_THAT(process->err(),
              testing::AllOf(testing::HasSubstr("rows of table " + database_ + ".t in the target do not follow"),
                             testing::HasSubstr("run sluice verify --repair")));
  EXPECT_THAT(pipeline.target_rows("id, v", "t", "id"), testing::ElementsAre("3|d", "4|e"));
}

// No target does it in one step that a start after a kill could tell from the one before.
TEST_P(Startup, columns_that_exchange_names_stop_a_job_without_a_copy_until_somebody_exchanged_them) {
  sql("CREATE TABLE u (id INT PRIMARY KEY, a INT, b INT, c INT)");
  Pipeline pipeline(*source_, "sqlite", database_);
  pipeline.source_options("scan.startup.mode: latest-offset");
  pipeline.pipeline_options("schema.change.behavior: evolve");
  pipeline.run_until_caught_up();
  sql("INSERT INTO u VALUES (1, 1, 2, 3)");
  sql("ALTER TABLE u DROP COLUMN c, RENAME COLUMN a TO b, RENAME COLUMN b TO a; INSERT INTO u VALUES (2, 2, 1)");
  for (int attempt = 0; attempt < 2; ++attempt) {
    const auto process =
        pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state"), "--until-caught-up"});
    EXPECT_NE(process->wait().value_or(-1), 0);
    EXPECT_THAT(process->err(), testing::HasSubstr("have exchanged names or passed them on: 'a' is now 'b'"));
    EXPECT_THAT(pipeline.target_rows("id, a, b, c", "u", "id"), testing::ElementsAre("1|1|2|3"));
  }
  for (const char* statement :
       {"RENAME COLUMN a TO x", "RENAME COLUMN b TO a", "RENAME COLUMN x TO b", "DROP COLUMN c"}) {
    pipeline.target_execute(std::string("ALTER TABLE u ") + statement);
  }
  pipeline.pipeline_options("schema.change.behavior: ignore");
  pipeline.run_until_caught_up();
  EXPECT_THAT(pipeline.target_rows("id, b, a", "u", "id"), testing::ElementsAre("1|1|2", "2|2|1"));
}

// The process is killed when the target is changed and nobody knows yet.
TEST_P(Startup, a_column_that_took_the_name_of_a_dropped_one_is_not_dropped_by_the_repetition) {
  sql("CREATE TABLE u (id INT PRIMARY KEY, a INT, b INT, c INT)");
  for (const std::string target : {"sqlite", "mariadb"}) {
    Pipeline pipeline(*source_, target, database_);
    pipeline.source_options("scan.startup.mode: latest-offset");
    pipeline.pipeline_options("schema.change.behavior: evolve");
    pipeline.run_until_caught_up();
    sql("INSERT INTO u VALUES (1, 2, 3, 4)");
    sql("ALTER TABLE u DROP COLUMN b, RENAME COLUMN a TO b; ALTER TABLE u RENAME COLUMN c TO d, ADD COLUMN c INT");
    const std::vector<std::string> run{"run", "JOB", "--state", pipeline.folder().file("state"), "--until-caught-up"};
    for (const char* fault : {"after_schema_change", "after_schema_change:2"}) {
      EXPECT_EQ(pipeline.start(run, {{"SLUICE_FAULT", fault}})->wait().value_or(-1), 137);
    }
    pipeline.run_until_caught_up();
    EXPECT_THAT(pipeline.target_rows("id, b, d, c", "u", "id"), testing::ElementsAre("1|2|4|NULL")) << target;
    sql("DROP TABLE u; CREATE TABLE u (id INT PRIMARY KEY, a INT, b INT, c INT)");
  }
}

// MariaDB's log does not tell when a statement ended.
TEST_P(Startup, a_statement_that_began_before_the_time_and_was_committed_after_it_is_read) {
  if (GetParam() == "mariadb") GTEST_SKIP() << "its log has only the time at which the statement began";
  auto holder = source_->connect();
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE((*holder)->execute("SELECT GET_LOCK('" + database_ + "', 0)").has_value());
  std::jthread statement(
      [&] { sql("INSERT INTO t SELECT 3, IF(GET_LOCK('" + database_ + "', 60) = 1, 'd', 'late')"); });
  EXPECT_TRUE(wait_until([&] {
    return source_->value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User lock'").value() !=
           "0";
  }));
  sql("DO SLEEP(2)");
  const std::string time_ms = source_->value("SELECT UNIX_TIMESTAMP() * 1000").value();
  ASSERT_TRUE((*holder)->execute("SELECT RELEASE_LOCK('" + database_ + "')").has_value());
  statement.join();
  EXPECT_EQ(printed(fmt::format("  scan.startup.mode: timestamp\n  scan.startup.timestamp-millis: {}\n", time_ms)),
            "+I[3, d]\n");
}

INSTANTIATE_TEST_SUITE_P(Sources, Startup, testing::Values("mariadb", "mysql"),
                         [](const auto& kind) { return kind.param; });

class LateTables : public testing::TestWithParam<std::string> {};

// Its rows are older than the first chunk, where the log is read from, and nothing ever happens to it again.
TEST_P(LateTables, a_table_filled_between_the_look_at_the_tables_and_the_first_chunk_is_copied) {
  if (GetParam() == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  DatabaseServer* const source = Servers::shared().get(GetParam());
  ASSERT_NE(source, nullptr);
  const std::string database = fresh_database(*source, "late");
  const bool postgres = source->kind() == "postgres";
  execute(*source, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
  execute(*source, "INSERT INTO t VALUES (1, 1), (2, 2)", database);
  auto holder = source->connect(database);
  ASSERT_TRUE(holder.has_value());
  ASSERT_TRUE((*holder)->execute(postgres ? "BEGIN" : "SET lock_wait_timeout = 60").has_value());
  ASSERT_TRUE(
      (*holder)->execute(postgres ? "LOCK TABLE t IN ACCESS EXCLUSIVE MODE" : "LOCK TABLES t WRITE").has_value());

  const Pipeline pipeline(*source, "sqlite", database);
  const auto process = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state"), "--until-caught-up"});
  const std::string waiting =
      postgres ? "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
               : "SELECT count(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for table%'";
  ASSERT_TRUE(wait_until([&] { return source->value(waiting).value() != "0"; })) << process->err();
  execute(*source, "CREATE TABLE late (id INT PRIMARY KEY, v INT)", database);
  execute(*source, "INSERT INTO late VALUES (7, 7), (8, 8)", database);
  ASSERT_TRUE((*holder)->execute(postgres ? "COMMIT" : "UNLOCK TABLES").has_value());

  ASSERT_EQ(process->wait().value_or(-1), 0) << process->err();
  EXPECT_EQ(pipeline.target_rows("id, v", "t", "id"), (std::vector<std::string>{"1|1", "2|2"}));
  EXPECT_EQ(pipeline.target_rows("id, v", "late", "id"), (std::vector<std::string>{"7|7", "8|8"})) << process->err();
  drop_database(*source, database);
}

INSTANTIATE_TEST_SUITE_P(Sources, LateTables, testing::Values("mariadb", "mysql", "postgres_source"),
                         [](const testing::TestParamInfo<std::string>& param) { return param.param; });

}  // namespace
}  // namespace sluice::support
