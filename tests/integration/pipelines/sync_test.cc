// SPDX-License-Identifier: Apache-2.0
// Every source with every target: copy, changes, key changes, tables without a key, schema changes; the copy is proven
// by `sluice verify` and by rows that are read back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

class Sync : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    const bool needs_mysql = GetParam().first == "mysql" || GetParam().second == "mysql";
    if (needs_mysql && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    source_ = Servers::shared().get(GetParam().first);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_);
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().second, database_);
  }
  void TearDown() override {
    if (source_ != nullptr) execute(*source_, "DROP DATABASE IF EXISTS " + database_);
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  void catch_up_and_verify() {
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(Sync, copies_rows_and_then_carries_every_change) {
  sql("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR(50) NOT NULL, amount DECIMAL(12,2), note TEXT)");
  sql("INSERT INTO orders VALUES (1, 'Ada', 10.50, 'a'), (2, 'Björk', NULL, 'it''s'), (3, '小明', -0.01, '\\\\ \\n "
      "\\t')");
  sql("CREATE TABLE events (at DATETIME(6), what VARCHAR(20))");
  sql("INSERT INTO events VALUES ('2024-02-29 12:00:00.123456', 'x'), ('2024-02-29 12:00:00.123456', 'x'), (NULL, "
      "NULL)");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, customer, amount", "orders", "id"),
              ElementsAre("1|Ada|10.50", "2|Björk|NULL", "3|小明|-0.01"));

  sql("UPDATE orders SET amount = 11, customer = 'Ada L.' WHERE id = 1");
  sql("UPDATE orders SET id = 20 WHERE id = 2");
  sql("DELETE FROM orders WHERE id = 3");
  sql("INSERT INTO orders VALUES (3, 'again', 1, NULL), (4, 'new', 2, '')");
  sql("DELETE FROM events WHERE at IS NULL");
  sql("UPDATE events SET what = 'y' LIMIT 1");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, customer, amount", "orders", "id"),
              ElementsAre("1|Ada L.|11.00", "3|again|1.00", "4|new|2.00", "20|Björk|NULL"));
  EXPECT_THAT(pipeline_->target_rows("what", "events", "what"), ElementsAre("x", "y"));
}

TEST_P(Sync, schema_changes_reach_the_target_in_order_with_the_rows) {
  sql("CREATE TABLE people (id INT PRIMARY KEY, name VARCHAR(20), age INT)");
  sql("INSERT INTO people VALUES (1, 'a', 10), (2, 'b', 20)");
  catch_up_and_verify();
  sql("ALTER TABLE people ADD COLUMN city VARCHAR(30) DEFAULT 'Rome' AFTER name");
  sql("INSERT INTO people VALUES (3, 'c', 'Oslo', 30)");
  sql("ALTER TABLE people CHANGE age years BIGINT");
  sql("UPDATE people SET years = 5000000000 WHERE id = 1");
  sql("ALTER TABLE people DROP COLUMN name, MODIFY city VARCHAR(100)");
  sql("INSERT INTO people VALUES (4, REPEAT('x', 60), 1)");
  sql("CREATE TABLE late (k VARCHAR(10) PRIMARY KEY, v INT)");
  sql("INSERT INTO late VALUES ('a', 1), ('b', 2)");
  sql("ALTER TABLE late ADD COLUMN doc JSON");
  sql("INSERT INTO late VALUES ('c', 3, '{\"a\": [1, 2.5]}')");
  sql("CREATE TABLE gone (id INT PRIMARY KEY)");
  sql("INSERT INTO gone VALUES (1)");
  sql("DROP TABLE gone");
  pipeline_->run_until_caught_up();
  EXPECT_THAT(pipeline_->target_rows("id, city, years", "people", "id"),
              ElementsAre("1|Rome|5000000000", "2|Rome|20", "3|Oslo|30", "4|" + std::string(60, 'x') + "|1"));
  EXPECT_THAT(pipeline_->target_rows("k, v, doc", "late", "k"),
              ElementsAre("a|1|NULL", "b|2|NULL", "c|3|{\"a\": [1, 2.5]}"));
  EXPECT_EQ(pipeline_->verify(), 0);
  sql("TRUNCATE TABLE late");
  sql("INSERT INTO late VALUES ('c', 3, '[]')");
  catch_up_and_verify();
}

