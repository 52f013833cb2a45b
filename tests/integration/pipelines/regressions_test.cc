// SPDX-License-Identifier: Apache-2.0
// Bugs that shipped elsewhere, each with its number in docs/pitfalls.md. The copy is compared row by row and by
// `sluice verify`.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

class Regressions : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get("mariadb");
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "past");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam(), database_);
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 2").pipeline_options("parallelism: 3");
  }
  void TearDown() override {
    if (source_ != nullptr) execute(*source_, "DROP DATABASE IF EXISTS " + database_);
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  void catch_up_and_verify() {
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
  }
  // Copies the first half of the chunks, or a few of them, and dies.
  void die_at(const std::string& fault) {
    const auto process =
        pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, {{"SLUICE_FAULT", fault}});
    EXPECT_EQ(process->wait().value_or(-1), 137) << tail(process->err());
  }
  std::vector<std::string> rows(const std::string& columns, const std::string& order = "id",
                                const std::string& table = "t") {
    return pipeline_->target_rows(columns, table, order);
  }
  std::string ledger() const {
    return GetParam() == "sqlite"     ? "sluice_ledger"
           : GetParam() == "postgres" ? "public.sluice_ledger"
                                      : "ledger.sluice_ledger";
  }
  void expect_same_as_source(const std::string& columns, const std::string& table = "t") {
    const auto expected = source_->query(fmt::format("SELECT {} FROM {}", columns, table), database_);
    ASSERT_TRUE(expected.has_value());
    std::vector<std::string> lines;
    for (const auto& row : *expected) {
      std::string line;
      for (const auto& value : row) line += (line.empty() ? "" : "|") + value.value_or("NULL");
      lines.push_back(line);
    }
    EXPECT_THAT(rows(columns, "1", table), testing::UnorderedElementsAreArray(lines));
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

// 32 (FLINK-38531): a restart in the middle of one statement that changed many rows skips the rest.
TEST_P(Regressions, p32_a_restart_within_a_bulk_statement_skips_nothing) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  catch_up_and_verify();
  sql("INSERT INTO t SELECT seq, 0 FROM seq_1_to_60000");
  sql("UPDATE t SET v = v + 1");
  die_at("after_write:2");
  die_at("before_commit:1");
  catch_up_and_verify();
  EXPECT_EQ(rows("SUM(v), COUNT(*)", "1"), std::vector<std::string>{"60000|60000"});
}

// 29, 31, 71, 72: deletes and inserts of one key change places, or a delete is lost where the key is composite.
TEST_P(Regressions, p29_p31_p71_p72_delete_and_insert_of_one_key_keep_their_order) {
  sql("CREATE TABLE t (a INT, b VARCHAR(5), v INT, PRIMARY KEY (a, b))");
  sql("INSERT INTO t VALUES (1, 'x', 1), (2, 'x', 1), (3, 'x', 1)");
  catch_up_and_verify();
  sql("BEGIN; DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (1, 'x', 2); INSERT INTO t VALUES (4, 'x', 1); "
      "DELETE FROM t WHERE a = 2; INSERT INTO t VALUES (2, 'x', 5); DELETE FROM t WHERE a = 2; "
      "DELETE FROM t WHERE a = 4; INSERT INTO t VALUES (4, 'x', 7); COMMIT");
  sql("REPLACE INTO t VALUES (3, 'x', 9); DELETE FROM t WHERE a = 4; INSERT INTO t VALUES (4, 'x', 8)");
  catch_up_and_verify();
  EXPECT_THAT(rows("a, b, v", "a"), ElementsAre("1|x|2", "3|x|9", "4|x|8"));
}

// 6 (DBZ-8594): an update of the key as the last operation of a transaction.
TEST_P(Regressions, p6_a_key_change_may_end_a_transaction) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)");
  catch_up_and_verify();
  sql("BEGIN; UPDATE t SET v = 9 WHERE id = 1; UPDATE t SET id = 10 WHERE id = 2; COMMIT");
  sql("UPDATE t SET id = id + 100 ORDER BY id DESC");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, v"), ElementsAre("101|9", "103|3", "110|2"));
}

