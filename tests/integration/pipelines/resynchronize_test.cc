// SPDX-License-Identifier: Apache-2.0
// A source that has lost what the target lacks: the job compares both, repairs what differs and nothing else, and goes
// on (`log.lost.behavior: resynchronize`), wherever it is killed meanwhile.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <set>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

constexpr const char* kLost = "changes that the target lacks are lost at the source";
constexpr const char* kDone = "target and source are the same again";

class Resynchronize : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    if (GetParam().first == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    if (GetParam().first == "postgres_18" && !PostgresServer::newest_unavailable().empty()) {
      GTEST_SKIP() << PostgresServer::newest_unavailable();
    }
    source_ = Servers::shared().get(GetParam().first);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "lost");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().second, database_);
    pipeline_->pipeline_options("parallelism: 2\nlog.lost.behavior: resynchronize");
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }

  bool from_postgres() const { return source_->kind() == "postgres"; }
  void sql(std::string_view statement) const { execute(*source_, statement, database_); }
  std::string name(const std::string& table) const { return pipeline_->target() ? database_ + "." + table : table; }

  void create_tables() const {
    sql("CREATE TABLE orders (id INT PRIMARY KEY, v INT NOT NULL, note VARCHAR(40))");
    sql("CREATE TABLE words (k VARCHAR(20) PRIMARY KEY, v INT NOT NULL)");
    sql("CREATE TABLE keyless (v INT)");
    sql("CREATE TABLE quiet (v INT)");
    sql("CREATE TABLE emptied (v INT)");
    for (const auto* table : {"keyless", "quiet", "emptied"}) {
      if (from_postgres()) sql(fmt::format("ALTER TABLE {} REPLICA IDENTITY FULL", table));
    }
    std::string orders;
    for (int i = 1; i <= 1000; ++i) orders += fmt::format("{}({}, 0, 'p')", i > 1 ? ", " : "", i);
    sql("INSERT INTO orders VALUES " + orders);
    sql("INSERT INTO words SELECT CONCAT('w', id), 0 FROM orders");
    sql("INSERT INTO keyless SELECT id % 7 FROM orders");
    sql("INSERT INTO quiet SELECT id % 7 FROM orders");
    sql("INSERT INTO emptied SELECT id % 7 FROM orders");
  }
  // Changes that nobody will read.
  void miss_changes() const {
    sql("UPDATE orders SET v = v + 1, note = NULL WHERE id IN (150, 151)");
    sql("DELETE FROM orders WHERE id IN (520, 521, 522)");
    sql("INSERT INTO orders VALUES (-5, 5, 'new'), (100000, 6, 'new')");
    sql("UPDATE words SET v = v + 1 WHERE k = 'w7'");
    sql("DELETE FROM words WHERE k = 'w8'");
    sql("INSERT INTO words VALUES ('z', 1)");
    sql("INSERT INTO keyless VALUES (3), (3), (NULL)");
    sql("DELETE FROM emptied");
  }
  void lose_log() const {
    if (from_postgres()) {
      ASSERT_TRUE(wait_until([&] {
        return source_->execute("SELECT pg_drop_replication_slot('" + database_ + "')", database_).has_value();
      }));
      return;
    }
    // A log stays while its last reader has not noticed that its client is gone.
    ASSERT_TRUE(wait_until([&] {
      sql("FLUSH BINARY LOGS");
      auto logs = source_->query("SHOW BINARY LOGS");
      if (!logs) return false;
      sql("PURGE BINARY LOGS TO '" + logs->back()[0].value() + "'");
      logs = source_->query("SHOW BINARY LOGS");
      return logs && logs->size() == 1;
    }));
  }
  void expect_equal() const {
    expect_same_rows(*source_, *pipeline_, "id, v, note", "orders", "id");
    expect_same_rows(*source_, *pipeline_, "k, v", "words", "k");
    expect_same_rows(*source_, *pipeline_, "v", "keyless", "v");
    expect_same_rows(*source_, *pipeline_, "v", "quiet", "v");
    expect_same_rows(*source_, *pipeline_, "v", "emptied", "v");
  }
  std::unique_ptr<Process> run(std::map<std::string, std::string> env = {}) const {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"},
                            std::move(env));
  }
  std::string run_to_end() const {
    const auto job = run();
    EXPECT_EQ(job->wait(std::chrono::minutes(3)).value_or(-1), 0) << tail(job->err(), 40);
    return job->err();
  }
  // Where PostgreSQL has each row, and the transaction that wrote it.
  std::set<std::string> row_versions(const std::string& table, const std::string& where) const {
    const auto rows = pipeline_->target_rows("ctid, xmin", table + " WHERE " + where, "1");
    return {rows.begin(), rows.end()};
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(Resynchronize, repairs_the_rows_that_differ_and_leaves_all_others_alone) {
  create_tables();
  pipeline_->run_until_caught_up();
  const bool into_postgres = GetParam().second == "postgres";
  const std::string same = "id NOT IN (150, 151, 520, 521, 522, -5, 100000)";
  const std::string same_words = "k NOT IN ('w7', 'w8', 'z')";
  std::set<std::string> orders;
  std::set<std::string> words;
  std::set<std::string> quiet;
  if (into_postgres) {
    orders = row_versions("orders", same);
    words = row_versions("words", same_words);
    quiet = row_versions("quiet", "true");
  }
  miss_changes();
  lose_log();
  const std::string said = run_to_end();
  EXPECT_THAT(said, HasSubstr(kLost));
  EXPECT_THAT(said, HasSubstr(kDone));
  EXPECT_THAT(said, HasSubstr(name("orders") + " is as its source again: 999 rows compared, 2 were missing, 2 "
                                               "different, 3 too much; "));
  EXPECT_THAT(said, HasSubstr(name("words") + " is as its source again: 1000 rows compared, 1 were missing, 1 "
                                              "different, 1 too much; "));
  EXPECT_THAT(said, HasSubstr(name("quiet") + " is as its source again: 1000 rows compared, 0 were missing, 0 "
                                              "different, 0 too much; 0 of "));
  expect_equal();
  if (into_postgres) {
    EXPECT_EQ(row_versions("orders", same), orders);
    EXPECT_EQ(row_versions("words", same_words), words);
    EXPECT_EQ(row_versions("quiet", "true"), quiet);
  }
  // And from there on the log.
  sql("UPDATE orders SET v = 9 WHERE id = 7");
  sql("DELETE FROM words WHERE k = 'w9'");
  sql("INSERT INTO keyless VALUES (99)");
  const std::string later = run_to_end();
  EXPECT_EQ(later.find(kLost, said.size()), std::string::npos);
  expect_equal();
  EXPECT_EQ(pipeline_->verify(), 0);
}

TEST_P(Resynchronize, a_kill_anywhere_repeats_or_goes_on_with_it) {
  create_tables();
  pipeline_->run_until_caught_up();
  int round = 0;
  // A start that finds the log lost begins to stream twice.
  for (const auto* fault : {"after_snapshot_plan:1", "before_chunk_commit:1", "after_chunk_commit:1",
                            "after_chunk_commit:3", "before_stream_start:2"}) {
    SCOPED_TRACE(fault);
    ++round;
    sql(fmt::format("UPDATE orders SET v = v + 1 WHERE id % 100 = {}", round));
    sql(fmt::format("DELETE FROM orders WHERE id = {}", 300 + round));
    sql(fmt::format("INSERT INTO orders VALUES ({}, 1, 'x')", 2000 + round));
    sql(fmt::format("UPDATE words SET v = v + 1 WHERE k IN ('w{}', 'w{}')", 10 + round, 20 + round));
    sql(fmt::format("INSERT INTO keyless VALUES ({})", 100 + round));
    lose_log();
    const auto killed = run({{"SLUICE_FAULT", fault}});
    EXPECT_EQ(killed->wait(std::chrono::minutes(2)).value_or(-1), 137) << tail(killed->err(), 30);
    // What the killed job has recorded as compared changes once more.
    sql(fmt::format("UPDATE orders SET v = v + 10 WHERE id % 100 = {}", round));
    sql(fmt::format("DELETE FROM orders WHERE id = {}", 2000 + round));
    sql(fmt::format("UPDATE words SET v = v + 10 WHERE k = 'w{}'", 10 + round));
    sql(fmt::format("INSERT INTO keyless VALUES ({})", 100 + round));
    run_to_end();
    expect_equal();
  }
  EXPECT_EQ(pipeline_->verify(), 0);
}

// A unique value that moved between rows of two chunks.
TEST_P(Resynchronize, unique_values_that_changed_places_are_no_obstacle) {
  // Chunks of several batches: the target refuses in the middle of one.
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 500");
  sql("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), pad VARCHAR(2000))");
  const std::string pad(2000, 'p');
  std::string rows;
  for (int i = 1; i <= 1000; ++i) rows += fmt::format("{}({}, 'n{}', '{}')", i > 1 ? ", " : "", i, i, pad);
  sql("INSERT INTO people VALUES " + rows);
  pipeline_->run_until_caught_up();
  pipeline_->target_execute("CREATE UNIQUE INDEX names ON " + name("people") + " (name)");
  sql("UPDATE people SET name = NULL WHERE id IN (50, 950)");
  sql("UPDATE people SET name = 'n950' WHERE id = 50");
  sql("UPDATE people SET name = 'n50' WHERE id = 950");
  lose_log();
  run_to_end();
  expect_same_rows(*source_, *pipeline_, "id, name", "people", "id");
}

// Columns that came and tables that went while nobody looked.
TEST_P(Resynchronize, follows_what_became_of_the_tables) {
  create_tables();
  pipeline_->run_until_caught_up();
  sql("ALTER TABLE orders ADD COLUMN extra INT DEFAULT 4");
  sql("UPDATE orders SET extra = id WHERE id < 10");
  sql("DROP TABLE quiet");
  sql("CREATE TABLE fresh (id INT PRIMARY KEY)");
  sql("INSERT INTO fresh VALUES (1), (2)");
  lose_log();
  EXPECT_THAT(run_to_end(), HasSubstr("quiet is not at the source any more"));
  expect_same_rows(*source_, *pipeline_, "id, v, note, extra", "orders", "id");
  expect_same_rows(*source_, *pipeline_, "id", "fresh", "id");
  sql("INSERT INTO fresh VALUES (3)");
  sql("UPDATE orders SET extra = 5 WHERE id = 100");
  run_to_end();
  expect_same_rows(*source_, *pipeline_, "id, v, note, extra", "orders", "id");
  expect_same_rows(*source_, *pipeline_, "id", "fresh", "id");
}

INSTANTIATE_TEST_SUITE_P(Matrix, Resynchronize,
                         testing::Values(std::pair("postgres_source", "postgres"), std::pair("postgres_18", "sqlite"),
                                         std::pair("postgres_source", "mariadb"), std::pair("mariadb", "postgres"),
                                         std::pair("mysql", "sqlite")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

class ResynchronizePostgres : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam() && !PostgresServer::newest_unavailable().empty()) {
      GTEST_SKIP() << PostgresServer::newest_unavailable();
    }
    auto server = PostgresServer::start(
        {.arguments = {"-c", "wal_level=logical", "-c", "max_slot_wal_keep_size=1MB", "-c", "max_replication_slots=5"},
         .newest = GetParam()});
    ASSERT_TRUE(server.has_value()) << server.error().message();
    server_ = std::move(server).value();
    database_ = fresh_database(*server_, "lost");
    sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT n, 'a' FROM generate_series(1, 1000) n");
    pipeline_ = std::make_unique<Pipeline>(*server_, "sqlite", database_);
    pipeline_->pipeline_options("log.lost.behavior: resynchronize");
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100");
  }
  void sql(std::string_view statement) const { execute(*server_, statement, database_); }
  std::string value(const std::string& query) const {
    const auto found = server_->value(query, database_);
    return found ? *found : "";
  }
  // Writes until the server has given the slot up.
  void invalidate_slot() const {
    ASSERT_TRUE(wait_until([&] {
      sql("SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)); SELECT pg_switch_wal()");
      sql("CHECKPOINT");
      return value("SELECT wal_status FROM pg_replication_slots") == "lost";
    }));
  }

  std::unique_ptr<PostgresServer> server_;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(ResynchronizePostgres, a_slot_that_the_server_gave_up_is_made_again) {
  pipeline_->run_until_caught_up();
  sql("UPDATE t SET v = 'b' WHERE id = 500; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (5000, 'c')");
  invalidate_slot();
  pipeline_->run_until_caught_up();
  expect_same_rows(*server_, *pipeline_, "id, v", "t", "id");
  EXPECT_NE(value("SELECT wal_status FROM pg_replication_slots"), "lost");
  sql("DELETE FROM t WHERE id = 2");
  pipeline_->run_until_caught_up();
  expect_same_rows(*server_, *pipeline_, "id, v", "t", "id");
}

TEST_P(ResynchronizePostgres, a_slot_that_somebody_made_again_hides_no_gap) {
  pipeline_->run_until_caught_up();
  sql("SELECT pg_drop_replication_slot('" + database_ + "')");
  sql("UPDATE t SET v = 'b' WHERE id = 500; DELETE FROM t WHERE id = 1");
  sql("SELECT pg_create_logical_replication_slot('" + database_ + "', 'pgoutput')");
  sql("INSERT INTO t VALUES (5000, 'c')");
  pipeline_->run_until_caught_up();
  expect_same_rows(*server_, *pipeline_, "id, v", "t", "id");
}

// Under a job that runs, and that never ends by it.
TEST_P(ResynchronizePostgres, a_slot_that_is_dropped_under_a_running_job) {
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return value("SELECT active FROM pg_replication_slots") == "t"; })) << job->err();
  const std::string drop =
      "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active; SELECT "
      "pg_drop_replication_slot('" +
      database_ + "')";
  ASSERT_TRUE(wait_until([&] { return server_->execute(drop, database_).has_value(); }));
  sql("UPDATE t SET v = 'b' WHERE id = 500; DELETE FROM t WHERE id = 1; INSERT INTO t VALUES (5000, 'c')");
  ASSERT_TRUE(wait_until([&] { return job->err().find(kDone) != std::string::npos; }, std::chrono::seconds(60)))
      << job->err();
  sql("INSERT INTO t VALUES (6000, 'd')");
  EXPECT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT v FROM t WHERE id = 6000") == "d"; }))
      << job->err();
  expect_same_rows(*server_, *pipeline_, "id, v", "t", "id");
  job->send_signal(SIGTERM);
  EXPECT_EQ(job->wait().value_or(-1), 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, ResynchronizePostgres, testing::Bool(),
                         [](const auto& newest) { return newest.param ? "postgres_18" : "postgres_15"; });