// Only the server knows what it filled into the rows that were there.
TEST_P(Sync, added_columns_have_the_source_s_values_in_rows_that_were_there) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10), (2, 20)");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN n INT NOT NULL, ADD COLUMN s VARCHAR(5) NOT NULL, ADD COLUMN e ENUM('p','q') NOT NULL");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN twice INT AS (v * 2) STORED");
  sql("UPDATE t SET v = 11 WHERE id = 1");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, n, s, e, twice", "t", "id"), ElementsAre("1|0||p|22", "2|0||p|40"));
}

// Each database converts by rules of its own.
TEST_P(Sync, changed_types_have_the_source_s_values_in_rows_that_were_there) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, b BLOB, c VARCHAR(20), r VARCHAR(20) CHARACTER SET latin1, f BIT(8), "
      "at TIMESTAMP NULL, truth TINYINT(1), d DECIMAL(10,4), m DATETIME(6), e ENUM('x','y'))");
  sql("INSERT INTO t VALUES (1, 'h\\\\ello', 'back\\\\slash', x'c3a9', b'101', '2024-01-02 03:04:05', 1, 1.2345, "
      "'2024-01-02 03:04:05.678901', 'y')");
  catch_up_and_verify();
  auto session = source_->connect(database_);
  ASSERT_TRUE(session.has_value());
  const auto in_another_zone = [&](const char* statement) {
    ASSERT_TRUE((*session)->execute(statement).has_value()) << statement;
  };
  in_another_zone("SET SESSION time_zone = '+05:00', sql_mode = ''");
  in_another_zone("ALTER TABLE t MODIFY b TEXT, MODIFY c VARBINARY(20), MODIFY f INT, MODIFY at DATETIME");
  catch_up_and_verify();
  // Not converted but read with other eyes: how mojibake is repaired.
  in_another_zone("ALTER TABLE t MODIFY r VARBINARY(20)");
  in_another_zone("ALTER TABLE t MODIFY r VARCHAR(20) CHARACTER SET utf8mb4");
  in_another_zone(
      "ALTER TABLE t MODIFY d DECIMAL(10,2), MODIFY m DATETIME(0), ADD n TIMESTAMP NULL DEFAULT "
      "'2020-01-01 00:00:00'");
  catch_up_and_verify();
  in_another_zone("ALTER TABLE t MODIFY truth INT, MODIFY e ENUM('a','y','x')");
  sql("INSERT INTO t SELECT id + 1, b, c, r, f, at, truth + 6, d, m, e, n FROM t");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("b, r, f, truth, d, e", "t", "id"),
              ElementsAre(R"(h\ello|é|5|1|1.23|y)", R"(h\ello|é|5|7|1.23|y)"));
}

// Without a copy: the target does what the source did.
TEST_P(Sync, a_truth_value_becomes_a_number_in_place) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v TINYINT(1))");
  sql("INSERT INTO t VALUES (1, 1), (2, 0), (3, NULL)");
  catch_up_and_verify();
  sql("ALTER TABLE t MODIFY v INT");
  sql("INSERT INTO t VALUES (4, -7)");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  EXPECT_EQ(job->err().find("must be copied"), std::string::npos) << job->err();
  EXPECT_EQ(pipeline_->verify(), 0);
  EXPECT_THAT(pipeline_->target_rows("id, v", "t", "id"), ElementsAre("1|1", "2|0", "3|NULL", "4|-7"));
}

TEST_P(Sync, a_table_that_must_be_copied_again_survives_a_kill_on_the_way) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10), (2, 20)");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN twice INT AS (v * 2) STORED");
  for (const char* fault : {"after_schema_change:1", "after_schema_recorded:1"}) {
    const auto job = pipeline_->start({"run", "JOB", "--until-caught-up"}, {{"SLUICE_FAULT", fault}});
    EXPECT_EQ(job->wait().value_or(-1), 137) << job->err();
  }
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, twice", "t", "id"), ElementsAre("1|20", "2|40"));
}

// So it looks, too, when a column came before a snapshot and went before the table was first read from it.
TEST_P(Sync, a_table_that_was_altered_without_a_record_is_copied_again) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10), (2, 20)");
  catch_up_and_verify();
  auto unlogged = source_->connect(database_);
  ASSERT_TRUE(unlogged.has_value());
  for (const char* statement : {"SET SESSION sql_log_bin = 0", "ALTER TABLE t ADD COLUMN secret INT DEFAULT 5",
                                "UPDATE t SET v = 11 WHERE id = 1"}) {
    ASSERT_TRUE((*unlogged)->execute(statement).has_value()) << statement;
  }
  sql("ALTER TABLE t MODIFY secret BIGINT");
  sql("INSERT INTO t VALUES (3, 30, 7)");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, v, secret", "t", "id"), ElementsAre("1|11|5", "2|20|5", "3|30|7"));
}