// 38 (FLINK-39749): chunk bounds compared case-sensitively while the collation is not: overlap and loss.
TEST_P(Regressions, p38_chunk_bounds_follow_the_collation_of_the_server) {
  sql("CREATE TABLE t (id VARCHAR(10) COLLATE utf8mb4_general_ci PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES ('a', 1), ('B', 2), ('c', 3), ('D', 4), ('e', 5), ('F', 6), ('g', 7), ('H', 8), ('É1', 9), "
      "('e2', 10), ('ß', 11), ('Z', 12), ('_', 13), ('ab', 14), ('AC', 15)");
  die_at("after_chunk_commit:3");
  // On both sides of bounds that a comparison of bytes would put elsewhere, before and behind what is copied.
  sql("UPDATE t SET v = v + 100; DELETE FROM t WHERE id = 'd'; INSERT INTO t VALUES ('bb', 20), ('BA', 21), ('zz', "
      "22)");
  sql("UPDATE t SET id = 'Aa' WHERE id = 'g'; UPDATE t SET id = 'ZA' WHERE id = 'A'");
  die_at("after_chunk_commit:2");
  sql("UPDATE t SET v = v + 1000 WHERE id IN ('B', 'zz', 'h')");
  catch_up_and_verify();
  expect_same_as_source("id, v");
}

// 52 (SeaTunnel 6026): the splitter is wrong with many equal keys.
TEST_P(Regressions, p52_many_equal_values_of_the_chunk_column_stay_in_one_chunk) {
  sql("CREATE TABLE t (k VARCHAR(10), id INT, PRIMARY KEY (k, id))");
  sql("INSERT INTO t SELECT 'same', seq FROM seq_1_to_20");
  sql("INSERT INTO t VALUES ('a', 1), ('a', 2), ('a', 3), ('a', 4), ('z', 1), ('SAME', 50), ('z', 2), ('z', 3)");
  sql("CREATE TABLE ints (k INT, id INT, PRIMARY KEY (k, id))");
  sql("INSERT INTO ints SELECT 7, seq FROM seq_1_to_20");
  sql("INSERT INTO ints VALUES (1000000, 1), (-5, 1), (-5, 2), (-5, 3)");
  die_at("after_chunk_commit:2");
  sql("UPDATE t SET id = id + 100 WHERE k = 'same' AND id < 5; DELETE FROM ints WHERE k = 7 AND id > 10");
  catch_up_and_verify();
  expect_same_as_source("k, id");
  expect_same_as_source("k, id", "ints");
}

TEST_P(Regressions, a_database_that_is_made_anew_between_two_chunks_is_copied_anew) {
  const char* const create = "CREATE TABLE t (id INT PRIMARY KEY, v INT)";
  sql(create);
  sql("INSERT INTO t SELECT seq, 1 FROM seq_1_to_20");
  die_at("after_chunk_commit:2");
  sql("DROP DATABASE " + database_);
  execute(*source_, "CREATE DATABASE " + database_);
  sql(create);
  sql("INSERT INTO t SELECT seq, 2 FROM seq_3_to_18");
  catch_up_and_verify();
  expect_same_as_source("id, v");
}

// Nobody can tell which chunk a row was in, and so whether its change is in the copy.
TEST_P(Regressions, a_change_that_does_not_tell_the_chunk_column_stops_the_job) {
  pipeline_->source_options(
      fmt::format("scan.incremental.snapshot.chunk.size: 2\n"
                  "scan.incremental.snapshot.chunk.key-column: {}.t:other",
                  database_));
  sql("CREATE TABLE t (id INT PRIMARY KEY, other INT NOT NULL)");
  sql("INSERT INTO t SELECT seq, seq * 10 FROM seq_1_to_20");
  die_at("after_chunk_commit:2");
  auto session = source_->connect(database_);
  ASSERT_TRUE(session.has_value());
  ASSERT_TRUE((*session)->execute("SET SESSION binlog_row_image = MINIMAL").has_value());
  ASSERT_TRUE((*session)->execute("DELETE FROM t WHERE id IN (1, 3, 5)").has_value());
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_NE(job->wait().value_or(-1), 0);
  EXPECT_THAT(job->err(), testing::HasSubstr("does not tell the old value of column 'other'"));
}

