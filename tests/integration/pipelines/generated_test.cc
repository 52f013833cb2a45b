// SPDX-License-Identifier: Apache-2.0
// Random tables with random values: inserted before the copy, and through the log as INSERT and as UPDATE. All three
// must arrive as the same value, which between PostgreSQL servers is the source's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "integration/pipelines/mysql_generator.h"
#include "integration/pipelines/pipeline_fixture.h"
#include "integration/pipelines/postgres_generator.h"
#include "support/seed.h"

namespace sluice::support {
namespace {

constexpr int kTables = 12;
constexpr int kColumns = 20;
constexpr int kRows = 8;
// Where the ids of the rows begin that come by the log.
constexpr int kInserted = 1000;
constexpr int kUpdated = 2000;

constexpr const char* kExtensions =
    "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; CREATE EXTENSION IF NOT EXISTS hstore SCHEMA public;"
    "CREATE EXTENSION IF NOT EXISTS ltree SCHEMA public";

struct GeneratedTable {
  std::string name;
  std::vector<GeneratedType> columns;
  std::vector<std::vector<std::string>> rows;  // SQL literals

  std::string insert(int row, int id) const {
    return fmt::format("INSERT INTO {} VALUES ({}, {})", name, id, fmt::join(rows[static_cast<size_t>(row)], ", "));
  }
  std::string update(int row, int id) const {
    std::string list;
    for (size_t i = 0; i < columns.size(); ++i) {
      list += fmt::format("{}c{} = {}", i == 0 ? "" : ", ", i, rows[static_cast<size_t>(row)][i]);
    }
    return fmt::format("UPDATE {} SET {} WHERE id = {}", name, list, id);
  }
};

using SourceAndTarget = std::pair<std::string, std::string>;

class Generated : public testing::TestWithParam<SourceAndTarget> {
 protected:
  void one_database(uint64_t seed);
  void fill(TypeGenerator& generator, GeneratedTable& table);
  void compare(const Pipeline& pipeline, const GeneratedTable& table);
  void sql(const std::string& statement) { execute(*source_, statement, database_); }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  uint64_t values_ = 0;
  uint64_t refused_ = 0;  // values that the type does not take
};

// The first rows; remembers the values that the server has taken.
void Generated::fill(TypeGenerator& generator, GeneratedTable& table) {
  auto session = source_->connect(database_);
  ASSERT_TRUE(session.has_value()) << session.error().message();
  for (int row = 0; row < kRows; ++row) {
    ASSERT_TRUE((*session)->execute(fmt::format("INSERT INTO {} (id) VALUES ({})", table.name, row)).has_value());
    auto& literals = table.rows.emplace_back();
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const bool null = generator.random(0, 9) == 0;
      const GeneratedType& type = table.columns[i];
      std::string literal = null ? "NULL" : type.expression ? type.value() : sql_literal(type.value());
      ++values_;
      const auto set =
          (*session)->execute(fmt::format("UPDATE {} SET c{} = {} WHERE id = {}", table.name, i, literal, row));
      if (!set) {
        ++refused_;
        literal = "NULL";
      }
      literals.push_back(std::move(literal));
    }
  }
}

void Generated::compare(const Pipeline& pipeline, const GeneratedTable& table) {
  const bool same_kind = source_->kind() == "postgres" && GetParam().second == "postgres";
  for (size_t i = 0; i < table.columns.size(); ++i) {
    const GeneratedType& type = table.columns[i];
    SCOPED_TRACE(fmt::format("{}.c{} {}", table.name, i, type.name));
    const std::string column = fmt::format("c{}", i);
    const auto found = pipeline.target_rows(same_kind && type.money ? column + "::money" : column, table.name, "id");
    ASSERT_EQ(found.size(), 3U * kRows);
    const auto wanted =
        source_->query(fmt::format("SELECT {} FROM {} ORDER BY id", column, table.name), database_).value();
    for (size_t row = 0; row < kRows; ++row) {
      EXPECT_EQ(found[row], found[row + kRows]) << "copy and INSERT of " << table.rows[row][i];
      EXPECT_EQ(found[row], found[row + 2 * kRows]) << "copy and UPDATE of " << table.rows[row][i];
      if (!same_kind) continue;
      EXPECT_EQ(found[row], wanted[row][0].value_or("NULL")) << table.rows[row][i];
    }
  }
}

void Generated::one_database(uint64_t seed) {
  const auto& [source, target] = GetParam();
  const bool to_postgres = target == "postgres";
  const bool postgres = source_->kind() == "postgres";
  database_ = fresh_database(*source_, "generated");
  if (postgres) sql(kExtensions);
  std::unique_ptr<TypeGenerator> generator;
  if (postgres) {
    generator = std::make_unique<PostgresGenerator>(seed, !to_postgres);
  } else {
    generator = std::make_unique<MysqlGenerator>(seed, target == "postgres" || target == "sqlite");
  }
  std::vector<GeneratedTable> tables;
  std::string created;
  const Pipeline pipeline(*source_, target, database_);
  if (postgres && to_postgres) execute(*pipeline.target(), kExtensions);
  size_t defined = 0;
  for (int t = 0; t < kTables; ++t) {
    GeneratedTable& table = tables.emplace_back();
    table.name = fmt::format("g{}", t);
    std::string columns;
    for (int i = 0; i < kColumns; ++i) {
      table.columns.push_back(generator->any_type());
      columns += fmt::format(", c{} {}", i, table.columns.back().name);
    }
    for (; defined < generator->definitions().size(); ++defined) sql(generator->definitions()[defined]);
    created += fmt::format("CREATE TABLE {} (id int PRIMARY KEY{});\n", table.name, columns);
    sql(created.substr(created.rfind("CREATE TABLE")));
    ASSERT_NO_FATAL_FAILURE(fill(*generator, table));
  }
  pipeline.run_until_caught_up();
  for (const auto& table : tables) {
    for (int row = 0; row < kRows; ++row) {
      sql(table.insert(row, row + kInserted));
      sql(fmt::format("INSERT INTO {} (id) VALUES ({})", table.name, row + kUpdated));
      sql(table.update(row, row + kUpdated));
    }
  }
  pipeline.run_until_caught_up();
  ASSERT_FALSE(HasFailure()) << created;
  for (const auto& table : tables) compare(pipeline, table);
  EXPECT_EQ(pipeline.verify(), 0);
  drop_database(*source_, database_);
}

TEST_P(Generated, tables_come_out_of_the_copy_and_of_the_log_alike) {
  const auto& [source, target] = GetParam();
  if (source == "postgres_18" && !PostgresServer::newest_unavailable().empty()) {
    GTEST_SKIP() << PostgresServer::newest_unavailable();
  }
  if ((source == "mysql" || target == "mysql") && !MysqlServer::unavailable().empty()) {
    GTEST_SKIP() << MysqlServer::unavailable();
  }
  source_ = Servers::shared().get(source);
  ASSERT_NE(source_, nullptr);
  const int databases = long_run() ? 8 : 1;
  for (int i = 0; i < databases && !HasFailure(); ++i) {
    const uint64_t seed = test_seed() + static_cast<uint64_t>(i);
    SCOPED_TRACE(fmt::format("SLUICE_SEED={}, the first database of a run", seed));
    one_database(seed);
  }
  fmt::print("{} columns, {} values, {} of them refused by the source\n", databases * kTables * kColumns, values_,
             refused_);
  EXPECT_LT(refused_, values_ / 10);
}

INSTANTIATE_TEST_SUITE_P(Pairs, Generated,
                         testing::Values(SourceAndTarget("postgres_source", "postgres"),
                                         SourceAndTarget("postgres_source", "sqlite"),
                                         SourceAndTarget("postgres_18", "mariadb"),
                                         SourceAndTarget("mariadb", "postgres"), SourceAndTarget("mysql", "mariadb")),
                         [](const auto& pair) { return pair.param.first + "_to_" + pair.param.second; });

}  // namespace
}  // namespace sluice::support
