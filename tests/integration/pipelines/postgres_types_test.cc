// SPDX-License-Identifier: Apache-2.0
// Every column type of PostgreSQL, with its edge values, once through the copy and once through the log: both must
// arrive as the same value, and a PostgreSQL target must have the source's.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

struct TypeCase {
  const char* column;
  std::vector<const char*> values;
  bool foreign = true;       // other targets can hold the values, too
  const char* printed = "";  // how a PostgreSQL target prints the column, if not like the source
};

// tidy: one table
const std::vector<TypeCase>& type_cases() {
  static const std::vector<TypeCase> cases = {
      {"boolean", {"true", "false"}},
      {"smallint", {"-32768", "32767", "0"}},
      {"integer", {"-2147483648", "2147483647"}},
      {"bigint", {"-9223372036854775808", "9223372036854775807"}},
      {"oid", {"0", "4294967295"}},
      {"real", {"1.1", "-3.4e38", "1.17549e-38", "0", "16777217"}},
      {"real", {"'NaN'", "'Infinity'", "'-Infinity'"}, false},
      {"double precision", {"0.1", "-1.7976931348623157e308", "2.2250738585072014e-308", "123456789.123456789"}},
      {"double precision", {"'NaN'", "'Infinity'", "'-Infinity'", "5e-324", "'-0'"}, false},
      {"numeric(10,2)", {"-0.01", "99999999.99", "0", "0.5"}},
      {"numeric(5,0)", {"-99999", "7"}},
      {"numeric(10,2)", {"'NaN'"}, false},
      {"numeric(65,30)", {"-0.000000000000000000000000000001", "12345678901234567890123456789012345.5"}},
      {"numeric(3,5)", {"0.00999", "-0.00001"}},
      {"numeric(2,-3)", {"99000", "-1000"}},
      {"numeric(100,50)", {"1e49", "-0.00000000000000000000000000000000000000000000000001"}},
      {"numeric", {"1.10", "1.1", "0", "'NaN'", "'Infinity'", "'-Infinity'", "1e100", "-0.00000000000000000001"}},
      {"money", {"1234567.89", "-0.05", "'92233720368547758.07'", "'-92233720368547758.08'"}, true, "v::money"},
      {"char(10)", {"'abc'", "''", "'größe'", "'x   '"}},
      {"bpchar", {"'abc  '"}},
      {"varchar(50)", {"'小明 🚀'", "E'tab\\tnewline\\nback\\\\slash\\r'", "'NULL'", "E'\\\\N'", "''"}},
      {"text", {"repeat('x', 60000)", "''", "E'\\b\\f\\v\\x7f'", "'\\.'"}},
      {"name", {"'größe'"}},
      {"\"char\"", {"'a'"}},
      {"public.citext", {"'MiXed'"}},
      {"bytea", {"'\\x'", "'\\x00ff27225c0a'", "decode(repeat('00ff27', 1000), 'hex')"}},
      {"date", {"'0001-01-01'", "'9999-12-31'", "'1969-12-31'", "'2024-02-29'"}},
      {"date", {"'infinity'", "'-infinity'", "'0044-03-15 BC'", "'4713-01-01 BC'", "'5874897-12-31'"}, false},
      {"time", {"'00:00:00'", "'24:00:00'", "'12:34:56.000001'"}},
      {"time(3)", {"'23:59:59.999'"}},
      {"time with time zone", {"'12:34:56.789+05:30'", "'00:00:00-15:59'"}},
      {"timestamp", {"'0001-01-01 00:00:00'", "'9999-12-31 23:59:59.999999'", "'2024-02-29 12:00:00.5'"}},
      {"timestamp(0)", {"'1969-12-31 23:59:59'"}},
      {"timestamp(3)", {"'1969-12-31 23:59:59.999'"}},
      {"timestamp",
       {"'infinity'", "'-infinity'", "'0044-03-15 12:00:00.25 BC'", "'4713-01-01 00:00:00 BC'",
        "'294246-12-31 23:59:59.999999'", "'10000-01-01'"},
       false},
      {"timestamptz", {"'2024-06-30 23:59:59.999999+02'", "'1970-01-01 00:00:00+00'"}},
      {"timestamptz",
       {"'infinity'", "'-infinity'", "'0001-01-01 00:00:00+00 BC'", "'200000-01-01 00:00:00+00'"},
       false},
      {"interval", {"'1 year 2 mons -3 days 04:05:06.789'", "'-00:00:01'", "'178000000 years'", "'0'"}},
      {"interval day to second(3)", {"'3 days 04:05:06.789'"}},
      {"json", {"'{\"b\": 1,  \"a\" : [1, 2.50, null]}'", "'\"text\"'", "'1'"}},
      {"jsonb",
       {"'{\"b\": 1, \"a\": [1, 2.50, null, \"\\u00e4\"]}'", "'[]'", "'null'", "'123456789012345678901234567890'"}},
      {"xml", {"'<a b=\"c\">d</a>'"}},
      {"uuid", {"'123e4567-e89b-12d3-a456-426614174000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'"}},
      {"bit(1)", {"B'1'", "B'0'"}},
      {"bit(10)", {"B'1000000001'"}},
      {"bit(64)", {"B'1111111111111111111111111111111111111111111111111111111111111110'"}},
      {"bit varying", {"B''", "B'0'", "B'00101'"}},
      {"bit varying(5)", {"B'00101'"}},
      {"inet", {"'192.168.0.1'", "'2001:db8::ff00:42:8329/64'"}},
      {"cidr", {"'10.0.0.0/8'"}},
      {"macaddr", {"'08:00:2b:01:02:03'"}},
      {"macaddr8", {"'08:00:2b:01:02:03:04:05'"}},
      {"int4range", {"'[1,10)'", "'empty'", "'(,5)'"}},
      {"numrange", {"'(1.50,2.5]'"}},
      {"tstzrange", {"'[2024-01-01 00:00:00+00,infinity)'"}},
      {"daterange", {"'[2024-01-01,2024-02-01)'"}},
      {"int8multirange", {"'{[1,3),[5,7)}'"}},
      {"integer[]", {"'{1,2,NULL}'", "'{}'", "'{{1,2},{3,4}}'", "'[0:1]={1,2}'"}},
      {"text[]", {"'{a,\"b c\",\"d\\\"e\\\\\\\\f\",NULL,\"NULL\",\"\"}'", "ARRAY[E'tab\\t', 'größe']"}},
      {"numeric(5,2)[]", {"'{1.50,-2.00}'"}},
      {"timestamptz[]", {"'{2024-01-01 00:00:00+00,infinity}'"}},
      {"public.hstore", {"'a=>1, \"b c\"=>NULL'", "''"}},
      {"public.ltree", {"'Top.Science'"}},
      {"public.mood", {"'sad'", "'very happy'"}},
      {"public.mood[]", {"'{sad,\"very happy\"}'"}},
      {"public.pair", {"'(1,\"x, y\")'", "'(,)'"}},
      {"public.short_text", {"'abc'"}},
      {"public.money_amount", {"12.30", "'-0.01'"}},
      {"point", {"'(1.5,-2)'"}},
      {"line", {"'{1,-1,0}'"}},
      {"lseg", {"'[(0,0),(1,1)]'"}},
      {"box", {"'(2,2),(0,0)'"}},
      {"path", {"'[(0,0),(1,1)]'", "'((0,0),(1,1))'"}},
      {"polygon", {"'((0,0),(0,1),(1,1))'"}},
      {"circle", {"'<(0,0),1.5>'"}},
      {"tsvector", {"'a:1 fat:2,4A cat:3'"}},
      {"tsquery", {"'fat & (rat | !cat)'"}},
      {"pg_lsn", {"'16/B374D848'"}},
      {"jsonpath", {"'$.a[*]'"}},
  };
  return cases;
}