// 65 (PeerDB 4550, 3983): chunk ranges overflow 64 bits, a span is smaller than the chunks, keys are NULL.
TEST_P(Regressions, p65_extreme_integers_and_null_keys_are_in_some_chunk) {
  sql("CREATE TABLE t (id BIGINT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (-9223372036854775808, 1), (9223372036854775807, 2), (0, 3), (-1, 4), (1, 5), "
      "(9223372036854775806, 6), (-9223372036854775807, 7)");
  sql("CREATE TABLE u (id BIGINT UNSIGNED PRIMARY KEY, v INT)");
  sql("INSERT INTO u VALUES (18446744073709551615, 1), (0, 2), (9223372036854775808, 3), (18446744073709551614, 4), "
      "(9223372036854775807, 5)");
  sql("CREATE TABLE dense (id BIGINT UNSIGNED PRIMARY KEY)");
  sql("INSERT INTO dense SELECT 18446744073709551600 + seq FROM seq_0_to_15");
  sql("CREATE TABLE nulls (n INT, v INT)");
  sql("INSERT INTO nulls VALUES (NULL, 1), (1, 2), (NULL, 3), (2, 4), (3, 5), (4, 6), (5, 7)");
  sql("CREATE TABLE tiny (id TINYINT PRIMARY KEY)");
  sql("INSERT INTO tiny VALUES (-128), (127)");
  pipeline_->source_options(fmt::format(
      "scan.incremental.snapshot.chunk.size: 2\nscan.incremental.snapshot.chunk.key-column: {}.nulls:n", database_));
  die_at("after_chunk_commit:3");
  sql("UPDATE t SET v = v + 10; UPDATE u SET v = v + 10; UPDATE nulls SET v = v + 10");
  catch_up_and_verify();
  expect_same_as_source("id, v");
  expect_same_as_source("id, v", "u");
  expect_same_as_source("id", "dense");
  expect_same_as_source("id", "tiny");
  expect_same_as_source("n, v", "nulls");
}

// 82 (olake 261), 66, 12: bounds that are inclusive on both sides double rows, exclusive on both lose them.
TEST_P(Regressions, p82_rows_on_chunk_boundaries_come_exactly_once) {
  for (const int rows : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    sql(fmt::format("CREATE TABLE a{0} (id INT PRIMARY KEY); CREATE TABLE s{0} (id VARCHAR(5) PRIMARY KEY)", rows));
    for (int i = 0; i < rows; ++i)
      sql(fmt::format("INSERT INTO a{0} VALUES ({1}); INSERT INTO s{0} VALUES ('k{1}')", rows, i));
  }
  catch_up_and_verify();
  for (const int count : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
    EXPECT_EQ(rows("id", "id", fmt::format("a{}", count)).size(), static_cast<size_t>(count));
    EXPECT_EQ(rows("id", "id", fmt::format("s{}", count)).size(), static_cast<size_t>(count));
  }
}

// 38 again, for keys whose text does not sort as the server sorts them.
TEST_P(Regressions, p38_chunk_bounds_follow_the_type_of_the_key) {
  sql("CREATE TABLE times (id TIME(3) PRIMARY KEY, v INT)");
  // PostgreSQL's time ends at 24:00; a value outside stops the job.
  sql(GetParam() == "postgres"
          ? "INSERT INTO times VALUES ('00:00:00', 1), ('09:00:00', 2), ('23:59:59', 3)"
          : "INSERT INTO times VALUES ('-100:00:00', 1), ('-01:00:00', 2), ('-00:00:01.5', 3), ('00:00:00', 4), "
            "('09:00:00', 5), ('10:00:00.25', 6), ('99:59:59', 7), ('100:00:00', 8), ('838:59:59', 9)");
  sql("CREATE TABLE moments (id DATETIME(6) PRIMARY KEY, v INT)");
  sql("INSERT INTO moments VALUES ('1000-01-01', 1), ('1969-12-31 23:59:59.999999', 2), ('1970-01-01', 3), "
      "('2024-02-29 12:00:00', 4), ('2024-02-29 12:00:00.000001', 5), ('2024-02-29 12:00:00.1', 6), ('9999-12-31', 7)");
  sql("CREATE TABLE numbers (id DECIMAL(20,5) PRIMARY KEY, v INT)");
  sql("INSERT INTO numbers VALUES (-100, 1), (-9.5, 2), (0, 3), (0.00001, 4), (9, 5), (10, 6), (100.5, 7)");
  sql("CREATE TABLE bytes (id VARBINARY(8) PRIMARY KEY, v INT)");
  sql("INSERT INTO bytes VALUES ('', 1), (x'00', 2), (x'0000', 3), (x'7f', 4), (x'80', 5), (x'ff', 6), (x'ff00', 7)");
  sql("CREATE TABLE days (id DATE PRIMARY KEY, v INT)");
  sql("INSERT INTO days VALUES ('1000-01-01', 1), ('1899-12-31', 2), ('1970-01-01', 3), ('2300-01-01', 4), "
      "('9999-12-31', 5)");
  sql("CREATE TABLE uuids (id UUID PRIMARY KEY, v INT)");
  sql("INSERT INTO uuids VALUES ('00000000-0000-0000-0000-000000000001', 1), ('10000000-0000-1000-8000-000000000000', "
      "2), ('ffffffff-0000-1000-8000-000000000000', 3), ('00000000-ffff-1000-8000-000000000000', 4), "
      "('00000000-0000-1fff-8000-000000000000', 5)");
  // Each row changes once, right after its chunk was copied: who takes it for a row of a later chunk loses that.
  pipeline_->pipeline_options("parallelism: 1");
  std::set<std::string> changed;
  for (int i = 0; i < 20; ++i) {
    die_at("after_chunk_commit:1");
    for (const std::string table : {"times", "moments", "numbers", "bytes", "days", "uuids"}) {
      for (const auto& v : rows("v", "v", table)) {
        if (changed.insert(table + v).second) sql(fmt::format("UPDATE {} SET v = v + 100 WHERE v = {}", table, v));
      }
    }
  }
  catch_up_and_verify();
  for (const char* table : {"times", "moments", "numbers", "bytes", "days", "uuids"}) {
    expect_same_as_source("v", table);
  }
}

