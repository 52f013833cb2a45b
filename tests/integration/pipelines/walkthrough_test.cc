// SPDX-License-Identifier: Apache-2.0
// The walk-through of Flink CDC's introduction: the table, its four rows, the updates, and what a user sees printed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    lines.push_back(text.substr(at, end - at));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return lines;
}

class Walkthrough : public testing::Test {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get("mariadb");
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "flink");
    sql("CREATE TABLE test_cdc (id INT PRIMARY KEY, name VARCHAR(100), age INT)");
    sql("INSERT INTO test_cdc VALUES (1, 'Daniel', 25), (2, 'David', 38), (3, 'James', 16), (4, 'Robert', 27)");
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }
  void change() {
    sql("UPDATE test_cdc SET age = 55 WHERE id = 2");
    sql("INSERT INTO test_cdc VALUES (5, 'David', 29)");
    sql("DELETE FROM test_cdc WHERE id = 4");
  }
  std::string job(const std::string& mode, const std::string& format) {
    return folder_.write(
        "job.yaml", fmt::format(R"(source:
  type: mysql
  hostname: 127.0.0.1
  port: {}
  username: {}
  password: {}
  tables: {}.test_cdc
  scan.startup.mode: {}
sink:
  type: values
  format: {}
pipeline:
  name: walkthrough
)",
                                source_->port(), source_->username(), source_->password(), database_, mode, format));
  }
  std::unique_ptr<Process> start(const std::string& file) {
    auto process = Process::spawn({.command = {SLUICE_PROGRAM, "run", file, "--state", folder_.file("state")},
                                   .env = {},
                                   .output_folder = folder_.path()});
    EXPECT_TRUE(process.has_value());
    return std::move(process).value();
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  TempFolder folder_;
};

TEST_F(Walkthrough, initial_prints_the_rows_and_then_the_changes_as_a_changelog) {
  const auto process = start(job("initial", "changelog"));
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 4; })) << process->err();
  change();
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 8; })) << process->out() << process->err();
  EXPECT_EQ(process->stop(), 0);
  EXPECT_THAT(lines_of(process->out()),
              ElementsAre("+I[1, Daniel, 25]", "+I[2, David, 38]", "+I[3, James, 16]", "+I[4, Robert, 27]",
                          "-U[2, David, 38]", "+U[2, David, 55]", "+I[5, David, 29]", "-D[4, Robert, 27]"));
}

TEST_F(Walkthrough, latest_offset_prints_only_the_changes) {
  const auto process = start(job("latest-offset", "changelog"));
  ASSERT_TRUE(wait_until([&] { return process->err().find("reading the log from") != std::string::npos; }))
      << process->err();
  change();
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 4; })) << process->out() << process->err();
  EXPECT_EQ(process->stop(), 0);
  EXPECT_THAT(lines_of(process->out()),
              ElementsAre("-U[2, David, 38]", "+U[2, David, 55]", "+I[5, David, 29]", "-D[4, Robert, 27]"));
}

TEST_F(Walkthrough, debezium_json_has_before_after_source_and_op) {
  const auto process = start(job("initial", "debezium-json"));
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 4; })) << process->err();
  sql("UPDATE test_cdc SET age = 55 WHERE id = 2");
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 5; })) << process->out() << process->err();
  EXPECT_EQ(process->stop(), 0);
  const auto lines = lines_of(process->out());
  EXPECT_THAT(lines[0], HasSubstr("\"before\":null,\"after\":{\"id\":1,\"name\":\"Daniel\",\"age\":25}"));
  EXPECT_THAT(lines[0], HasSubstr("\"op\":\"r\""));
  EXPECT_THAT(
      lines[4],
      HasSubstr(
          "\"before\":{\"id\":2,\"name\":\"David\",\"age\":38},\"after\":{\"id\":2,\"name\":\"David\",\"age\":55}"));
  EXPECT_THAT(lines[4], HasSubstr("\"op\":\"u\""));
  EXPECT_THAT(lines[4], HasSubstr(fmt::format("\"db\":\"{}\",\"table\":\"test_cdc\"", database_)));
}

TEST_F(Walkthrough, the_default_format_is_the_one_of_flink_cdc) {
  const auto process = start(job("initial", "flink"));
  ASSERT_TRUE(wait_until([&] { return lines_of(process->out()).size() >= 5; })) << process->err();
  EXPECT_EQ(process->stop(), 0);
  const auto lines = lines_of(process->out());
  EXPECT_EQ(lines[0], fmt::format("CreateTableEvent{{tableId={}.test_cdc, schema=columns={{`id` INT NOT NULL,`name` "
                                  "VARCHAR(100),`age` INT}}, primaryKeys=id, options=()}}",
                                  database_));
  EXPECT_EQ(lines[2],
            fmt::format("DataChangeEvent{{tableId={}.test_cdc, before=[], after=[2, David, 38], op=INSERT, meta=()}}",
                        database_));
}

}  // namespace
}  // namespace sluice::support
