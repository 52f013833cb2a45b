// SPDX-License-Identifier: Apache-2.0
// PostgreSQL as a source, end to end: copy, changes, schema changes, and named regressions of others' bugs with slots.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PostgresTest {
 public:
  explicit PostgresTest(const std::string& kind = "postgres_source") : source_(Servers::shared().get(kind)) {
    if (source_ != nullptr) database_ = fresh_database(*source_);
  }
  ~PostgresTest() {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  PostgresTest(const PostgresTest&) = delete;
  PostgresTest& operator=(const PostgresTest&) = delete;

  void sql(std::string_view statement) const { execute(*source_, statement, database_); }
  std::string value(std::string_view query) const {
    const auto found = source_->value(query, database_);
    return found ? *found : "none: " + found.error().message();
  }
  std::unique_ptr<Pipeline> to(const std::string& target) const {
    return std::make_unique<Pipeline>(*source_, target, database_);
  }
  DatabaseServer& server() const { return *source_; }
  const std::string& database() const { return database_; }

 private:
  DatabaseServer* source_;
  std::string database_;
};

void catch_up_and_verify(const Pipeline& pipeline) {
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
}

using SourceAndTarget = std::pair<std::string, std::string>;

class PostgresSync : public testing::TestWithParam<SourceAndTarget> {
 protected:
  void SetUp() override {
    const auto& [source, target] = GetParam();
    std::string why = source == "postgres_18" ? PostgresServer::newest_unavailable() : "";
    if (target == "mysql") why += MysqlServer::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    test_.emplace(source);
    pipeline_ = test_->to(target);
  }
  void sql(std::string_view statement) const { test_->sql(statement); }
  void catch_up_and_verify() const { support::catch_up_and_verify(*pipeline_); }

  std::optional<PostgresTest> test_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(PostgresSync, copies_rows_and_then_carries_every_change) {
  sql("CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(50) NOT NULL, amount numeric(12,2), note text)");
  sql("INSERT INTO orders VALUES (1, 'Ada', 10.50, 'a'), (2, 'Björk', NULL, 'it''s'), (3, '小明', -0.01, E'\\\\ "
      "\\n\\t')");
  sql("CREATE TABLE events (at timestamp, what varchar(20)); ALTER TABLE events REPLICA IDENTITY FULL");
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
  sql("UPDATE events SET what = 'y' WHERE ctid = (SELECT min(ctid) FROM events)");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, customer, amount", "orders", "id"),
              ElementsAre("1|Ada L.|11.00", "3|again|1.00", "4|new|2.00", "20|Björk|NULL"));
  EXPECT_THAT(pipeline_->target_rows("what", "events", "what"), ElementsAre("x", "y"));
}

TEST_P(PostgresSync, schema_changes_reach_the_target_in_order_with_the_rows) {
  sql("CREATE TABLE people (id int PRIMARY KEY, name varchar(20), age int)");
  sql("INSERT INTO people VALUES (1, 'a', 10), (2, 'b', 20)");
  catch_up_and_verify();
  sql("ALTER TABLE people ADD COLUMN city varchar(30) DEFAULT 'Rome'");
  sql("INSERT INTO people VALUES (3, 'c', 30, 'Oslo')");
  sql("ALTER TABLE people RENAME age TO years; ALTER TABLE people ALTER years TYPE bigint");
  sql("UPDATE people SET years = 5000000000 WHERE id = 1");
  sql("ALTER TABLE people DROP COLUMN name, ALTER city TYPE varchar(100)");
  sql("INSERT INTO people VALUES (4, 1, repeat('x', 60))");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, city, years", "people", "id"),
              ElementsAre("1|Rome|5000000000", "2|Rome|20", "3|Oslo|30", "4|" + std::string(60, 'x') + "|1"));
  sql("TRUNCATE people");
  sql("INSERT INTO people VALUES (5, 1, 'z')");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id", "people", "id"), ElementsAre("5"));
}