// 9, 46 (DBZ-9006, Flink CDC 1061): rows of an append-only table come twice when the copy is interrupted.
TEST_P(Regressions, p9_p46_an_interrupted_copy_doubles_nothing_without_a_key) {
  sql("CREATE TABLE t (n INT, what VARCHAR(10))");
  sql("INSERT INTO t SELECT seq, 'copy' FROM seq_1_to_500");
  die_at("before_chunk_commit:1");
  sql("INSERT INTO t SELECT seq + 500, 'log' FROM seq_1_to_10");
  die_at("after_chunk_commit:1");
  sql("INSERT INTO t SELECT seq + 600, 'log' FROM seq_1_to_10");
  die_at("after_commit:1");
  catch_up_and_verify();
  EXPECT_THAT(rows("COUNT(*), COUNT(DISTINCT n)", "1"), ElementsAre("520|520"));
}

// 40 (FLINK-39071): the definition changes while the rows are copied.
TEST_P(Regressions, p40_a_table_may_be_altered_between_two_chunks_of_its_copy) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t SELECT seq, seq FROM seq_1_to_20");
  die_at("after_chunk_commit:2");
  sql("ALTER TABLE t ADD COLUMN w VARCHAR(5) DEFAULT 'w' FIRST, DROP COLUMN v");
  sql("INSERT INTO t VALUES ('n', 21)");
  catch_up_and_verify();
  expect_same_as_source("id, w");
}

// Beside 40: rows that were in the target before the job are never dropped with a copy that begins again.
TEST_P(Regressions, p40_rows_of_others_survive_when_the_copy_begins_again) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  pipeline_->target_execute(
      fmt::format("INSERT INTO {}t VALUES (100, 1)", GetParam() == "sqlite" ? "" : database_ + "."));
  const auto again = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--reset"},
                                      {{"SLUICE_FAULT", "after_snapshot_plan:1"}});
  EXPECT_EQ(again->wait().value_or(-1), 137) << tail(again->err());
  sql("ALTER TABLE t ADD COLUMN w INT");
  const auto last = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_NE(last->wait().value_or(-1), -1);
  EXPECT_THAT(rows("id"), testing::Contains("100"));
}

// 42 (FLINK-38334): a table that goes away between two chunks of its copy leaves the job waiting for ever.
TEST_P(Regressions, p42_a_table_that_goes_away_while_it_is_copied_is_not_waited_for) {
  sql("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE t (id INT PRIMARY KEY)");
  sql("INSERT INTO a SELECT seq FROM seq_1_to_20; INSERT INTO t SELECT seq FROM seq_1_to_20");
  die_at("after_chunk_commit:1");
  sql("DROP TABLE a");
  catch_up_and_verify();
  expect_same_as_source("id");
  catch_up_and_verify();
}

// 41 (FLINK-37462), 54 (SeaTunnel 11503), 74: schema changes in a row, a restart between them, rows of each shape.
TEST_P(Regressions, p41_p54_p74_each_row_is_read_with_the_shape_it_was_written_in) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, 2)");
  sql("ALTER TABLE t ADD COLUMN a INT AFTER id; ALTER TABLE t ADD COLUMN b INT AFTER id; ALTER TABLE t DROP COLUMN a");
  sql("INSERT INTO t VALUES (3, 30, 3)");
  sql("ALTER TABLE t MODIFY COLUMN b VARCHAR(20); ALTER TABLE t RENAME COLUMN v TO w");
  sql("INSERT INTO t VALUES (4, 'four', 4)");
  // The second statement follows the first without a row between.
  die_at("before_schema_change:2");
  die_at("after_schema_recorded:1");
  die_at("after_schema_change:2");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, b, w"), ElementsAre("1|NULL|1", "2|NULL|2", "3|30|3", "4|four|4"));
}

