// SPDX-License-Identifier: Apache-2.0
// `sluice verify`: what it says about rows that differ, that it tells them from rows that change all the time, and that
// a repair does not lose what happens meanwhile.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};

class Verify : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    if (GetParam().first == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    if (GetParam().first == "postgres_18" && !PostgresServer::newest_unavailable().empty()) {
      GTEST_SKIP() << PostgresServer::newest_unavailable();
    }
    source_ = Servers::shared().get(GetParam().first);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "proof");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().second, database_);
    // Servers of one kind hash most types alike.
    const bool alike = GetParam().first.substr(0, 5) == GetParam().second.substr(0, 5);
    pipeline_->pipeline_options(alike ? "parallelism: 2\nverify.hash: servers" : "parallelism: 2");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  bool from_postgres() const { return source_->kind() == "postgres"; }
  void create_keyless(const std::string& columns) {
    sql(fmt::format("CREATE TABLE keyless ({})", columns));
    if (from_postgres()) sql("ALTER TABLE keyless REPLICA IDENTITY FULL");
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  std::string name(const std::string& table) const { return pipeline_->target() ? database_ + "." + table : table; }
  void in_target(const std::string& statement) { pipeline_->target_execute(statement); }
  std::string file(const std::string& stream) const { return read_file(pipeline_->folder().file(stream)); }

  // All programs of a test append to the same files.
  Said verify(std::vector<std::string> arguments = {}) const {
    const size_t out = file("stdout").size();
    const size_t err = file("stderr").size();
    std::vector<std::string> command = {"verify",      "JOB",  "--state", pipeline_->folder().file("state"),
                                        "--log-level", "debug"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto process = pipeline_->start(command);
    const int code = process->wait(std::chrono::minutes(3)).value_or(-1);
    return {.code = code, .out = file("stdout").substr(out), .err = file("stderr").substr(err)};
  }
  std::unique_ptr<Process> start_following() const {
    pipeline_->run_until_caught_up();
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

// Runs statements in a session of its own, one after the other, again and again; now and then it waits for the job, so
// that no job falls behind for good. Needs the table `beat`, which the target has too.
class Hammer {
 public:
  Hammer(Pipeline& pipeline, std::vector<std::string> statements)
      : session_(pipeline.source().connect(pipeline.database()).value()),
        thread_([this, &pipeline, statements = std::move(statements)] {
          const std::string read =
              fmt::format("SELECT n FROM {}beat", pipeline.target() ? pipeline.database() + "." : std::string());
          for (int beat = 1; !stopping_; ++beat) {
            for (int i = 0; i < 50 && !stopping_; ++i) {
              for (const auto& statement : statements) execute(statement);
            }
            execute(fmt::format("UPDATE beat SET n = {}", beat));
            wait_until([&] { return stopping_ || std::stoi("0" + pipeline.target_value(read)) + 2 > beat; },
                       std::chrono::seconds(2));
          }
        }) {}
  ~Hammer() { stop(); }
  Hammer(const Hammer&) = delete;
  Hammer& operator=(const Hammer&) = delete;
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void execute(const std::string& statement) {
    const auto done = session_->execute(statement);
    if (!done) ADD_FAILURE() << statement << ": " << done.error().message();
  }

  std::unique_ptr<SqlSession> session_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

TEST_P(Verify, names_the_rows_that_differ_by_key_and_column_and_no_other_values) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20), n INT)");
  sql("INSERT INTO t VALUES (1, 'hidden-a', 1), (2, 'hidden-b', 2), (3, 'hidden-c', 3)");
  sql("CREATE TABLE pair (a VARCHAR(10), b INT, v INT, PRIMARY KEY (a, b))");
  sql("INSERT INTO pair VALUES ('x', 1, 1), ('y', 2, 2)");
  create_keyless("v VARCHAR(10)");
  sql("INSERT INTO keyless VALUES ('twice'), ('twice'), (NULL)");
  pipeline_->run_until_caught_up();
  EXPECT_EQ(verify().code, 0);

  in_target("UPDATE " + name("t") + " SET v = 'hidden-z', n = 7 WHERE id = 1");
  in_target("DELETE FROM " + name("t") + " WHERE id = 2");
  in_target("INSERT INTO " + name("t") + " VALUES (9, 'hidden-y', 9)");
  in_target("UPDATE " + name("pair") + " SET v = 3 WHERE a = 'y'");
  in_target("INSERT INTO " + name("keyless") + " VALUES ('twice')");
  const Said said = verify();
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(
      said.err,
      AllOf(HasSubstr(database_ + ".t: different: id=1 in v, n\n"),
            HasSubstr(database_ + ".t: missing in target: id=2\n"), HasSubstr(database_ + ".t: only in target: id=9\n"),
            HasSubstr(database_ + ".pair: different: a=y, b=2 in v\n"),
            HasSubstr(database_ + ".keyless: different: v=twice (2 times in the source, 3 in the target)\n")));
  EXPECT_THAT(said.out + said.err, Not(HasSubstr("hidden")));

  const Said json = verify({"--json"});
  EXPECT_EQ(json.code, 1);
  std::vector<std::string> lines;
  std::istringstream in(json.out);
  for (std::string line; std::getline(in, line);) {
    const auto parsed = nlohmann::json::parse(line);
    if (parsed["table"] == database_ + ".t") lines.push_back(parsed.dump());
  }
  EXPECT_THAT(
      lines,
      testing::UnorderedElementsAre(
          fmt::format(
              R"({{"columns":["v","n"],"difference":"different","in_source":1,"in_target":1,"key":{{"id":"1"}},"table":"{}.t"}})",
              database_),
          fmt::format(
              R"({{"columns":[],"difference":"missing in target","in_source":1,"in_target":0,"key":{{"id":"2"}},"table":"{}.t"}})",
              database_),
          fmt::format(
              R"({{"columns":[],"difference":"only in target","in_source":0,"in_target":1,"key":{{"id":"9"}},"table":"{}.t"}})",
              database_),
          fmt::format(
              R"({{"different":1,"hashed":0,"missing":1,"only_in_target":1,"result":"different","rows":3,"table":"{}.t","unsettled":0}})",
              database_)));
}

TEST_P(Verify, a_table_that_is_missing_hides_nothing_of_the_others) {
  sql("CREATE TABLE a (id INT PRIMARY KEY, v INT)");
  sql("CREATE TABLE b (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO a VALUES (1, 1)");
  sql("INSERT INTO b VALUES (1, 1)");
  pipeline_->run_until_caught_up();
  in_target("DROP TABLE " + name("a"));
  Said said = verify();
  EXPECT_EQ(said.code, 2);
  EXPECT_THAT(said.out, HasSubstr("a: cannot tell yet, the target has no such table\n"));
  EXPECT_THAT(said.out, HasSubstr("b: equal, 1 rows"));
  EXPECT_THAT(said.err, Not(HasSubstr("let it catch up")));
  in_target("UPDATE " + name("b") + " SET v = 2");
  EXPECT_EQ(verify().code, 1);
}

TEST_P(Verify, names_ten_rows_of_a_table_and_counts_the_others) {
  sql("CREATE TABLE t (id VARCHAR(10) PRIMARY KEY)");
  sql("INSERT INTO t VALUES ('a')");
  pipeline_->run_until_caught_up();
  for (int i = 0; i < 25; ++i) in_target(fmt::format("INSERT INTO {} VALUES ('k{}')", name("t"), i));
  const Said said = verify();
  EXPECT_EQ(said.code, 1);
  size_t named = 0;
  for (auto at = said.err.find("only in target: id=k"); at != std::string::npos;
       at = said.err.find("only in target: id=k", at + 1)) {
    ++named;
  }
  EXPECT_EQ(named, 10U);
  EXPECT_THAT(said.err, HasSubstr(database_ + ".t: and 15 more\n"));
}

// Rows that change thousands of times a second never look alike in two readings.
TEST_P(Verify, is_exact_while_the_same_rows_change_all_the_time) {
  sql("CREATE TABLE beat (n INT NOT NULL, id INT PRIMARY KEY)");
  sql("INSERT INTO beat VALUES (0, 1)");
  sql("CREATE TABLE hot (id INT PRIMARY KEY, v INT NOT NULL, pad VARCHAR(20))");
  sql("CREATE TABLE words (k VARCHAR(20) PRIMARY KEY, v INT NOT NULL)");
  create_keyless("v INT");
  std::string rows;
  for (int i = 1; i <= 600; ++i) rows += fmt::format("{}({}, 0, 'p')", i > 1 ? ", " : "", i);
  sql("INSERT INTO hot VALUES " + rows);
  sql("INSERT INTO words SELECT CONCAT('w', id), 0 FROM hot");
  sql("INSERT INTO keyless SELECT v FROM hot");
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100");
  const auto job = start_following();
  Hammer hammer(*pipeline_,
                {"UPDATE hot SET v = v + 1 WHERE id IN (3, 333)", "UPDATE words SET v = v + 1 WHERE k = 'w7'",
                 from_postgres() ? "UPDATE keyless SET v = v + 1 WHERE ctid = (SELECT min(ctid) FROM keyless)"
                                 : "UPDATE keyless SET v = v + 1 LIMIT 1",
                 "INSERT INTO hot VALUES (100000, 1, 'comes')", "INSERT INTO words VALUES ('comes', 1)",
                 "DELETE FROM hot WHERE id = 100000", "DELETE FROM words WHERE k = 'comes'"});
  for (int i = 0; i < 3; ++i) {
    const Said said = verify();
    EXPECT_EQ(said.code, 0) << said.out << said.err;
  }
  in_target("UPDATE " + name("hot") + " SET pad = 'q' WHERE id = 50");
  in_target("DELETE FROM " + name("words") + " WHERE k = 'w100'");
  const Said said = verify();
  EXPECT_EQ(said.code, 1);
  EXPECT_THAT(said.err,
              AllOf(HasSubstr("compared at a position"), HasSubstr(database_ + ".hot: different: id=50 in pad\n"),
                    HasSubstr(database_ + ".words: missing in target: k=w100\n")));
  EXPECT_THAT(said.out, AllOf(HasSubstr("0 missing, 0 surplus, 1 with other values, 0 still changing"),
                              HasSubstr("1 missing, 0 surplus, 0 with other values, 0 still changing")));
  EXPECT_TRUE(job->running());
}

// What the job has not brought yet is no difference; what is wrong at the place it has reached is one.
TEST_P(Verify, of_a_job_that_stands_still_tells_what_has_not_arrived_from_what_is_wrong) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3), (4, 4)");
  create_keyless("v INT");
  sql("INSERT INTO keyless VALUES (1), (1), (2)");
  pipeline_->run_until_caught_up();
  sql("UPDATE t SET v = 10 WHERE id = 1");
  sql("UPDATE t SET v = 11 WHERE id = 1");
  sql("DELETE FROM t WHERE id = 2");
  sql("INSERT INTO t VALUES (5, 5)");
  sql("DELETE FROM keyless WHERE v = 2");
  sql("INSERT INTO keyless VALUES (1)");
  const Said behind = verify();
  EXPECT_EQ(behind.code, 2) << behind.err;
  EXPECT_THAT(behind.out,
              AllOf(HasSubstr(database_ + ".t: cannot tell yet, 4 rows at the source; 0 missing, 0 surplus, 0 "
                                          "with other values, 3 still changing"),
                    HasSubstr("0 with other values, 2 still changing")));
  EXPECT_THAT(behind.err, HasSubstr("let it catch up first"));
  in_target("UPDATE " + name("t") + " SET v = 0 WHERE id = 3");
  const Said wrong = verify();
  EXPECT_EQ(wrong.code, 1) << wrong.err;
  EXPECT_THAT(wrong.err, HasSubstr(database_ + ".t: different: id=3 in v\n"));
  EXPECT_THAT(wrong.out, HasSubstr("0 missing, 0 surplus, 1 with other values, 3 still changing"));
}