TEST_P(PostgresSync, large_tables_are_copied_by_several_readers_while_they_change) {
  sql("CREATE TABLE by_key (id serial PRIMARY KEY, v int NOT NULL, pad text);"
      "CREATE TABLE by_place (id text PRIMARY KEY, v int NOT NULL, pad text);"
      "CREATE TABLE keyless (v int, pad text); ALTER TABLE keyless REPLICA IDENTITY FULL");
  sql("INSERT INTO by_key (v, pad) SELECT n, md5(n::text) FROM generate_series(1, 8000) n;"
      "INSERT INTO by_place SELECT md5(n::text), n, 'p' FROM generate_series(1, 8000) n;"
      "INSERT INTO keyless SELECT n % 4000, 'p' FROM generate_series(1, 8000) n; ANALYZE");
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 500").pipeline_options("parallelism: 3");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  for (int i = 0; i < 40; ++i) {
    sql(fmt::format("UPDATE by_key SET v = v + 1 WHERE id % 97 = {}", i));
    sql(fmt::format("DELETE FROM by_key WHERE id = {}; DELETE FROM by_place WHERE v = {}", 100 + i * 7, 100 + i * 7));
    sql(fmt::format("UPDATE by_key SET id = id + 1000000 WHERE id = {}", 5000 + i));
    sql(fmt::format("UPDATE by_place SET pad = pad || 'q' WHERE v % 89 = {}", i));
    sql(fmt::format("DELETE FROM keyless WHERE v = {}", i * 3));
  }
  job->stop();
  catch_up_and_verify();
  EXPECT_EQ(pipeline_->target_value(fmt::format("SELECT COUNT(*) FROM {}by_key",
                                                GetParam().second == "sqlite" ? "" : test_->database() + ".")),
            test_->value("SELECT COUNT(*) FROM by_key"));
}

// Rows of such a table are found by their place, which holds within one snapshot only.
TEST_P(PostgresSync, a_copy_by_place_that_was_killed_begins_again) {
  sql("CREATE TABLE t (id text PRIMARY KEY, v int)");
  sql("INSERT INTO t SELECT 'k' || n, n FROM generate_series(1, 5000) n; ANALYZE t");
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 500");
  const auto killed = pipeline_->start({"run", "JOB", "--until-caught-up"}, {{"SLUICE_FAULT", "after_chunk_commit:3"}});
  EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  sql("UPDATE t SET v = -v WHERE v % 2 = 0; DELETE FROM t WHERE v = 1");
  const auto job = pipeline_->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  EXPECT_THAT(job->err(), HasSubstr("lost its snapshot"));
  EXPECT_EQ(pipeline_->verify(), 0);
}

TEST_P(PostgresSync, a_copy_by_key_goes_on_after_a_kill) {
  sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
  sql("INSERT INTO t SELECT n, n FROM generate_series(1, 5000) n; ANALYZE t");
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 500");
  const auto killed = pipeline_->start({"run", "JOB", "--until-caught-up"}, {{"SLUICE_FAULT", "after_chunk_commit:3"}});
  EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  sql("UPDATE t SET v = -v WHERE id % 2 = 0; DELETE FROM t WHERE id = 1; UPDATE t SET id = 10001 WHERE id = 2");
  const auto job = pipeline_->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  EXPECT_THAT(job->err(), HasSubstr("copying 7 chunks"));
  EXPECT_EQ(pipeline_->verify(), 0);
}

TEST_P(PostgresSync, partitions_are_tables_of_their_own) {
  sql("CREATE TABLE log (id int, day date) PARTITION BY RANGE (day);"
      "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');"
      "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')");
  sql("INSERT INTO log VALUES (1, '2024-01-15'), (2, '2024-02-15')");
  catch_up_and_verify();
  sql("INSERT INTO log VALUES (3, '2024-01-16')");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id", "log_1", "id"), ElementsAre("1", "3"));
  EXPECT_THAT(pipeline_->target_rows("id", "log_2", "id"), ElementsAre("2"));
}

TEST_P(PostgresSync, partitions_are_one_table_if_the_root_is_published) {
  pipeline_->source_options("publish.via.partition.root: true");
  sql("CREATE TABLE log (id int, day date, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);"
      "CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');"
      "CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2024-02-01') TO ('2024-03-01')");
  sql("INSERT INTO log VALUES (1, '2024-01-15'), (2, '2024-02-15')");
  catch_up_and_verify();
  sql("INSERT INTO log VALUES (3, '2024-01-16'); UPDATE log SET day = '2024-01-17' WHERE id = 2");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id", "log", "id"), ElementsAre("1", "2", "3"));
}