// The server reads old names in the table as it was before the statement; nothing in the row events tells names.
TEST_P(Regressions, p41_p54_p74_columns_may_exchange_and_pass_on_their_names) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT)");
  sql("INSERT INTO t VALUES (1, 10, 20)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, 11, 21)");
  sql("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a; INSERT INTO t (id, a, b) VALUES (3, 22, 12)");
  die_at("after_schema_change:1");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, a, b"), ElementsAre("1|20|10", "2|21|11", "3|22|12"));
  sql("ALTER TABLE t CHANGE a b BIGINT, CHANGE b a INT; INSERT INTO t (id, a, b) VALUES (4, 13, 23)");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, a, b"), ElementsAre("1|10|20", "2|11|21", "3|12|22", "4|13|23"));
  sql("ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO c; INSERT INTO t (id, b, c) VALUES (5, 14, 24)");
  sql("ALTER TABLE t ADD b INT DEFAULT 7, CHANGE b d INT; INSERT INTO t (id, d, c, b) VALUES (6, 15, 25, 35)");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, d, c, b"),
              ElementsAre("1|10|20|7", "2|11|21|7", "3|12|22|7", "4|13|23|7", "5|14|24|7", "6|15|25|35"));
}

// It is logged when it begins, and again when it is done or has failed.
TEST_P(Regressions, an_alter_table_in_two_phases_takes_effect_when_it_is_done) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, k INT, v INT)");
  sql("INSERT INTO t VALUES (1, 1, 1), (2, 1, 2)");
  catch_up_and_verify();
  auto session = source_->connect(database_);
  ASSERT_TRUE(session.has_value());
  ASSERT_TRUE((*session)->execute("SET SESSION binlog_alter_two_phase = ON").has_value());
  ASSERT_FALSE((*session)->execute("ALTER TABLE t DROP COLUMN v, ADD UNIQUE (k)").has_value());
  sql("INSERT INTO t VALUES (3, 3, 3)");
  ASSERT_TRUE((*session)->execute("ALTER TABLE t ADD COLUMN w INT DEFAULT 5 AFTER id").has_value());
  sql("INSERT INTO t VALUES (4, 40, 4, 4)");
  ASSERT_TRUE((*session)->execute("ALTER TABLE t RENAME COLUMN k TO l").has_value());
  catch_up_and_verify();
  expect_same_as_source("id, w, l, v");
}

// 44 (FLINK-36282, -39832, -34908, -40340, -40360), 57: types that lose something on their way.
TEST_P(Regressions, p44_p57_numbers_and_bits_keep_their_width) {
  sql("CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(38,10), z INT(6) ZEROFILL, b BIT(5), c BIT(64), ts "
      "TIMESTAMP(6) NULL, dt DATETIME(3), big DECIMAL(65,0))");
  const char* const row =
      "18446744073709551615 - {0}, 1234567890123456789012345678.0123456789, 42, b'10101', x'ffffffffffffffff', "
      "'2024-01-02 03:04:05.678901', '2024-01-02 03:04:05.678', "
      "99999999999999999999999999999999999999999999999999999999999999999";
  sql("INSERT INTO t VALUES (" + fmt::format(fmt::runtime(row), 0) + ")");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (" + fmt::format(fmt::runtime(row), 1) + ")");
  catch_up_and_verify();
  // The row that was copied and the row that came by the log differ in nothing but the key.
  const auto copied = rows("d, z, b, c, ts, dt, big", "id");
  ASSERT_EQ(copied.size(), 2U);
  EXPECT_EQ(copied[0], copied[1]);
  EXPECT_THAT(copied[0], testing::HasSubstr("1234567890123456789012345678.0123456789"));
  EXPECT_THAT(copied[0], testing::HasSubstr("99999999999999999999999999999999999999999999999999999999999999999"));
}

// 59 (PeerDB 4553): SELECT * leaves out invisible columns, and generated ones differ between copy and log.
TEST_P(Regressions, p59_invisible_and_generated_columns_are_in_copy_and_log) {
  sql("CREATE TABLE t (id INT AUTO_INCREMENT INVISIBLE, v INT, twice INT AS (v * 2) STORED, thrice INT AS (v * 3) "
      "VIRTUAL, "
      "PRIMARY KEY (id))");
  sql("INSERT INTO t (id, v) VALUES (1, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t (id, v) VALUES (2, 2); UPDATE t SET v = 5 WHERE id = 1");
  catch_up_and_verify();
  expect_same_as_source("id, v, twice");
}