TEST_P(Sync, an_ignored_column_does_not_copy_the_table_again) {
  pipeline_->pipeline_options("schema.change.behavior: ignore");
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10)");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN twice INT AS (v * 2) STORED");
  sql("UPDATE t SET v = 11");
  pipeline_->run_until_caught_up();
  EXPECT_THAT(pipeline_->target_rows("*", "t", "id"), ElementsAre("1|11"));
}

TEST_P(Sync, lenient_fills_added_columns_like_the_source_too) {
  pipeline_->pipeline_options("schema.change.behavior: lenient");
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN n INT NOT NULL, ADD COLUMN s VARCHAR(5) NOT NULL");
  catch_up_and_verify();
}

TEST_P(Sync, a_changed_primary_key_stops_the_job_and_says_what_to_do) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL)");
  sql("INSERT INTO t VALUES (1, 10)");
  catch_up_and_verify();
  sql("ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (v)");
  const auto job = pipeline_->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 6);
  EXPECT_THAT(job->err(), testing::HasSubstr("the primary key of table"));
}

TEST_P(Sync, rows_without_a_key_are_not_doubled_by_a_reset) {
  sql("CREATE TABLE t (v INT)");
  sql("INSERT INTO t VALUES (1), (1), (2)");
  catch_up_and_verify();
  const auto job = pipeline_->start({"run", "JOB", "--until-caught-up", "--reset"});
  EXPECT_EQ(job->wait().value_or(-1), 7);
  EXPECT_THAT(job->err(), testing::HasSubstr("they would be doubled"));
  EXPECT_THAT(pipeline_->target_rows("v", "t", "v"), ElementsAre("1", "1", "2"));
}

TEST_P(Sync, a_projected_array_map_row_or_variant_is_a_column_of_json) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v DECIMAL(6,2), doc TEXT)");
  sql("INSERT INTO t VALUES (1, 10.50, '{\"k\": [\"a\", 1.0]}'), (2, NULL, 'no json')");
  pipeline_->blocks(
      fmt::format("transform:\n  - source-table: {}.t\n    projection: id, ARRAY[id, v] AS a, MAP['v', v] AS m, "
                  "ROW(id, doc) AS r, TRY_PARSE_JSON(doc)['k'] AS k\n",
                  database_));
  catch_up_and_verify();
  sql("UPDATE t SET v = 7 WHERE id = 2");
  sql("INSERT INTO t VALUES (3, 0, NULL)");
  catch_up_and_verify();
  EXPECT_THAT(
      pipeline_->target_rows("id, a, m, r, k", "t", "id"),
      ElementsAre("1|[1.00,10.50]|{\"v\":10.50}|{\"f0\":1,\"f1\":\"{\\\"k\\\": [\\\"a\\\", 1.0]}\"}|[\"a\",1.0]",
                  "2|[2.00,7.00]|{\"v\":7.00}|{\"f0\":2,\"f1\":\"no json\"}|NULL",
                  "3|[3.00,0.00]|{\"v\":0.00}|{\"f0\":3,\"f1\":null}|NULL"));
}

TEST_P(Sync, an_update_into_a_filter_that_lacks_a_column_stops_the_job) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT, doc TEXT)");
  sql("INSERT INTO t VALUES (1, 0, 'kept'), (2, 5, 'kept')");
  pipeline_->blocks(fmt::format("transform:\n  - source-table: {}.t\n    filter: v > 0\n", database_));
  catch_up_and_verify();
  auto partial = source_->connect(database_);
  ASSERT_TRUE(partial.has_value());
  ASSERT_TRUE((*partial)->execute("SET SESSION binlog_row_image = NOBLOB").has_value());
  ASSERT_TRUE((*partial)->execute("UPDATE t SET v = 6 WHERE id = 2").has_value());
  pipeline_->run_until_caught_up();
  EXPECT_THAT(pipeline_->target_rows("id, v, doc", "t", "id"), ElementsAre("2|6|kept"));
  ASSERT_TRUE((*partial)->execute("UPDATE t SET v = 1 WHERE id = 1").has_value());
  const auto job = pipeline_->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 6);
  EXPECT_THAT(job->err(), testing::HasSubstr("the log does not carry its column doc"));
  EXPECT_THAT(pipeline_->target_rows("id, v, doc", "t", "id"), ElementsAre("2|6|kept"));
}