// Debezium #1682: names in other alphabets.
TEST_P(PostgresSync, names_may_have_any_letters) {
  sql(R"(CREATE TABLE "größe, 表""x" ("schlüssel ""a""" int PRIMARY KEY, "значение" text);)"
      R"(INSERT INTO "größe, 表""x" VALUES (1, 'a'))");
  catch_up_and_verify();
  sql(R"(INSERT INTO "größe, 表""x" VALUES (2, 'b'); UPDATE "größe, 表""x" SET "значение" = 'c' WHERE "значение" = 'a')");
  catch_up_and_verify();
}

TEST_P(PostgresSync, values_that_the_log_leaves_out_are_kept) {
  sql("CREATE TABLE t (id int PRIMARY KEY, n int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL");
  sql("INSERT INTO t SELECT n, n, repeat(chr(64 + n), 20000) FROM generate_series(1, 5) n");
  catch_up_and_verify();
  sql("UPDATE t SET n = n + 1; UPDATE t SET id = 100 WHERE id = 1");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, n, length(big)", "t", "id"),
              ElementsAre("2|3|20000", "3|4|20000", "4|5|20000", "5|6|20000", "100|2|20000"));
}

TEST_P(PostgresSync, a_numeric_without_precision_keeps_its_digits_through_routes_and_expressions) {
  sql("CREATE TABLE shard_1 (id int PRIMARY KEY, n numeric, m numeric(10,2), b bigint)");
  sql("CREATE TABLE shard_2 (id int PRIMARY KEY, n numeric(10,2), m numeric, b double precision)");
  sql("ALTER TABLE shard_1 REPLICA IDENTITY FULL; ALTER TABLE shard_2 REPLICA IDENTITY FULL");
  sql("INSERT INTO shard_1 VALUES (1, 12.345, 1.50, 9007199254740993)");
  sql("INSERT INTO shard_2 VALUES (2, 1.50, 12.345, 0.5)");
  pipeline_->blocks(
      fmt::format("route:\n  - {{source-table: '{0}.shard\\.*', sink-table: {0}.shards}}\n"
                  "transform:\n  - source-table: '{0}.shard\\.*'\n"
                  "    projection: \"*, COALESCE(n, 0) AS c\"\n    filter: b <> '9007199254740992'\n",
                  test_->database()));
  catch_up_and_verify();
  sql("INSERT INTO shard_1 VALUES (3, 0.0001, 2.50, 9007199254740992), (4, NULL, 2.50, 9007199254740991)");
  sql("UPDATE shard_2 SET n = 2.25, m = 0.000001");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, n, m, b, c", "shards", "id"),
              ElementsAre("1|12.345|1.50|9007199254740993|12.345", "2|2.25|0.000001|0.5|2.25",
                          "4|NULL|2.50|9007199254740991|0"));
}

// An update that leaves a large value alone is one of some columns, and cannot be taken out and put in again.
TEST_P(PostgresSync, a_row_whose_large_value_stays_gives_up_its_value_of_another_unique_key) {
  sql("CREATE TABLE t (id int PRIMARY KEY, u int, big text); ALTER TABLE t ALTER big SET STORAGE EXTERNAL");
  sql("INSERT INTO t SELECT n, n, repeat('x', 20000) FROM generate_series(1, 2) n");
  catch_up_and_verify();
  const std::string target = GetParam().second == "sqlite" ? "t" : test_->database() + ".t";
  pipeline_->target_execute("CREATE UNIQUE INDEX other ON " + target + " (u)");
  sql("BEGIN; UPDATE t SET u = 9 WHERE id = 1; INSERT INTO t VALUES (3, 1, 'y'); COMMIT");
  catch_up_and_verify();
  EXPECT_THAT(pipeline_->target_rows("id, u, length(big)", "t", "id"), ElementsAre("1|9|20000", "2|2|20000", "3|1|1"));
}

INSTANTIATE_TEST_SUITE_P(
    Matrix, PostgresSync,
    testing::Values(SourceAndTarget("postgres_source", "sqlite"), SourceAndTarget("postgres_source", "postgres"),
                    SourceAndTarget("postgres_source", "mariadb"), SourceAndTarget("postgres_source", "mysql"),
                    SourceAndTarget("postgres_18", "sqlite"), SourceAndTarget("postgres_18", "postgres"),
                    SourceAndTarget("postgres_18", "mariadb"), SourceAndTarget("postgres_18", "mysql")),
    [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

TEST(PostgresSource, says_what_the_server_or_the_user_lacks) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto fails = [](const Pipeline& pipeline, int code, const std::string& why) {
    const auto job = pipeline.start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), code) << job->err();
    EXPECT_THAT(job->err(), HasSubstr(why));
  };
  DatabaseServer& other = *Servers::shared().get("postgres");
  fails(Pipeline(other, "sqlite", "postgres"), 3, "ALTER SYSTEM SET wal_level = 'logical'");

  const std::string& name = test.database();
  test.sql(fmt::format("CREATE ROLE reader_{0} LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE {0} TO reader_{0}", name));
  const auto pipeline = test.to("sqlite");
  const std::string login = fmt::format("username: reader_{}\npassword: x\n", name);
  pipeline->source_options(login);
  fails(*pipeline, 4, "REPLICATION;");
  test.sql(fmt::format("ALTER ROLE reader_{} REPLICATION", name));
  fails(*pipeline, 4, fmt::format("GRANT USAGE ON SCHEMA \"{}\" TO", name));
  test.sql(
      fmt::format("GRANT USAGE ON SCHEMA {0} TO reader_{0}; GRANT SELECT ON t TO "
                  "reader_{0}",
                  name));
  fails(*pipeline, 4, "publication.autocreate.mode: filtered");
  pipeline->source_options(login + "publication.autocreate.mode: disabled");
  fails(*pipeline, 3, fmt::format("CREATE PUBLICATION \"dbz_publication\" FOR TABLE ONLY \"{}\".\"t\"", name));
  pipeline->source_options(login + "publication.autocreate.mode: filtered");
  test.sql(
      fmt::format("GRANT CREATE ON DATABASE {0} TO reader_{0}; ALTER SCHEMA {0} OWNER TO reader_{0}; ALTER TABLE t "
                  "OWNER TO reader_{0}",
                  name));
  catch_up_and_verify(*pipeline);
  test.sql(
      fmt::format("CREATE TABLE later (id int PRIMARY KEY); ALTER TABLE later OWNER TO reader_{}; INSERT INTO later "
                  "VALUES (1)",
                  name));
  catch_up_and_verify(*pipeline);
  test.sql("INSERT INTO later VALUES (2)");
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id", "later", "id"), ElementsAre("1", "2"));
  test.sql(fmt::format("DROP OWNED BY reader_{} CASCADE", name));
  test.sql(fmt::format("DROP ROLE reader_{}", name));
}

// Its changes meanwhile are in no log that the job reads.
TEST(PostgresSource, a_table_that_left_the_publication_is_copied_again) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (id int PRIMARY KEY)");
  test.sql("INSERT INTO t VALUES (1, 1), (2, 2)");
  const auto pipeline = test.to("sqlite");
  const std::string filtered = "publication.autocreate.mode: filtered\n";
  pipeline->source_options(filtered);
  catch_up_and_verify(*pipeline);
  test.sql("ALTER PUBLICATION dbz_publication DROP TABLE t; UPDATE t SET v = -v; DELETE FROM t WHERE id = 1");
  // A copy of another table must not put it back unseen.
  test.sql("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)");
  catch_up_and_verify(*pipeline);
  test.sql("INSERT INTO t VALUES (3, 3); INSERT INTO later VALUES (2)");
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id, v", "t", "id"), ElementsAre("2|-2", "3|3"));

  const auto stops = [&](const std::string& options, int code, const std::string& alter, const std::string& back) {
    pipeline->source_options(options);
    test.sql("ALTER PUBLICATION dbz_publication " + alter);
    const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), code) << job->err();
    EXPECT_THAT(job->err(), HasSubstr("--reset")) << alter;
    test.sql("ALTER PUBLICATION dbz_publication " + back);
  };
  stops(filtered, 3, "SET TABLE later, u, t WHERE (id > 2)", "SET TABLE later, t, u");
  stops(filtered, 3, "SET TABLE later, u, t (id)", "SET TABLE later, t, u");
  stops(filtered, 3, "SET (publish = 'insert')", "SET (publish = 'insert, update, delete, truncate')");
  stops("publication.autocreate.mode: disabled", 3, "DROP TABLE t", "ADD TABLE t");
  stops(filtered + "scan.startup.mode: latest-offset", 5, "DROP TABLE t", "ADD TABLE t");
  pipeline->source_options(filtered);
  test.sql("DROP PUBLICATION dbz_publication");
  const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 5) << job->err();
  EXPECT_THAT(job->err(), HasSubstr("publication 'dbz_publication' is gone"));
}

TEST(PostgresSource, refuses_a_publication_of_generated_columns) {
  if (const std::string why = PostgresServer::newest_unavailable(); !why.empty()) GTEST_SKIP() << why;
  PostgresTest test("postgres_18");
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int, g int GENERATED ALWAYS AS (v + 1) STORED)");
  test.sql("CREATE PUBLICATION dbz_publication FOR TABLE t WITH (publish_generated_columns = stored)");
  const auto pipeline = test.to("sqlite");
  const auto stops = [&](const std::string& why) {
    const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), 3) << job->err();
    EXPECT_THAT(job->err(), HasSubstr(why));
  };
  stops("SET (publish_generated_columns = none)");
  test.sql("ALTER PUBLICATION dbz_publication SET (publish_generated_columns = none)");
  test.sql("ALTER PUBLICATION dbz_publication SET TABLE t (id, v, g)");
  stops("publishes the generated column 'g'");
  test.sql("ALTER PUBLICATION dbz_publication SET TABLE t (id, v)");
  catch_up_and_verify(*pipeline);
  test.sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify(*pipeline);
}

// The log flags the other columns as the key, which they are not.
TEST(PostgresSource, a_primary_key_with_a_generated_column_is_no_key) {
  PostgresTest test;
  test.sql("CREATE TABLE t (a int, b int, g int GENERATED ALWAYS AS (b % 2) STORED, PRIMARY KEY (a, g))");
  test.sql("INSERT INTO t VALUES (1, 1)");
  const auto pipeline = test.to("sqlite");
  pipeline->run_until_caught_up();
  test.sql("INSERT INTO t VALUES (1, 2)");
  const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  EXPECT_THAT(job->err(), testing::Not(HasSubstr("copied again")));
  EXPECT_EQ(pipeline->verify(), 0);
}

TEST(PostgresSource, columns_that_a_key_s_index_includes_are_not_part_of_the_key) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int, v int, PRIMARY KEY (id) INCLUDE (v)); INSERT INTO t VALUES (1, 1)");
  const auto pipeline = test.to("sqlite");
  catch_up_and_verify(*pipeline);
  test.sql("UPDATE t SET v = 2");
  catch_up_and_verify(*pipeline);
  EXPECT_EQ(pipeline->target_value("SELECT count(*) FROM pragma_table_info('t') WHERE pk > 0"), "1");
}

TEST(PostgresSource, names_tables_that_no_log_has) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE UNLOGGED TABLE u (id int PRIMARY KEY)");
  const auto pipeline = test.to("sqlite");
  const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  EXPECT_THAT(job->err(), HasSubstr(test.database() + ".u is unlogged"));
}

TEST(PostgresSource, begins_where_it_is_told) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a')");
  const auto printed = [&](const std::string& mode) {
    const TempFolder folder;
    const std::string job = folder.write(
        "job.yaml",
        fmt::format(
            "source:\n  type: postgres\n  hostname: 127.0.0.1\n  port: {}\n  username: {}\n  password: {}\n"
            "  tables: {}.{}.t\n  slot.name: startup\n  scan.startup.mode: {}\nsink:\n  type: values\n  format: "
            "changelog\n",
            test.server().port(), test.server().username(), test.server().password(), test.database(), test.database(),
            mode));
    auto process =
        Process::spawn({.command = {SLUICE_PROGRAM, "run", job, "--state", folder.file("state"), "--until-caught-up"},
                        .env = {},
                        .output_folder = folder.path()});
    EXPECT_TRUE((*process)->wait().has_value());
    return (*process)->out() + ((*process)->wait() == 0 ? "" : (*process)->err());
  };
  EXPECT_THAT(printed("committed-offset"), HasSubstr("there is no slot 'startup'"));
  EXPECT_EQ(printed("snapshot"), "+I[1, a]\n");
  EXPECT_EQ(test.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'startup'"), "0");
  EXPECT_EQ(printed("latest-offset"), "");
  EXPECT_EQ(test.value("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'startup'"), "1");
  test.sql("INSERT INTO t VALUES (2, 'b')");
  EXPECT_EQ(printed("latest-offset"), "");
  EXPECT_EQ(printed("initial"), "+I[1, a]\n+I[2, b]\n");
}

TEST(PostgresSource, committed_offset_goes_on_where_the_slot_stands) {
  PostgresTest test;
  test.sql(
      "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE PUBLICATION dbz_publication FOR ALL "
      "TABLES");
  test.sql("SELECT pg_create_logical_replication_slot('" + test.database() + "', 'pgoutput')");
  test.sql("INSERT INTO t VALUES (2)");
  const auto pipeline = test.to("sqlite");
  pipeline->source_options("scan.startup.mode: committed-offset");
  pipeline->run_until_caught_up();
  EXPECT_THAT(pipeline->target_rows("id", "t", "id"), ElementsAre("2"));
}

TEST(PostgresSource, drops_its_slot_at_the_end_if_it_is_told_to) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto pipeline = test.to("sqlite");
  pipeline->source_options("debezium.slot.drop.on.stop: true");
  catch_up_and_verify(*pipeline);
  EXPECT_EQ(test.value("SELECT count(*) FROM pg_replication_slots WHERE database = current_database()"), "0");
}

// The server stores coins, and the locale says how many of them make a whole: none in yen, a thousand in dinars.
TEST(PostgresSource, money_has_the_digits_of_the_databases_locale) {
  if (!std::filesystem::exists("/usr/share/i18n/locales/ja_JP")) GTEST_SKIP() << "the package locales is not installed";
  const TempFolder locales;
  std::filesystem::permissions(locales.path(), std::filesystem::perms{0755});
  for (const std::string name : {"ja_JP", "ar_BH"}) {
    const auto made = Process::spawn(
        {.command = {"localedef", "--no-archive", "-i", name, "-f", "UTF-8", locales.file(name + ".utf8")},
         .output_folder = locales.path()});
    ASSERT_TRUE(made.has_value()) << made.error().message();
    ASSERT_TRUE((*made)->wait().has_value());
  }
  setenv("LOCPATH", locales.path().c_str(), 1);
  auto server = PostgresServer::start({.arguments = {"-c", "wal_level=logical"}});
  unsetenv("LOCPATH");
  ASSERT_TRUE(server.has_value()) << server.error().message();
  for (const auto& [locale, whole] : {std::pair("ja_JP.utf8", "1234"), std::pair("ar_BH.utf8", "1234.000")}) {
    SCOPED_TRACE(locale);
    const std::string database = fresh_database(**server);
    execute(**server, fmt::format("ALTER DATABASE {} SET lc_monetary = '{}'", database, locale));
    const auto sql = [&](std::string_view statement) { execute(**server, statement, database); };
    sql("CREATE TABLE t (id int PRIMARY KEY, v money); INSERT INTO t VALUES (1, 1234), (2, -5), (3, NULL)");
    const Pipeline pipeline(**server, "sqlite", database);
    catch_up_and_verify(pipeline);
    sql("INSERT INTO t VALUES (4, 1234); ALTER TABLE t ADD w money DEFAULT 1234; UPDATE t SET v = 1234 WHERE id = 2");
    catch_up_and_verify(pipeline);
    const std::string value = whole;
    EXPECT_THAT(pipeline.target_rows("v, w", "t", "id"),
                ElementsAre(value + "|" + value, value + "|" + value, "NULL|" + value, value + "|" + value));
    drop_database(**server, database);
  }
}

// --- bugs of others ---

// Debezium DBZ-5739: a slot that is dropped, or made again, has lost changes; going on "from now" hides it.
TEST(PostgresRegressions, a_dropped_or_recreated_slot_stops_the_job) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto pipeline = test.to("sqlite");
  catch_up_and_verify(*pipeline);
  const auto stops = [&](const std::string& why) {
    const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), 5) << job->err();
    EXPECT_THAT(job->err(), HasSubstr(why));
    EXPECT_THAT(job->err(), HasSubstr("--reset"));
  };
  test.sql("SELECT pg_drop_replication_slot('" + test.database() + "'); INSERT INTO t VALUES (1)");
  stops("is gone");
  test.sql("SELECT pg_create_logical_replication_slot('" + test.database() + "', 'pgoutput')");
  stops("it was made again");
}

// Also in the middle of a copy: the chunks that are there are from before the slot.
TEST(PostgresRegressions, a_slot_lost_during_the_copy_stops_the_job) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 2000) n");
  const auto pipeline = test.to("sqlite");
  pipeline->source_options("scan.incremental.snapshot.chunk.size: 500");
  const auto killed = pipeline->start({"run", "JOB", "--until-caught-up"}, {{"SLUICE_FAULT", "after_chunk_commit:2"}});
  EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  test.sql("SELECT pg_drop_replication_slot('" + test.database() + "'); UPDATE t SET v = 0");
  const auto job = pipeline->start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 5) << job->err();
}

TEST(PostgresRegressions, a_slot_that_the_server_gave_up_stops_the_job) {
  auto server = PostgresServer::start({.arguments = {"-c", "wal_level=logical", "-c", "max_slot_wal_keep_size=1MB"}});
  ASSERT_TRUE(server.has_value()) << server.error().message();
  const std::string database = fresh_database(**server);
  execute(**server, "CREATE TABLE t (id int PRIMARY KEY, v text)", database);
  const Pipeline pipeline(**server, "sqlite", database);
  pipeline.run_until_caught_up();
  ASSERT_TRUE(wait_until([&] {
    execute(**server, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000)); SELECT pg_switch_wal()",
            database);
    execute(**server, "CHECKPOINT", database);
    const auto status = (*server)->value("SELECT wal_status FROM pg_replication_slots", database);
    return status.has_value() && *status == "lost";
  }));
  const auto job = pipeline.start({"run", "JOB", "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 5) << job->err();
  EXPECT_THAT(job->err(), HasSubstr("max_slot_wal_keep_size"));
  EXPECT_THAT(job->err(), HasSubstr("--reset"));
}

// The most frequent complaint about every reader of slots: nothing changes in the captured tables, the disk fills up.
TEST(PostgresRegressions, idle_tables_do_not_hold_the_slot_back) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE public.other (v text)");
  const auto pipeline = test.to("sqlite");
  pipeline->source_options("heartbeat.interval: 200ms\nstatus.update.interval: 100ms");
  const auto job = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  const std::string slot = "FROM pg_replication_slots WHERE slot_name = '" + test.database() + "'";
  ASSERT_TRUE(wait_until([&] { return test.value("SELECT active " + slot) == "t"; })) << job->err();
  test.sql("INSERT INTO public.other SELECT repeat('x', 1000) FROM generate_series(1, 1000)");
  const std::string behind = test.value("SELECT pg_current_wal_flush_lsn()");
  EXPECT_TRUE(wait_until([&] {
    return test.value("SELECT confirmed_flush_lsn >= '" + behind + "'::pg_lsn " + slot) == "t";
  })) << test.value("SELECT confirmed_flush_lsn " + slot)
      << " " << behind;
  job->stop();
}

// SynchDB #256: a transaction that is open while the slot is made belongs to the copy or to the log, never to neither.
TEST(PostgresRegressions, a_transaction_that_is_open_while_the_slot_is_made_is_not_lost) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)");
  auto open = test.server().connect(test.database());
  ASSERT_TRUE(open.has_value());
  ASSERT_TRUE((*open)->execute("BEGIN; INSERT INTO t VALUES (2)").has_value());
  const auto pipeline = test.to("sqlite");
  const auto job = pipeline->start({"run", "JOB", "--state", pipeline->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return job->err().find("waits for the transactions") != std::string::npos; }));
  test.sql("INSERT INTO t VALUES (3)");
  ASSERT_TRUE((*open)->execute("INSERT INTO t VALUES (4); COMMIT").has_value());
  EXPECT_TRUE(wait_until(
      [&] { return job->err().find("replication slot '" + test.database() + "' begins") != std::string::npos; }));
  job->stop();
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id", "t", "id"), ElementsAre("1", "2", "3", "4"));
}

// Debezium DBZ-8312, #76: rows of a transaction that was open over a restart, around commits of others.
TEST(PostgresRegressions, a_long_transaction_around_a_restart_is_not_lost) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int)");
  const auto pipeline = test.to("sqlite");
  catch_up_and_verify(*pipeline);
  auto open = test.server().connect(test.database());
  ASSERT_TRUE(open.has_value());
  ASSERT_TRUE((*open)->execute("BEGIN; INSERT INTO t VALUES (1, 1)").has_value());
  test.sql("INSERT INTO t VALUES (2, 2)");
  pipeline->run_until_caught_up();
  EXPECT_THAT(pipeline->target_rows("id", "t", "id"), ElementsAre("2"));
  ASSERT_TRUE((*open)->execute("INSERT INTO t VALUES (3, 3); COMMIT").has_value());
  test.sql("INSERT INTO t VALUES (4, 4)");
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id", "t", "id"), ElementsAre("1", "2", "3", "4"));
}

// Rows of COPY share one place in the log: whoever goes on behind a place in the middle loses or doubles some.
TEST(PostgresRegressions, many_rows_with_one_lsn_survive_a_kill) {
  PostgresTest test;
  test.sql("CREATE TABLE t (v int); ALTER TABLE t REPLICA IDENTITY FULL");
  const auto pipeline = test.to("sqlite");
  catch_up_and_verify(*pipeline);
  for (int round = 0; round < 4; ++round) {
    test.sql("COPY t FROM PROGRAM 'seq 1 3000'");
    const auto killed = pipeline->start({"run", "JOB", "--until-caught-up"},
                                        {{"SLUICE_FAULT", round % 2 == 0 ? "after_write:1" : "before_commit:1"}});
    EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  }
  catch_up_and_verify(*pipeline);
  EXPECT_EQ(pipeline->target_value("SELECT COUNT(*) FROM t"), "12000");
}

// Debezium #2058: rows behind a logical message of the same transaction were lost over a restart.
TEST(PostgresRegressions, rows_behind_a_logical_message_survive_a_kill) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY)");
  const auto pipeline = test.to("sqlite");
  catch_up_and_verify(*pipeline);
  for (int round = 0; round < 2; ++round) {
    test.sql(
        fmt::format("BEGIN; INSERT INTO t VALUES ({0}1); SELECT pg_logical_emit_message(true, 'p', 'text');"
                    "SELECT pg_logical_emit_message(false, 'p', 'text'); INSERT INTO t VALUES ({0}2); COMMIT",
                    round + 1));
    const auto killed = pipeline->start({"run", "JOB", "--until-caught-up"},
                                        {{"SLUICE_FAULT", round == 0 ? "after_write:1" : "after_commit:1"}});
    EXPECT_EQ(killed->wait().value_or(-1), 137) << killed->err();
  }
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id", "t", "id"), ElementsAre("11", "12", "21", "22"));
}

// Debezium #295: ranges of times shifted with the zone of the process, and so differed between copy and log.
TEST(PostgresRegressions, times_do_not_shift_with_the_zone_of_the_process) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, at timestamptz, span tstzrange, list timestamptz[], local timestamp)");
  const auto insert = [&](int id) {
    test.sql(
        fmt::format("INSERT INTO t VALUES ({}, '2024-07-01 00:30:00+00', '[2024-07-01 00:30:00+00,infinity)', "
                    "'{{2024-01-01 23:30:00+00}}', '2024-07-01 00:30:00')",
                    id));
  };
  const auto pipeline = test.to("sqlite");
  const auto run_in = [&](const std::string& zone) {
    const auto job = pipeline->start({"run", "JOB", "--until-caught-up"}, {{"TZ", zone}, {"PGTZ", zone}});
    EXPECT_EQ(job->wait().value_or(-1), 0) << job->err();
  };
  insert(1);
  run_in("America/New_York");
  insert(2);
  run_in("Asia/Kolkata");
  const auto rows = pipeline->target_rows("at, span, list, local", "t", "id");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0], rows[1]);
  EXPECT_EQ(pipeline->verify(), 0);
}

TEST(PostgresRegressions, a_changed_key_may_be_the_last_thing_that_happened) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2)");
  const auto pipeline = test.to("postgres");
  catch_up_and_verify(*pipeline);
  test.sql("UPDATE t SET id = 3 WHERE id = 1");
  catch_up_and_verify(*pipeline);
  EXPECT_THAT(pipeline->target_rows("id, v", "t", "id"), ElementsAre("2|2", "3|1"));
}

// 1.0 and 1.00 are one key to the server, and two to whoever compares bytes: the deletion of the one in one lane must
// not meet the other, which a second lane has written.
TEST(PostgresRegressions, a_key_that_changes_to_one_that_the_server_takes_for_the_same_is_not_lost) {
  const PostgresTest test;
  test.sql("CREATE TABLE digits (id numeric PRIMARY KEY, v int); CREATE TABLE names (id text PRIMARY KEY, v int)");
  test.sql("INSERT INTO digits SELECT n, n FROM generate_series(1, 400) n");
  test.sql("INSERT INTO names SELECT 'name' || n, n FROM generate_series(1, 400) n");
  const auto pipeline = test.to("postgres");
  pipeline->pipeline_options("parallelism: 4\nrestart.delay-max: 1s");
  pipeline->target_execute(fmt::format(
      "CREATE SCHEMA {0}; CREATE COLLATION {0}.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = "
      "false); CREATE TABLE {0}.names (id text COLLATE {0}.any_case PRIMARY KEY, v int)",
      test.database()));
  pipeline->run_until_caught_up();
  for (int round = 0; round < 3; ++round) {
    test.sql(
        "UPDATE digits SET id = (id::text || CASE WHEN strpos(id::text, '.') > 0 THEN '0' ELSE '.0' END)::numeric");
    test.sql("UPDATE names SET id = CASE WHEN id = upper(id) THEN lower(id) ELSE upper(id) END");
    catch_up_and_verify(*pipeline);
  }
  const std::string count = "SELECT COUNT(*) FROM " + test.database();
  EXPECT_EQ(pipeline->target_value(count + ".digits WHERE id::text LIKE '%.000'"), "400");
  EXPECT_EQ(pipeline->target_value(count + ".names WHERE id = upper(id) COLLATE \"C\""), "400");
}

TEST(PostgresSource, ends_within_five_seconds_while_it_copies) {
  PostgresTest test;
  test.sql("CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 300000) n");
  const auto pipeline = test.to("postgres");
  const auto job = pipeline->start({"run", "JOB"});
  ASSERT_TRUE(wait_until([&] { return job->err().find("copying") != std::string::npos; })) << job->err();
  job->send_signal(SIGTERM);
  EXPECT_EQ(job->wait(std::chrono::seconds(5)).value_or(-1), 0) << job->err();
  catch_up_and_verify(*pipeline);
}

}  // namespace
}  // namespace sluice::support