constexpr const char* kTypes =
    "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;"
    "CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public;"
    "DROP TYPE IF EXISTS public.mood CASCADE; CREATE TYPE public.mood AS ENUM ('sad', 'very happy');"
    "DROP TYPE IF EXISTS public.pair CASCADE; CREATE TYPE public.pair AS (a int, b text);";
constexpr int kLogOffset = 1000;

using SourceAndTarget = std::pair<std::string, std::string>;

class PostgresTypes : public testing::TestWithParam<SourceAndTarget> {
 protected:
  void SetUp() override {
    const auto& [source, target] = GetParam();
    std::string why = source == "postgres_18" ? PostgresServer::newest_unavailable() : "";
    if (target == "mysql") why += MysqlServer::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
    source_ = Servers::shared().get(source);
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "types");
    sql(kTypes);
    sql("CREATE DOMAIN public.short_text AS varchar(5) CHECK (value <> ''); CREATE DOMAIN public.money_amount AS "
        "numeric(10,2); CREATE DOMAIN public.unused AS public.money_amount");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }

  DatabaseServer* source_ = nullptr;
  std::string database_;
};

TEST_P(PostgresTypes, come_out_of_the_copy_and_of_the_log_as_the_same_value) {
  const bool to_postgres = GetParam().second == "postgres";
  std::vector<TypeCase> cases;
  for (const auto& each : type_cases()) {
    if (each.foreign || to_postgres) cases.push_back(each);
  }
  const auto insert = [&](int first_id) {
    for (size_t i = 0; i < cases.size(); ++i) {
      int id = first_id;
      std::string statement;
      for (const char* value : cases[i].values) {
        statement += fmt::format("INSERT INTO t{} VALUES ({}, {});", i, id++, value);
      }
      sql(statement + fmt::format("INSERT INTO t{} VALUES ({}, NULL)", i, id));
    }
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    sql(fmt::format("CREATE TABLE t{} (id INT PRIMARY KEY, v {})", i, cases[i].column));
  }
  insert(1);
  const Pipeline pipeline(*source_, GetParam().second, database_);
  if (to_postgres) execute(*pipeline.target(), kTypes);
  pipeline.run_until_caught_up();
  insert(1 + kLogOffset);
  pipeline.run_until_caught_up();

  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(cases[i].column);
    const std::string table = fmt::format("t{}", i);
    const bool reprinted = *cases[i].printed != '\0';
    const auto rows = pipeline.target_rows(to_postgres && reprinted ? cases[i].printed : "v", table, "id");
    const size_t half = cases[i].values.size() + 1;
    ASSERT_EQ(rows.size(), 2 * half);
    for (size_t row = 0; row < half; ++row) {
      EXPECT_EQ(rows[row], rows[row + half]) << cases[i].values[std::min(row, half - 2)];
    }
    if (!to_postgres) continue;
    const auto expected = source_->query(fmt::format("SELECT v FROM {} ORDER BY id", table), database_);
    ASSERT_TRUE(expected.has_value());
    for (size_t row = 0; row < rows.size(); ++row) {
      EXPECT_EQ(rows[row], (*expected)[row][0].value_or("NULL")) << "row " << row;
    }
  }
  EXPECT_EQ(pipeline.verify(), 0);
}

