// SPDX-License-Identifier: Apache-2.0
// Every column type, with its edge values, once through the copy and once through the log: both must arrive as the same
// value (design D5), and the value must be the source's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

struct TypeCase {
  const char* column;  // definition without a name
  std::vector<const char*> values;
  const char* only = "";  // "mariadb" or "mysql": the other does not have the type
};

const std::vector<TypeCase>& type_cases() {
  static const std::vector<TypeCase> cases = {
      {"TINYINT", {"-128", "127", "0"}},
      {"TINYINT UNSIGNED", {"0", "255"}},
      {"TINYINT(1)", {"0", "1"}},
      {"SMALLINT", {"-32768", "32767"}},
      {"SMALLINT UNSIGNED ZEROFILL", {"65535", "7"}},
      {"MEDIUMINT", {"-8388608", "8388607"}},
      {"MEDIUMINT UNSIGNED", {"16777215"}},
      {"INT", {"-2147483648", "2147483647"}},
      {"INT UNSIGNED", {"4294967295"}},
      {"BIGINT", {"-9223372036854775808", "9223372036854775807"}},
      {"BIGINT UNSIGNED", {"18446744073709551615", "9223372036854775808"}},
      {"FLOAT", {"1.1", "-3.4e38", "1.17549e-38", "0", "16777217"}},
      {"DOUBLE", {"0.1", "-1.7976931348623157e308", "2.2250738585072014e-308", "123456789.123456789"}},
      {"DECIMAL(10,2)", {"-0.01", "99999999.99", "0"}},
      {"DECIMAL(65,30)",
       {"12345678901234567890123456789012345.123456789012345678901234567890", "-0.000000000000000000000000000001"}},
      {"DECIMAL(5,0)", {"-99999"}},
      {"BIT(1)", {"b'1'", "b'0'"}},
      {"BIT(10)", {"b'1000000001'", "b'0'"}},
      {"BIT(64)", {"b'1111111111111111111111111111111111111111111111111111111111111110'"}},
      {"CHAR(10)", {"'abc'", "''", "'größe'"}},
      {"VARCHAR(50) CHARACTER SET latin1", {"'äöü€'", "'it''s \\\"quoted\\\"'"}},
      {"VARCHAR(50) CHARACTER SET utf8mb4", {"'小明 🚀'", "'tab\\tnewline\\nback\\\\slash'", "'NULL'", "'\\\\N'"}},
      {"VARCHAR(20) CHARACTER SET ucs2", {"'żółw'"}},
      {"TEXT", {"REPEAT('x', 60000)", "''"}},
      {"LONGTEXT CHARACTER SET cp1251", {"'Привет'"}},
      {"BINARY(4)", {"x'00ff00ff'", "x'01'", "x''"}},
      {"VARBINARY(10)", {"x'00'", "x''", "x'27225c00ff'"}},
      {"BLOB", {"REPEAT(x'00ff27', 1000)"}},
      {"DATE", {"'1000-01-01'", "'9999-12-31'", "'1969-12-31'", "'2024-02-29'"}},
      {"TIME", {"'00:00:00'", "'23:59:59'"}},
      {"TIME(6)", {"'12:34:56.000001'", "'00:00:00.999999'"}},
      {"DATETIME", {"'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'"}},
      {"DATETIME(3)", {"'1969-12-31 23:59:59.999'"}},
      {"DATETIME(6)", {"'2024-02-29 12:00:00.123456'"}},
      {"TIMESTAMP NULL", {"'1970-01-02 00:00:01'", "'2037-12-31 23:59:59'"}},
      {"TIMESTAMP(6) NULL", {"'2024-06-30 23:59:59.999999'"}},
      {"YEAR", {"1901", "2155", "0"}},
      {"ENUM('small','medium','it''s')", {"'small'", "'it''s'"}},
      {R"(ENUM('N\\A','a\nb\rc','\\'''))", {R"('N\\A')", R"('a\nb\rc')", R"('\\''')"}},
      {"SET('a','b','c')", {"'a,c'", "''", "'a,b,c'"}},
      {R"(SET('x\\y','z\n'))", {R"('x\\y,z\n')"}},
      {"GEOMETRY", {"ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POLYGON((0 0,0 1,1 1,0 0))')"}},
      {"JSON", {"'{\"a\": [1, 2.5, null, \"x\"], \"b\": {\"c\": true}}'", "'[]'", "'\"text\"'", "'-12345678901234'"}},
      {"UUID", {"'123e4567-e89b-12d3-a456-426614174000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"}, "mariadb"},
      {"INET6",
       {"'2001:db8::ff00:42:8329'", "'::'", "'::1'", "'2001:db8:0:1:1:1:1:1'", "'1:0:0:1:0:0:1:0'", "'::1.2.3.4'",
        "'::ffff:1.2.3.4'"},
       "mariadb"},
      {"INET4", {"'192.168.0.1'"}, "mariadb"},
      {"VECTOR(3)", {"TO_VECTOR('[1,2,3.5]')"}, "mysql"},
  };
  return cases;
}