// 64 (PeerDB 4535, 4551, 4057): text of JSON, SET and ENUM differs between copy and log.
TEST_P(Regressions, p64_json_set_and_enum_are_the_same_from_copy_and_log) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, j JSON, s SET('a','b','c'), e ENUM('x','it''s'))");
  sql("INSERT INTO t VALUES (1, '{\"b\": 1, \"a\" : [1.50, null, \"é\"]}', 'c,a', 'it''s')");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (2, '{\"b\": 1, \"a\" : [1.50, null, \"é\"]}', 'c,a', 'it''s'), (3, NULL, '', NULL)");
  catch_up_and_verify();
  const auto all = rows("j, s, e", "id");
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0], all[1]);
  EXPECT_THAT(all[0], testing::HasSubstr("|a,c|it's"));
}

TEST_P(Regressions, labels_and_defaults_keep_their_backslashes) {
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  sql("INSERT INTO t VALUES (1)");
  catch_up_and_verify();
  sql(R"(ALTER TABLE t ADD p VARCHAR(20) DEFAULT 'C:\\new', ADD l VARCHAR(20) DEFAULT 'a\nb',)"
      R"( ADD e ENUM('N\\A','a\nb') DEFAULT 'N\\A')");
  sql(R"(INSERT INTO t VALUES (2, 'C:\\new', 'a\nb', 'N\\A'), (3, '', '', 'a\nb'))");
  sql(R"(CREATE TABLE late (id INT PRIMARY KEY, e ENUM('N\\A','a\nb'), s SET('x\\y','z')))");
  sql(R"(INSERT INTO late VALUES (1, 'N\\A', 'x\\y,z'), (2, 'a\nb', 'x\\y'))");
  catch_up_and_verify();
  expect_same_as_source("id, p, l, e");
  expect_same_as_source("id, e, s", "late");
}

// The server keeps a column of hashes for each of them, which only the log shows.
TEST_P(Regressions, tables_with_unique_indexes_of_long_text_are_followed) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, a TEXT UNIQUE, b INT, c VARCHAR(4000), d BIGINT, UNIQUE (c, b))");
  sql("INSERT INTO t VALUES (1, 'x', 1, 'z', 7), (2, NULL, NULL, NULL, NULL), (3, 'c', 3, 'c', 3)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (4, 'y', NULL, 'w', -4); UPDATE t SET a = 'b', d = 8 WHERE id = 1; DELETE FROM t WHERE id "
      "= 3");
  sql("ALTER TABLE t ADD e BIGINT");
  sql("INSERT INTO t VALUES (5, 'v', 5, 'v', 5, 55)");
  catch_up_and_verify();
  expect_same_as_source("id, a, b, c, d, e");
}

// Its log holds the old rows, too. A sequence has a log and no rows to copy.
TEST_P(Regressions, a_system_versioned_table_is_refused_and_a_sequence_passed_over) {
  sql("CREATE TABLE t (id INT PRIMARY KEY); CREATE SEQUENCE numbers");
  sql("CREATE TABLE versioned (id INT PRIMARY KEY) WITH SYSTEM VERSIONING");
  const auto refused =
      pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_NE(refused->wait().value_or(-1), 0);
  EXPECT_THAT(refused->err(), testing::HasSubstr("versioned is system-versioned"));
  EXPECT_THAT(refused->err(), testing::HasSubstr("tables.exclude"));
  pipeline_->source_options("tables.exclude: " + database_ + ".versioned");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (NEXTVAL(numbers)); INSERT INTO versioned VALUES (1)");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << tail(job->err());
  EXPECT_THAT(job->err(), testing::Not(testing::HasSubstr("are left out")));
  expect_same_as_source("id");
}

// 73, 21, 23 (PeerDB 4534, DBZ-7594): dates far away or before 1970, microseconds, negative TIME.
TEST_P(Regressions, p73_p21_p23_dates_and_times_keep_every_digit) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME(6), tm TIME(6))");
  // PostgreSQL's time ends at 24:00; a value outside stops the job.
  const bool narrow = GetParam() == "postgres";
  const auto values = [&](int second, int third) {
    return fmt::format(
        "'0001-01-01', '1000-01-01 00:00:00.000001', '{}'), ({}, '1899-12-31', '1969-12-31 23:59:59.999999', '{}'), "
        "({}, '9999-12-31', '9999-12-31 23:59:59.999999', '{}'",
        narrow ? "00:00:00" : "-838:59:59", second, narrow ? "00:00:00.000001" : "-00:00:00.000001", third,
        narrow ? "23:59:59.999999" : "838:59:58.999999");
  };
  sql("INSERT INTO t VALUES (1, " + values(2, 3) + ")");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (4, " + values(5, 6) + ")");
  catch_up_and_verify();
  const auto all = rows("d, dt, tm", "id");
  ASSERT_EQ(all.size(), 6U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(all[i], all[i + 3]);
  EXPECT_THAT(all[0], testing::HasSubstr("1000-01-01 00:00:00.000001"));
  EXPECT_THAT(all[1], testing::HasSubstr("1969-12-31 23:59:59.999999"));
}