TEST_P(Sync, changed_rules_stop_the_job_until_somebody_says_what_is_meant) {
  const auto rules = [&](const std::string& projection, const std::string& route = "") {
    pipeline_->blocks(
        fmt::format("transform:\n  - source-table: {}.t\n    projection: {}\n{}", database_, projection, route));
  };
  const auto run = [&](std::vector<std::string> more, int expected) {
    std::vector<std::string> arguments = {"run", "JOB", "--until-caught-up"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto job = pipeline_->start(arguments);
    EXPECT_EQ(job->wait().value_or(-1), expected) << job->err();
    return job->err();
  };
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10)");
  rules("id, v + 1 AS v");
  pipeline_->run_until_caught_up();
  rules("id, v + 2  AS v");
  sql("INSERT INTO t VALUES (2, 20)");
  const std::string refused = run({}, 3);
  EXPECT_THAT(refused, testing::HasSubstr("changed since the job ran last: the projection of " + database_ + ".t ("));
  EXPECT_THAT(refused, testing::HasSubstr("--accept-changes"));
  EXPECT_THAT(pipeline_->target_rows("id, v", "t", "id"), ElementsAre("1|11"));
  run({"--accept-changes"}, 0);
  rules("id, v+2 AS v");
  pipeline_->run_until_caught_up();
  EXPECT_THAT(pipeline_->target_rows("id, v", "t", "id"), ElementsAre("1|11", "2|22"));

  const std::string route = fmt::format("route:\n  - {{source-table: {0}.t, sink-table: {0}.moved}}\n", database_);
  rules("id, v + 2 AS v", route);
  EXPECT_THAT(run({}, 3), testing::HasSubstr("the route of " + database_ + ".t, which led to " + database_ + ".t"));
  sql("INSERT INTO t VALUES (3, 30)");
  run({"--accept-changes"}, 0);
  EXPECT_THAT(pipeline_->target_rows("id, v", "moved", "id"), ElementsAre("3|32"));
  rules("id, v + 3 AS v", route);
  run({"--reset"}, 0);
  EXPECT_THAT(pipeline_->target_rows("id, v", "moved", "id"), ElementsAre("1|13", "2|23", "3|33"));
}

// Two files with one job name, or a pattern that was narrowed and widened again.
TEST_P(Sync, a_table_that_was_left_out_for_a_while_is_copied_again) {
  sql("CREATE TABLE a (id INT PRIMARY KEY)");
  sql("CREATE TABLE b (id INT PRIMARY KEY)");
  catch_up_and_verify();
  pipeline_->source_options(fmt::format("tables: {}.a", database_));
  sql("INSERT INTO a VALUES (1)");
  sql("INSERT INTO b VALUES (1)");
  catch_up_and_verify();
  pipeline_->source_options("");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id", "b", "id"), ElementsAre("1"));
}

// What a kill between making a target and recording it leaves, when the source has made the table anew since.
TEST_P(Sync, a_new_table_whose_empty_target_has_other_columns_gets_its_own) {
  sql("CREATE TABLE a (id INT PRIMARY KEY)");
  catch_up_and_verify();
  const std::string name = GetParam().second == "sqlite" ? "b" : database_ + ".b";
  pipeline_->target_execute(fmt::format("CREATE TABLE {} (id INT PRIMARY KEY, v1 INT)", name));
  sql("CREATE TABLE b (id INT PRIMARY KEY, v2 INT)");
  sql("INSERT INTO b VALUES (1, 2)");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, v2", "b", "id"), ElementsAre("1|2"));
}

// The log does not name the character set of such a table; taken for UTF-8 its text would be damaged.
TEST_P(Sync, a_table_created_while_following_has_the_character_set_of_its_database) {
  execute(*source_, "ALTER DATABASE " + database_ + " CHARACTER SET latin1");
  sql("CREATE TABLE first (id INT PRIMARY KEY)");
  catch_up_and_verify();
  sql("CREATE TABLE later (id INT PRIMARY KEY, v VARCHAR(20))");
  sql("INSERT INTO later VALUES (1, 'äöü€'), (2, 'plain')");
  sql("CREATE TABLE latest LIKE later");
  sql("INSERT INTO latest SELECT * FROM later");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, v", "latest", "id"), ElementsAre("1|äöü€", "2|plain"));
}

