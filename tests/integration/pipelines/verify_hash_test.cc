// SPDX-License-Identifier: Apache-2.0
// `verify.hash: servers`: what both servers hash alike is compared without reading rows, and one value that differs is
// found, of every type that is hashed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

constexpr int kRows = 300;

// A column of a table of its own.
struct HashedType {
  std::string name;
  std::string in_postgres;  // type of the source's column
  std::string in_mysql;
  std::vector<std::string> values;  // literals for both
  std::string other_in_postgres;    // `c` with another value, in the target
  std::string other_in_mysql;
};

const std::vector<HashedType>& hashed_types() {
  static const std::vector<HashedType> kTypes = {
      {"flag", "boolean", "boolean", {"true", "false"}, "NOT c", "NOT c"},
      {"small", "smallint", "smallint", {"-32768", "0", "7"}, "c + 1", "c + 1"},
      {"plain", "int", "int", {"-5", "0", "2147483646"}, "c + 1", "c + 1"},
      {"big", "bigint", "bigint", {"-9223372036854775808", "0", "9223372036854775806"}, "c + 1", "c + 1"},
      {"amount", "numeric(12,3)", "decimal(12,3)", {"-0.001", "0", "123456789.100"}, "c + 0.001", "c + 0.001"},
      {"word", "varchar(40)", "varchar(40)", {"''", "'Björk 小明'", "'it''s: 1'"}, "c || ' '", "CONCAT(c, ' ')"},
      {"note", "text", "text", {"''", "'a:b'", "'😀'"}, "c || 'x'", "CONCAT(c, 'x')"},
      {"day", "date", "date", {"'0001-01-01'", "'2024-02-29'", "'9999-12-30'"}, "c + 1", "c + INTERVAL 1 DAY"},
      {"moment",
       "timestamp",
       "datetime(6)",
       {"'2024-02-29 12:00:00'", "'2024-02-29 12:00:00.5'", "'1969-12-31 23:59:59.000001'"},
       "c + interval '0.000001 second'",
       "c + INTERVAL 1 MICROSECOND"},
      {"instant",
       "timestamptz",
       "timestamp(6) NULL",
       {"'2024-02-29 12:00:00'", "'2024-02-29 12:00:00.25'"},
       "c + interval '0.000001 second'",
       "c + INTERVAL 1 MICROSECOND"},
      {"clock",
       "time",
       "time(6)",
       {"'00:00:00'", "'12:30:00.125'", "'23:59:58.999999'"},
       "c + interval '0.000001 second'",
       "c + INTERVAL 1 MICROSECOND"},
      {"bytes", "bytea", "varbinary(20)", {"'abc'", "''", "'xyz'"}, "c || 'q'::bytea", "CONCAT(c, 'q')"},
  };
  return kTypes;
}