// 69 (PeerDB 2502): a transaction that is split over batches is committed in parts.
TEST_P(Regressions, p69_a_large_transaction_is_visible_whole_or_not_at_all) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(100)); CREATE TABLE u (id INT PRIMARY KEY)");
  // verify would compare its 50,000 rows two by two.
  pipeline_->source_options("scan.incremental.snapshot.chunk.size: 2000").pipeline_options("parallelism: 1");
  catch_up_and_verify();
  sql("BEGIN; INSERT INTO u VALUES (1); INSERT INTO t SELECT seq, REPEAT('x', 100) FROM seq_1_to_50000; INSERT INTO u "
      "VALUES (2); COMMIT");
  die_at("after_write:3");
  EXPECT_THAT(rows("COUNT(*)", "1"), ElementsAre("0"));
  EXPECT_THAT(rows("COUNT(*)", "1", "u"), ElementsAre("0"));
  die_at("before_commit:1");
  EXPECT_THAT(rows("COUNT(*)", "1"), ElementsAre("0"));
  catch_up_and_verify();
  EXPECT_THAT(rows("COUNT(*)", "1"), ElementsAre("50000"));
}

// 36, 45 (FLINK-38270, Flink CDC 3141): tables that appear around a restart.
TEST_P(Regressions, p36_p45_tables_that_appear_while_the_job_is_down_are_copied_once) {
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (1)");
  sql("CREATE TABLE late (id INT, v INT); INSERT INTO late SELECT seq, 1 FROM seq_1_to_10");
  sql("CREATE TABLE later LIKE t; INSERT INTO later VALUES (7)");
  die_at("before_stream_start:1");
  sql("INSERT INTO late VALUES (11, 1); DROP TABLE later; CREATE TABLE later (name VARCHAR(10) PRIMARY KEY)");
  sql("INSERT INTO later VALUES ('again')");
  die_at("after_commit:1");
  catch_up_and_verify();
  expect_same_as_source("id, v", "late");
  expect_same_as_source("name", "later");
}

// 28 (dbz 2403): an upsert that matches a secondary unique key overwrites another row.
TEST_P(Regressions, p28_values_may_wander_between_unique_rows) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, u INT UNIQUE, v INT)");
  sql("INSERT INTO t VALUES (1, 10, 1), (2, 20, 2), (3, 30, 3)");
  catch_up_and_verify();
  sql("BEGIN; UPDATE t SET u = NULL WHERE id = 1; UPDATE t SET u = 10 WHERE id = 2; UPDATE t SET u = 20 WHERE id = 1; "
      "COMMIT; DELETE FROM t WHERE id = 3; INSERT INTO t VALUES (4, 30, 4)");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, u, v"), ElementsAre("1|20|1", "2|10|2", "4|30|4"));
}

TEST_P(Regressions, p28_the_unique_index_that_tells_rows_apart_may_not_go) {
  sql("CREATE TABLE t (u INT NOT NULL, v INT, UNIQUE KEY other (v), UNIQUE KEY uq (u))");
  sql("INSERT INTO t VALUES (1, 1), (2, 2)");
  catch_up_and_verify();
  sql("DROP INDEX other ON t; ALTER TABLE t DROP INDEX uq, ADD UNIQUE KEY uq (u), ADD w INT; UPDATE t SET u = 3, w = 5 "
      "WHERE u = 1");
  catch_up_and_verify();
  EXPECT_THAT(rows("u, v, w", "u"), ElementsAre("2|2|NULL", "3|1|5"));
  // As pt-online-schema-change makes its table.
  sql("CREATE TABLE _t_new (u INT NOT NULL, v BIGINT, w INT, UNIQUE KEY uq (u)); INSERT INTO _t_new SELECT * FROM t; "
      "RENAME TABLE t TO _t_old, _t_new TO t; DROP TABLE _t_old; INSERT INTO t VALUES (4, 4, 4)");
  catch_up_and_verify();
  EXPECT_THAT(rows("u, v, w", "u"), ElementsAre("2|2|NULL", "3|1|5", "4|4|4"));
  // A ledger of an earlier version does not tell which index it is.
  pipeline_->target_execute("UPDATE " + ledger() +
                            " SET detail = REPLACE(detail, '\"key_index\":\"uq\",', '') WHERE job = '" + database_ +
                            "'");
  sql("DROP INDEX uq ON t; INSERT INTO t VALUES (5, 5, 5), (5, 6, 6)");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 6) << tail(job->err());
  EXPECT_THAT(job->err(),
              testing::HasSubstr("unique index uq, which tells the rows of table " + database_ + ".t apart"));
}