TEST_P(Verify, does_not_call_a_copy_different_that_has_not_ended) {
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  std::string rows = "(0)";
  for (int i = 1; i < 300; ++i) rows += fmt::format(", ({})", i);
  sql("INSERT INTO t VALUES " + rows);
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 50");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")},
                                    {{"SLUICE_FAULT", "after_chunk_commit:2"}});
  EXPECT_EQ(job->wait().value_or(-1), 137);
  const Said said = verify();
  EXPECT_EQ(said.code, 2) << said.err;
  EXPECT_THAT(said.out, HasSubstr("its first copy has not ended"));
}

TEST_P(Verify, reads_tables_that_are_cut_by_another_column_than_the_key) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, other INT NOT NULL)");
  sql("CREATE INDEX by_other ON t (other)");
  std::string rows = "(0, 1000)";
  for (int i = 1; i < 300; ++i) rows += fmt::format(", ({}, {})", i, 1000 - i);
  sql("INSERT INTO t VALUES " + rows);
  pipeline_->source_options(
      fmt::format("scan.incremental.snapshot.chunk.size: 50\nscan.incremental.snapshot.chunk.key-column: {}.t:other",
                  from_postgres() ? database_ + "." + database_ : database_));
  pipeline_->run_until_caught_up();
  EXPECT_EQ(verify().code, 0);
}