TEST_P(Sync, a_large_table_is_copied_in_many_chunks_by_several_readers_while_it_changes) {
  sql("CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, v INT NOT NULL, pad CHAR(32))");
  sql("INSERT INTO big (v, pad) VALUES (1, 'p'), (2, 'q'), (3, 'r'), (4, 's')");
  for (int i = 0; i < 11; ++i) sql("INSERT INTO big (v, pad) SELECT v + 1, HEX(id * 7919) FROM big");
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 500").pipeline_options("parallelism: 3");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  for (int i = 0; i < 60; ++i) {
    sql(fmt::format("UPDATE big SET v = v + 1 WHERE id % 97 = {}", i));
    sql(fmt::format("DELETE FROM big WHERE id = {}", 100 + i * 7));
    sql(fmt::format("UPDATE big SET id = id + 1000000 WHERE id = {}", 5000 + i));
  }
  job->stop();
  catch_up_and_verify();
  EXPECT_EQ(pipeline_->target_value(
                fmt::format("SELECT COUNT(*) FROM {}big", GetParam().second == "sqlite" ? "" : database_ + ".")),
            source_->value("SELECT COUNT(*) FROM big", database_).value());
}

TEST_P(Sync, verify_finds_and_repairs_what_was_changed_behind_its_back) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))");
  sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  catch_up_and_verify();
  const std::string name = GetParam().second == "sqlite" ? "t" : database_ + ".t";
  pipeline_->target_execute("UPDATE " + name + " SET v = 'z' WHERE id = 1");
  pipeline_->target_execute("DELETE FROM " + name + " WHERE id = 2");
  pipeline_->target_execute("INSERT INTO " + name + " VALUES (9, 'extra')");
  EXPECT_EQ(pipeline_->verify(), 1);
  EXPECT_EQ(pipeline_->verify({"--repair"}), 0);
  EXPECT_EQ(pipeline_->verify(), 0);
  EXPECT_THAT(pipeline_->target_rows("id, v", "t", "id"), ElementsAre("1|a", "2|b", "3|c"));
  sql("UPDATE t SET v = 'd' WHERE id = 3");
  catch_up_and_verify();
}

// Positions are then files and offsets, and nothing else.
TEST(SyncWithoutGtids, mysql_is_followed_by_file_and_offset_over_restarts_and_rotations) {
  if (!MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  auto server = MysqlServer::start({.arguments = {}, .gtid = false});
  ASSERT_TRUE(server.has_value()) << server.error().message();
  const std::string database = fresh_database(**server);
  const auto sql = [&](std::string_view statement) { execute(**server, statement, database); };
  sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(10))");
  sql("CREATE TABLE log (line VARCHAR(10))");
  sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  const Pipeline pipeline(**server, "sqlite", database);
  pipeline.run_until_caught_up();
  for (int round = 0; round < 3; ++round) {
    sql(fmt::format("UPDATE t SET v = 'r{}' WHERE id = 1", round));
    sql(fmt::format("INSERT INTO log VALUES ('{}')", round));
    sql("FLUSH BINARY LOGS");
    sql(fmt::format("INSERT INTO log VALUES ('{}+')", round));
    pipeline.run_until_caught_up();
  }
  EXPECT_EQ(pipeline.verify(), 0);
  EXPECT_THAT(pipeline.target_rows("line", "log", "line"), ElementsAre("0", "0+", "1", "1+", "2", "2+"));
}

// A stop must not take long, whatever the job is doing.
TEST(SyncStop, ends_within_five_seconds_and_goes_on_from_there) {
  DatabaseServer& server = *Servers::shared().get("mariadb");
  const std::string database = fresh_database(server);
  execute(server, "CREATE TABLE t (id INT PRIMARY KEY, v INT)", database);
  execute(server, "INSERT INTO t SELECT seq, seq FROM seq_1_to_200000", database);
  const Pipeline pipeline(server, "postgres", database);
  const auto job = pipeline.start({"run", "JOB"});
  ASSERT_TRUE(wait_until([&] { return job->err().find("copying") != std::string::npos; })) << job->err();
  job->send_signal(SIGTERM);
  EXPECT_EQ(job->wait(std::chrono::seconds(5)).value_or(-1), 0) << job->err();
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
}

INSTANTIATE_TEST_SUITE_P(Matrix, Sync,
                         testing::Values(std::pair("mariadb", "sqlite"), std::pair("mariadb", "postgres"),
                                         std::pair("mariadb", "mariadb"), std::pair("mysql", "sqlite"),
                                         std::pair("mysql", "postgres"), std::pair("mysql", "mariadb"),
                                         std::pair("mysql", "mysql"), std::pair("mariadb", "mysql")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

}  // namespace
}  // namespace sluice::support