// The first copy, too, needs the changes since its first chunk.
TEST(ResynchronizeCopy, a_slot_lost_during_the_first_copy) {
  DatabaseServer& server = *Servers::shared().get("postgres_source");
  const std::string database = fresh_database(server, "lost");
  const auto sql = [&](std::string_view statement) { execute(server, statement, database); };
  sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 2000) n");
  sql("CREATE TABLE later (id int PRIMARY KEY, v int); INSERT INTO later SELECT n, n FROM generate_series(1, 2000) n");
  Pipeline pipeline(server, "postgres", database);
  pipeline.source_options("scan.incremental.snapshot.chunk.size: 500");
  pipeline.pipeline_options("log.lost.behavior: resynchronize");
  const auto killed = pipeline.start({"run", "JOB", "--until-caught-up"}, {{"SLUICE_FAULT", "after_chunk_commit:2"}});
  EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  sql("SELECT pg_drop_replication_slot('" + database + "'); UPDATE t SET v = 0; DELETE FROM t WHERE id < 10");
  sql("UPDATE later SET v = 1 WHERE id < 100");
  pipeline.run_until_caught_up();
  expect_same_rows(server, pipeline, "id, v", "t", "id");
  expect_same_rows(server, pipeline, "id, v", "later", "id");
  drop_database(server, database);
}

TEST(ResynchronizeOptions, are_refused_where_there_is_nothing_to_compare) {
  DatabaseServer& server = *Servers::shared().get("postgres_source");
  const std::string database = fresh_database(server, "lost");
  Pipeline pipeline(server, "sqlite", database);
  pipeline.pipeline_options("log.lost.behavior: resynchronize");
  pipeline.source_options("scan.startup.mode: latest-offset");
  const auto refused = pipeline.start({"validate", "JOB"});
  EXPECT_EQ(refused->wait().value_or(-1), 3);
  EXPECT_THAT(refused->out() + refused->err(), HasSubstr("needs a job that copies the rows and then follows the log"));
  drop_database(server, database);
}

}  // namespace
}  // namespace sluice::support
