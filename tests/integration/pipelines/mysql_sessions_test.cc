// SPDX-License-Identifier: Apache-2.0
// The sessions that a job opens at a MySQL or MariaDB source: what the server's administrator set for every session,
// and TLS.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {
namespace {

using testing::ElementsAre;

class MysqlSessions : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "mysql" && !MysqlServer::unavailable().empty()) GTEST_SKIP() << MysqlServer::unavailable();
    if (GetParam() == "mariadb") {
      keep(MariadbServer::start({.arguments = certificate()}));
    } else {
      keep(MysqlServer::start());  // makes itself a certificate
    }
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "sessions");
    pipeline_ = std::make_unique<Pipeline>(*source_, "sqlite", database_);
  }
  template <typename Server>
  void keep(Result<std::unique_ptr<Server>> started) {
    ASSERT_TRUE(started.has_value()) << started.error().message();
    source_ = std::move(*started);
  }
  std::vector<std::string> certificate() {
    const std::string key = folder_.file("key.pem");
    const std::string cert = folder_.file("cert.pem");
    const auto made = run_command({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                                   "/CN=127.0.0.1", "-keyout", key, "-out", cert});
    EXPECT_TRUE(made.has_value());
    return {"--ssl-key=" + key, "--ssl-cert=" + cert};
  }
  void sql(std::string_view statement) { execute(*source_, statement, database_); }

  TempFolder folder_;
  std::unique_ptr<DatabaseServer> source_;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

// Each of these would lose or alter rows of the copy, or repeat a chunk for ever.
TEST_P(MysqlSessions, what_is_set_for_every_session_does_not_reach_the_copy) {
  sql("CREATE TABLE t (id INT PRIMARY KEY, c CHAR(5)); INSERT INTO t VALUES (0, 'ab')");
  for (int rows = 1; rows < 60'000; rows *= 2) sql(fmt::format("INSERT INTO t SELECT id + {}, c FROM t", rows));
  const std::string time = GetParam() == "mariadb" ? "max_statement_time = 0.001" : "max_execution_time = 1";
  sql("SET GLOBAL sql_select_limit = 10, GLOBAL sql_mode = 'PAD_CHAR_TO_FULL_LENGTH', GLOBAL " + time);
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state"), "--until-caught-up"});
  EXPECT_EQ(job->wait().value_or(-1), 0) << tail(job->err());
  EXPECT_EQ(pipeline_->verify(), 0);
  EXPECT_THAT(pipeline_->target_rows("COUNT(*), MIN(c), MAX(c)", "t", "1"), ElementsAre("65536|ab|ab"));
}

// The last piece of a transaction must not wait inside the TLS library until the server sends something else.
TEST_P(MysqlSessions, the_end_of_a_transaction_is_seen_at_once_over_tls) {
  sql("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(9000) CHARACTER SET latin1)");
  pipeline_->source_options("heartbeat.interval: 10min\nssl.mode: required");
  const auto job = pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")});
  ASSERT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; })) << job->err();
  int rows = 0;
  for (int size = 1000; size <= 9000; size += 500) {
    std::string statement = fmt::format("INSERT INTO t (v) VALUES (REPEAT('x', {}))", size);
    int count = 1;
    for (; count * size < 20'000; ++count) statement += fmt::format(", (REPEAT('x', {}))", size);
    sql(statement);
    rows += count;
    ASSERT_TRUE(wait_until([&] { return pipeline_->target_value("SELECT COUNT(*) FROM t") == std::to_string(rows); }))
        << count << " rows of " << size << " bytes did not come: " << tail(job->err());
  }
}

INSTANTIATE_TEST_SUITE_P(Sources, MysqlSessions, testing::Values("mariadb", "mysql"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace sluice::support