// Rows without a key are found by all their values: also those of types that have no equality, or a loose one.
TEST_P(PostgresTypes, rows_without_a_key_are_found_by_values_of_every_type) {
  std::vector<const TypeCase*> cases;
  for (const auto& each : type_cases()) {
    if (each.foreign) cases.push_back(&each);
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    sql(fmt::format("CREATE TABLE t{0} (n INT, v {1}); ALTER TABLE t{0} REPLICA IDENTITY FULL", i, cases[i]->column));
    int n = 0;
    for (const char* value : cases[i]->values) sql(fmt::format("INSERT INTO t{} VALUES ({}, {})", i, ++n, value));
  }
  const Pipeline pipeline(*source_, GetParam().second, database_);
  if (GetParam().second == "postgres") execute(*pipeline.target(), kTypes);
  pipeline.run_until_caught_up();
  for (size_t i = 0; i < cases.size(); ++i) {
    sql(fmt::format("UPDATE t{0} SET n = n + 100; DELETE FROM t{0} WHERE n = 101", i));
  }
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Matrix, PostgresTypes,
    testing::Values(SourceAndTarget("postgres_source", "sqlite"), SourceAndTarget("postgres_source", "postgres"),
                    SourceAndTarget("postgres_source", "mariadb"), SourceAndTarget("postgres_source", "mysql"),
                    SourceAndTarget("postgres_18", "postgres"), SourceAndTarget("postgres_18", "mysql")),
    [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

// What a target cannot hold stops the job; nothing is altered.
TEST(PostgresForeignTypes, values_that_a_target_cannot_hold_stop_the_job) {
  DatabaseServer* source = Servers::shared().get("postgres_source");
  ASSERT_NE(source, nullptr);
  struct Unheld {
    const char* column;
    const char* value;
    const char* target;
  };
  for (const Unheld& each : {Unheld{"date", "'infinity'", "mariadb"}, Unheld{"timestamp", "'-infinity'", "mariadb"},
                             Unheld{"date", "'0044-03-15 BC'", "mariadb"}, Unheld{"numeric(5,2)", "'NaN'", "mariadb"},
                             Unheld{"float8", "'NaN'", "mariadb"}, Unheld{"float8", "'NaN'", "sqlite"},
                             Unheld{"timestamp", "'294276-12-31 23:59:59'", "postgres"}}) {
    SCOPED_TRACE(fmt::format("{} {} in {}", each.column, each.value, each.target));
    const std::string database = fresh_database(*source, "unheld");
    execute(
        *source,
        fmt::format("CREATE TABLE t (id int PRIMARY KEY, v {}); INSERT INTO t VALUES (1, {})", each.column, each.value),
        database);
    const Pipeline pipeline(*source, each.target, database);
    const auto job = pipeline.start({"run", "JOB", "--until-caught-up"});
    EXPECT_EQ(job->wait().value_or(-1), 6) << job->err();
    drop_database(*source, database);
  }
}

}  // namespace
}  // namespace sluice::support