// Chunks on both sides of a change that was taken back have one definition and rows of different ones between them.
TEST_P(Regressions, a_column_that_came_and_went_between_two_chunks_starts_the_copy_of_its_table_again) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT); CREATE TABLE u (id INT PRIMARY KEY)");
  sql("INSERT INTO t SELECT seq, 0 FROM seq_1_to_20; INSERT INTO u VALUES (1)");
  die_at("after_chunk_commit:3");
  sql("ALTER TABLE t ADD COLUMN w INT AFTER id; UPDATE t SET v = v + 1, w = 5; DELETE FROM t WHERE id IN (1, 20)");
  sql("ALTER TABLE t DROP COLUMN w; INSERT INTO t VALUES (30, 30)");
  catch_up_and_verify();
  expect_same_as_source("id, v");
}

// The server numbers the rows that are there; the log does not tell how.
TEST_P(Regressions, an_auto_increment_column_added_later_has_the_source_s_numbers) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
  sql("INSERT INTO t VALUES (1, 10), (5, 50)");
  catch_up_and_verify();
  sql("ALTER TABLE t ADD COLUMN n INT NOT NULL AUTO_INCREMENT UNIQUE");
  sql("INSERT INTO t (id, v) VALUES (9, 90)");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, v, n"), ElementsAre("1|10|1", "5|50|2", "9|90|3"));
}

TEST_P(Regressions, an_enum_may_have_a_label_of_nothing) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('', 'a', 'b'), v INT)");
  sql("INSERT INTO t VALUES (1, '', 1), (2, 'a', 1), (3, NULL, 1)");
  catch_up_and_verify();
  sql("INSERT INTO t VALUES (4, '', 1); UPDATE t SET e = '' WHERE id = 2; UPDATE t SET v = 2");
  catch_up_and_verify();
  EXPECT_THAT(rows("id, e, v"), ElementsAre("1||2", "2||2", "3|NULL|2", "4||2"));
}

// What cannot be promised is said.
TEST_P(Regressions, keyless_tables_without_transactions_and_falling_gtids_are_warned_of) {
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  sql("CREATE TABLE m (v INT) ENGINE = MyISAM");
  sql("INSERT INTO m VALUES (1)");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; })) << job->err();
  EXPECT_THAT(job->err(), testing::HasSubstr(database_ + ".m has neither transactions nor a key"));
  EXPECT_THAT(job->err(), testing::Not(testing::HasSubstr(database_ + ".t has neither")));
  auto session = source_->connect(database_);
  ASSERT_TRUE(session.has_value());
  sql("INSERT INTO t VALUES (1)");
  const std::string last = source_->value("SELECT REGEXP_SUBSTR(@@gtid_binlog_pos, '[0-9]+$')").value();
  ASSERT_TRUE((*session)->execute("SET SESSION server_id = 77, gtid_seq_no = " + last).has_value());
  ASSERT_TRUE((*session)->execute("INSERT INTO t VALUES (2)").has_value());
  EXPECT_TRUE(wait_until([&] { return job->err().find("the numbers of a domain do not rise") != std::string::npos; }))
      << job->err();
  job->stop();
  pipeline_->run_until_caught_up();
  EXPECT_THAT(rows("id"), ElementsAre("1", "2"));
}

// 49 (SeaTunnel 8586): the position must move although the captured tables rest, or their log is purged away.
TEST_P(Regressions, p49_the_position_moves_while_the_tables_rest) {
  sql("CREATE TABLE t (id INT PRIMARY KEY)");
  sql("CREATE DATABASE IF NOT EXISTS elsewhere; CREATE TABLE IF NOT EXISTS elsewhere.busy (id INT)");
  catch_up_and_verify();
  sql("INSERT INTO elsewhere.busy SELECT seq FROM seq_1_to_100");
  sql("FLUSH BINARY LOGS");
  const auto logs = source_->query("SHOW BINARY LOGS");
  ASSERT_TRUE(logs.has_value());
  pipeline_->run_until_caught_up();
  const std::string position = pipeline_->target_value("SELECT position FROM " + ledger() + " WHERE job = '" +
                                                       database_ + "' AND entry = 'lane/0'");
  EXPECT_THAT(position, testing::HasSubstr(logs->back()[0].value()));
}

INSTANTIATE_TEST_SUITE_P(Targets, Regressions, testing::Values("sqlite", "postgres", "mariadb"),
                         [](const auto& target) { return target.param; });

}  // namespace
}  // namespace sluice::support