// Values that PostgreSQL and SQLite have no place for are another test's subject.
const std::vector<TypeCase>& mysql_family_cases() {
  static const std::vector<TypeCase> cases = {
      {"TIME(3)", {"'-838:59:59.000'", "'838:59:59.000'", "'-00:00:00.001'"}},
  };
  return cases;
}

constexpr int kLogOffset = 1000;

class Types : public testing::TestWithParam<std::pair<std::string, std::string>> {};

TEST_P(Types, come_out_of_the_copy_and_of_the_log_as_the_same_value) {
  const auto& [source_kind, target_kind] = GetParam();
  const bool needs_mysql = source_kind == "mysql" || target_kind == "mysql";
  if (needs_mysql && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
  DatabaseServer& source = *Servers::shared().get(source_kind);
  const std::string database = fresh_database(source, "types");
  std::vector<TypeCase> cases;
  const auto take = [&](const std::vector<TypeCase>& more) {
    for (const auto& each : more) {
      if (std::string_view(each.only).empty() || each.only == source_kind) cases.push_back(each);
    }
  };
  take(type_cases());
  if (target_kind == "mariadb" || target_kind == "mysql") take(mysql_family_cases());

  const auto insert = [&](int first_id) {
    for (size_t i = 0; i < cases.size(); ++i) {
      int id = first_id;
      for (const char* value : cases[i].values) {
        execute(source, fmt::format("INSERT INTO t{} VALUES ({}, {})", i, id++, value), database);
      }
      execute(source, fmt::format("INSERT INTO t{} VALUES ({}, NULL)", i, id), database);
    }
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    execute(source, fmt::format("CREATE TABLE t{} (id INT PRIMARY KEY, v {})", i, cases[i].column), database);
  }
  insert(1);
  const Pipeline pipeline(source, target_kind, database);
  pipeline.run_until_caught_up();
  insert(1 + kLogOffset);
  pipeline.run_until_caught_up();

  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].column);
    const std::string table = fmt::format("t{}", i);
    const auto rows = pipeline.target_rows("v", table, "id");
    const size_t half = cases[i].values.size() + 1;
    ASSERT_EQ(rows.size(), 2 * half);
    for (size_t row = 0; row < half; ++row)
      EXPECT_EQ(rows[row], rows[row + half]) << cases[i].values[std::min(row, half - 2)];
  }
  EXPECT_EQ(pipeline.verify(), 0);
}

// Debezium DBZ-6413: the log tells of each number whether it is signed, and counts YEAR among them.
TEST(TypesRegressions, integers_behind_a_year_keep_their_sign) {
  for (const char* kind : {"mariadb", "mysql"}) {
    DatabaseServer* const source = Servers::shared().get(kind);
    if (source == nullptr) continue;  // Types says why
    const std::string database = fresh_database(*source, "years");
    execute(*source, "CREATE TABLE t (y YEAR, id INT PRIMARY KEY, n INT UNSIGNED, z YEAR, m BIGINT)", database);
    const Pipeline pipeline(*source, "sqlite", database);
    pipeline.run_until_caught_up();
    execute(*source, "INSERT INTO t VALUES (2024, -1, 4294967295, 1999, -5)", database);
    pipeline.run_until_caught_up();
    EXPECT_THAT(pipeline.target_rows("y, id, n, z, m", "t", "id"), testing::ElementsAre("2024|-1|4294967295|1999|-5"));
  }
}