TEST_P(Verify, a_repair_leaves_a_job_alone_whose_copy_is_right) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1), (2, 2)");
  const auto job = start_following();
  EXPECT_EQ(verify({"--repair"}).code, 0);
  sql("INSERT INTO t VALUES (3, 3)");
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT COUNT(*) FROM " + name("t")) == "3"; }));
  EXPECT_TRUE(job->running());
}

TEST_P(Verify, a_repair_takes_the_job_over_and_loses_nothing_that_happens_meanwhile) {
  constexpr int kFenced = 8;
  sql("CREATE TABLE beat (n INT NOT NULL, id INT PRIMARY KEY)");
  sql("INSERT INTO beat VALUES (0, 1)");
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL)");
  std::string rows = "(1, 1)";
  for (int i = 2; i <= 500; ++i) rows += fmt::format(", ({}, {})", i, i);
  sql("INSERT INTO t VALUES " + rows);
  const auto job = start_following();
  Hammer hammer(*pipeline_, {"UPDATE t SET v = v + 1 WHERE id IN (5, 50)", "DELETE FROM t WHERE id = 7",
                             "INSERT INTO t VALUES (7, 7)"});
  in_target("DELETE FROM " + name("t") + " WHERE id BETWEEN 100 AND 200");
  in_target("UPDATE " + name("t") + " SET v = 0 WHERE id = 300");
  in_target("INSERT INTO " + name("t") + " VALUES (1000, 1)");
  const Said said = verify({"--repair"});
  EXPECT_THAT(said.err, HasSubstr("repaired 103 rows")) << said.out;
  EXPECT_NE(said.code, 1) << said.out << said.err;
  EXPECT_EQ(job->wait(std::chrono::seconds(60)).value_or(-1), kFenced) << tail(job->err());
  hammer.stop();
  pipeline_->run_until_caught_up();
  EXPECT_EQ(verify().code, 0);
  EXPECT_EQ(pipeline_->target_value("SELECT COUNT(*) FROM " + name("t")), "500");
}