class VerifyHash : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    for (const auto& kind : {GetParam().first, GetParam().second}) {
      if (kind == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
      if (kind == "postgres_18" && !PostgresServer::newest_unavailable().empty()) {
        GTEST_SKIP() << PostgresServer::newest_unavailable();
      }
    }
    source_ = Servers::shared().get(GetParam().first);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "hash");
    pipeline_ = std::make_unique<Pipeline>(*source_, GetParam().second, database_);
    pipeline_->pipeline_options("parallelism: 2\nverify.hash: servers");
    pipeline_->source_options("scan.incremental.snapshot.chunk.size: 100");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  bool from_postgres() const { return source_->kind() == "postgres"; }
  bool into_postgres() const { return GetParam().second == "postgres"; }
  void sql(std::string_view statement) const { execute(*source_, statement, database_); }
  std::string name(const std::string& table) const { return database_ + "." + table; }

  void create(const std::string& table, const std::string& key, const std::string& type,
              const std::vector<std::string>& values) const {
    sql(fmt::format("CREATE TABLE {} (id {} PRIMARY KEY, c {})", table, key, type));
    std::string rows;
    for (int i = 1; i <= kRows; ++i) {
      const size_t pick = static_cast<size_t>(i) % (values.size() + 1);
      const std::string id = key == "int" ? std::to_string(i) : fmt::format("'k{}'", i);
      rows += fmt::format("{}({}, {})", i > 1 ? ", " : "", id, pick < values.size() ? values[pick] : "NULL");
    }
    sql(fmt::format("INSERT INTO {} VALUES {}", table, rows));
  }
  // What verify says of each table.
  std::map<std::string, nlohmann::json> verify(int expected_code) const {
    const size_t before = read_file(pipeline_->folder().file("stdout")).size();
    const auto process = pipeline_->start({"verify", "JOB", "--state", pipeline_->folder().file("state"), "--json"});
    EXPECT_EQ(process->wait(std::chrono::minutes(3)).value_or(-1), expected_code) << tail(process->err(), 20);
    std::map<std::string, nlohmann::json> verdicts;
    std::istringstream in(read_file(pipeline_->folder().file("stdout")).substr(before));
    for (std::string line; std::getline(in, line);) {
      auto json = nlohmann::json::parse(line);
      if (json.contains("result")) verdicts[json["table"]] = json;
    }
    return verdicts;
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_P(VerifyHash, equal_rows_are_not_read_and_one_other_value_of_each_type_is_found) {
  for (const auto& type : hashed_types()) {
    create(type.name, "int", from_postgres() ? type.in_postgres : type.in_mysql, type.values);
  }
  pipeline_->run_until_caught_up();
  auto verdicts = verify(0);
  for (const auto& type : hashed_types()) {
    SCOPED_TRACE(type.name);
    EXPECT_EQ(verdicts[name(type.name)]["rows"], kRows);
    EXPECT_EQ(verdicts[name(type.name)]["hashed"], kRows);
  }
  for (const auto& type : hashed_types()) {
    // The first row with a value behind the first chunk.
    int id = 150;
    while (static_cast<size_t>(id) % (type.values.size() + 1) == type.values.size()) ++id;
    pipeline_->target_execute(fmt::format("UPDATE {} SET c = {} WHERE id = {}", name(type.name),
                                          into_postgres() ? type.other_in_postgres : type.other_in_mysql, id));
  }
  verdicts = verify(1);
  for (const auto& type : hashed_types()) {
    SCOPED_TRACE(type.name);
    EXPECT_EQ(verdicts[name(type.name)]["different"], 1);
    // Chunks that did not differ were not read.
    EXPECT_GE(verdicts[name(type.name)]["hashed"], kRows / 3);
    EXPECT_LT(verdicts[name(type.name)]["hashed"], kRows);
  }
}

TEST_P(VerifyHash, null_and_empty_text_missing_rows_and_rows_too_many_are_told_apart) {
  create("word", "varchar(20)", "varchar(40)", {"''", "'a'"});
  create("pair", "int", "varchar(40)", {"'a'", "'b'"});
  sql("CREATE TABLE two (id int PRIMARY KEY, a varchar(9), b varchar(9))");
  sql("INSERT INTO two VALUES (1, 'x:', 'y'), (2, 'x', 'y')");
  pipeline_->run_until_caught_up();
  EXPECT_EQ(verify(0)[name("word")]["hashed"], kRows);
  pipeline_->target_execute("UPDATE " + name("word") + " SET c = '' WHERE id = 'k2'");  // was NULL
  pipeline_->target_execute("DELETE FROM " + name("pair") + " WHERE id = 50");
  pipeline_->target_execute("INSERT INTO " + name("pair") + " VALUES (1000, 'b')");
  pipeline_->target_execute("UPDATE " + name("two") + " SET a = 'x', b = ':y' WHERE id = 1");
  auto verdicts = verify(1);
  EXPECT_EQ(verdicts[name("word")]["different"], 1);
  EXPECT_EQ(verdicts[name("pair")]["missing"], 1);
  EXPECT_EQ(verdicts[name("pair")]["only_in_target"], 1);
  EXPECT_EQ(verdicts[name("two")]["different"], 1);
}

// Columns that the servers do not hash alike are read.
TEST_P(VerifyHash, tables_with_other_types_are_compared_by_their_rows) {
  create("ratio", "int", from_postgres() ? "double precision" : "double", {"0.1", "-1e300", "3"});
  pipeline_->run_until_caught_up();
  const bool hashed = from_postgres() && into_postgres();
  EXPECT_EQ(verify(0)[name("ratio")]["hashed"], hashed ? kRows : 0);
  pipeline_->target_execute("UPDATE " + name("ratio") + " SET c = c + 1 WHERE id = 160");
  EXPECT_EQ(verify(1)[name("ratio")]["different"], 1);
}

INSTANTIATE_TEST_SUITE_P(Matrix, VerifyHash,
                         testing::Values(std::pair("postgres_source", "postgres"), std::pair("postgres_18", "postgres"),
                                         std::pair("mariadb", "mariadb"), std::pair("mariadb", "postgres"),
                                         std::pair("postgres_source", "mariadb"), std::pair("mysql", "mysql"),
                                         std::pair("mysql", "postgres")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

// A comparison of a job with transforms reads rows: they are not what the source has.
TEST(VerifyHashTransforms, are_never_hashed_in_the_servers) {
  DatabaseServer& server = *Servers::shared().get("postgres_source");
  const std::string database = fresh_database(server, "hash");
  execute(server, "CREATE TABLE t (id int PRIMARY KEY, c varchar(20)); INSERT INTO t VALUES (1, 'a'), (2, 'b')",
          database);
  Pipeline pipeline(server, "postgres", database);
  pipeline.pipeline_options("verify.hash: servers");
  pipeline.blocks(fmt::format("transform:\n  - source-table: {0}.t\n    projection: id, UPPER(c) AS c\n", database));
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
  drop_database(server, database);
}

}  // namespace
}  // namespace sluice::support