// The log has the path as it was written.
TEST(TypesRegressions, differences_of_json_may_count_from_the_end) {
  DatabaseServer* const source = Servers::shared().get("mysql");
  if (source == nullptr) GTEST_SKIP() << MysqlServer::unavailable();
  const std::string database = fresh_database(*source, "json");
  execute(*source, "CREATE TABLE t (id INT PRIMARY KEY, d JSON)", database);
  execute(*source,
          "INSERT INTO t SELECT id, JSON_OBJECT('a', JSON_ARRAY(1, 2, JSON_ARRAY(3, 4)), 'pad', REPEAT('x', 500)) FROM "
          "(SELECT 1 AS id UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) AS ids",
          database);
  const Pipeline pipeline(*source, "sqlite", database);
  pipeline.run_until_caught_up();
  execute(*source,
          "SET SESSION binlog_row_value_options = PARTIAL_JSON; "
          "UPDATE t SET d = JSON_SET(d, '$.a[last]', 9, '$.a[last-1]', 8) WHERE id = 1; "
          "UPDATE t SET d = JSON_REMOVE(d, '$.a[last][last-1]') WHERE id = 2; "
          "UPDATE t SET d = JSON_SET(d, '$.a[last-9]', 7) WHERE id = 3; "
          "UPDATE t SET d = JSON_SET(d, '$.a[last][last]', 6) WHERE id = 4",
          database);
  pipeline.run_until_caught_up();
  EXPECT_THAT(pipeline.target_rows("json_extract(d, '$.a')", "t", "id"),
              testing::ElementsAre("[1,8,9]", "[1,2,[4]]", "[7,1,2,[3,4]]", "[1,2,[3,6]]"));
  EXPECT_EQ(pipeline.verify(), 0);
}

// What a session that is not strict stored for a label that is none.
TEST(TypesRegressions, the_error_value_of_an_enum_is_written_or_named) {
  DatabaseServer* const mysql = Servers::shared().get("mysql");
  if (mysql == nullptr) GTEST_SKIP() << MysqlServer::unavailable();
  const std::string database = fresh_database(*mysql, "enums");
  execute(*mysql, "CREATE TABLE t (id INT PRIMARY KEY, v ENUM('x','0')); CREATE TABLE keyless LIKE t", database);
  execute(*mysql, "ALTER TABLE keyless DROP PRIMARY KEY", database);
  execute(*mysql, "SET SESSION sql_mode = ''; INSERT INTO t VALUES (1, 'none'), (2, '0')", database);
  const Pipeline pipeline(*mysql, "mysql", database);
  execute(*pipeline.target(), "SET GLOBAL local_infile = ON");  // the copy goes by LOAD DATA
  pipeline.run_until_caught_up();
  execute(*mysql,
          "SET SESSION sql_mode = ''; INSERT INTO t VALUES (3, 'none'), (4, '0'); INSERT INTO keyless SELECT * FROM t; "
          "DELETE FROM keyless WHERE id > 2; UPDATE keyless SET id = 5 WHERE id = 1",
          database);
  pipeline.run_until_caught_up();
  EXPECT_THAT(pipeline.target_rows("id, v, v + 0", "t", "id"), testing::ElementsAre("1||0", "2|0|2", "3||0", "4|0|2"));
  EXPECT_THAT(pipeline.target_rows("id, v", "keyless", "id"), testing::ElementsAre("2|0", "5|"));
  EXPECT_EQ(pipeline.verify(), 0);

  const Pipeline other(*mysql, "mariadb", database);
  const auto job = other.start({"run", "JOB", "--until-caught-up"});
  EXPECT_NE(job->wait().value_or(-1), 0);
  EXPECT_THAT(job->err(), testing::HasSubstr("holds the error value of an ENUM"));
}

INSTANTIATE_TEST_SUITE_P(Matrix, Types,
                         testing::Values(std::pair("mariadb", "sqlite"), std::pair("mariadb", "postgres"),
                                         std::pair("mariadb", "mariadb"), std::pair("mariadb", "mysql"),
                                         std::pair("mysql", "sqlite"), std::pair("mysql", "postgres"),
                                         std::pair("mysql", "mariadb"), std::pair("mysql", "mysql")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

}  // namespace
}  // namespace sluice::support