TEST_P(Verify, goes_on_beside_a_running_job_and_logs_what_it_finds) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1), (2, 2)");
  pipeline_->pipeline_options("verify.interval: 100ms\nverify.rows-per-second: 1000");
  const auto job = start_following();
  EXPECT_TRUE(wait_until([&] {
    return file("stderr").find("verified 2 rows of 1 tables: equal") != std::string::npos;
  })) << tail(job->err());
  in_target("UPDATE " + name("t") + " SET v = 5 WHERE id = 2");
  EXPECT_TRUE(wait_until([&] {
    const std::string log = file("stderr");
    return log.find(database_ + ".t: different: id=2 in v") != std::string::npos &&
           log.find("verified 2 rows of 1 tables: 1 tables DIFFERENT") != std::string::npos;
  })) << tail(job->err());
  in_target("DROP TABLE " + name("t"));
  EXPECT_TRUE(wait_until([&] {
    return file("stderr").find(database_ + ".t: cannot tell yet, the target has no such table") != std::string::npos;
  })) << tail(job->err());
  EXPECT_TRUE(job->running());
  EXPECT_EQ(job->stop(), 0) << tail(job->err());
}

// A key that only the target has is inserted at the source, and brought by the job, after it was compared and before
// the job is taken over.
TEST(VerifyRepair, does_not_remove_a_row_that_came_between_the_comparison_and_the_take_over) {
  DatabaseServer& server = *Servers::shared().get("mariadb");
  const std::string database = fresh_database(server, "proof");
  execute(server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
  execute(server, "INSERT INTO t VALUES (1, 1)", database);
  const Pipeline pipeline(server, "postgres", database);
  pipeline.run_until_caught_up();
  const auto job = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")});
  execute(server, "INSERT INTO t VALUES (2, 2)", database);
  ASSERT_TRUE(wait_until([&] { return pipeline.target_rows("id", "t", "id").size() == 2; })) << job->err();
  pipeline.target_execute(fmt::format("INSERT INTO {}.t VALUES (9, 0)", database));
  const auto lock = pipeline.target()->connect("postgres").value();
  ASSERT_TRUE(
      lock->execute(
              fmt::format("BEGIN; SELECT * FROM sluice_ledger WHERE job = '{}' AND entry = 'job' FOR UPDATE", database))
          .has_value());
  const auto verify = pipeline.start({"verify", "JOB", "--repair", "--state", pipeline.folder().file("state")});
  ASSERT_TRUE(wait_until([&] {
    return pipeline.target_value("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1";
  })) << verify->err();
  execute(server, "INSERT INTO t VALUES (9, 9)", database);
  ASSERT_TRUE(wait_until([&] {
    return pipeline.target_value(fmt::format("SELECT v FROM {}.t WHERE id = 9", database)) == "9";
  })) << job->err();
  ASSERT_TRUE(lock->execute("ROLLBACK").has_value());
  EXPECT_EQ(verify->wait(std::chrono::seconds(60)).value_or(-1), 0) << verify->out() << verify->err();
  EXPECT_THAT(pipeline.target_rows("id, v", "t", "id"), ElementsAre("1|1", "2|2", "9|9"));
  execute(server, "DROP DATABASE " + database);
}

// One slot beside the job's is enough. Without one the log cannot be read beside the job.
TEST(VerifyPostgres, compares_by_rounds_when_the_server_has_no_replication_slot_left) {
  for (const int slots : {2, 1}) {
    auto server = PostgresServer::start(
        {.arguments = {"-c", "wal_level=logical", "-c", fmt::format("max_replication_slots={}", slots)}});
    ASSERT_TRUE(server.has_value()) << server.error().message();
    const std::string database = fresh_database(**server, "proof");
    execute(**server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
    execute(**server, "INSERT INTO t VALUES (1, 1), (2, 2)", database);
    const Pipeline pipeline(**server, "sqlite", database);
    pipeline.run_until_caught_up();
    EXPECT_EQ(pipeline.verify(), 0);
    pipeline.target_execute("UPDATE t SET v = 7 WHERE id = 2");
    const auto verify = pipeline.start({"verify", "JOB", "--state", pipeline.folder().file("state")});
    EXPECT_EQ(verify->wait(std::chrono::seconds(60)).value_or(-1), 1);
    EXPECT_THAT(verify->err(), HasSubstr("t: different: id=2 in v\n"));
    const std::string rounds = "compared by rounds, not at a position";
    if (slots == 1) {
      EXPECT_THAT(verify->err(), AllOf(HasSubstr(rounds), HasSubstr("max_replication_slots")));
    } else {
      EXPECT_THAT(verify->err(), AllOf(Not(HasSubstr(rounds)), Not(HasSubstr("cannot be used"))));
    }
  }
}

// What an UPDATE leaves out of the log is not guessed: such a row is compared again, and told apart if it never rests.
TEST(VerifyPostgres, leaves_rows_open_whose_changes_the_log_does_not_tell_whole) {
  DatabaseServer& server = *Servers::shared().get("postgres_source");
  const std::string database = fresh_database(server, "proof");
  const auto sql = [&](std::string_view statement) { execute(server, statement, database); };
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT, large TEXT); ALTER TABLE t ALTER large SET STORAGE EXTERNAL");
  sql("INSERT INTO t SELECT n, 0, repeat('x', 10000) FROM generate_series(1, 5) n");
  sql("CREATE TABLE beat (n INT NOT NULL, id INT PRIMARY KEY); INSERT INTO beat VALUES (0, 1)");
  Pipeline pipeline(server, "sqlite", database);
  pipeline.run_until_caught_up();
  const auto job = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")});
  {
    Hammer hammer(pipeline, {"UPDATE t SET v = v + 1 WHERE id = 3"});
    pipeline.target_execute("UPDATE t SET v = 7 WHERE id = 2");
    EXPECT_EQ(pipeline.verify(), 1);
    pipeline.target_execute("UPDATE t SET v = 0 WHERE id = 2");
    EXPECT_NE(pipeline.verify(), 1);
  }
  job->stop();
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
  drop_database(server, database);
}

INSTANTIATE_TEST_SUITE_P(Matrix, Verify,
                         testing::Values(std::pair("mariadb", "sqlite"), std::pair("mariadb", "postgres"),
                                         std::pair("mariadb", "mariadb"), std::pair("mysql", "postgres"),
                                         std::pair("postgres_source", "postgres"), std::pair("postgres_18", "sqlite")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

}  // namespace
}  // namespace sluice::support
