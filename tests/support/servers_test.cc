// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <functional>

#include "support/mysql_server.h"
#include "support/network_proxy.h"
#include "support/postgres_server.h"

namespace sluice::support {
namespace {

template <typename T>
std::unique_ptr<T> start(typename T::Options options = {}) {
  auto server = T::start(std::move(options));
  EXPECT_TRUE(server) << server.error().describe();
  return server ? std::move(server).value() : nullptr;
}

// What every server promises.
void check_promises(DatabaseServer& server) {
  ASSERT_TRUE(
      server.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(10))", server.kind() == "postgres" ? "" : "shop"));
  const std::string database = server.kind() == "postgres" ? "" : "shop";
  ASSERT_TRUE(server.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL); INSERT INTO t VALUES (3, 'c')", database));
  const auto rows = server.query("SELECT id, v FROM t ORDER BY id", database);
  ASSERT_TRUE(rows) << rows.error().describe();
  EXPECT_EQ(*rows, (SqlRows{{"1", "a"}, {"2", std::nullopt}, {"3", "c"}}));
  EXPECT_FALSE(server.query("SELECT nonsense FROM nowhere", database));
  const int port = server.port();
  server.kill9();
  EXPECT_FALSE(server.running());
  EXPECT_FALSE(server.connect());
  const auto restarted = server.restart();
  ASSERT_TRUE(restarted) << restarted.error().describe();
  EXPECT_EQ(server.port(), port);
  EXPECT_EQ(server.value("SELECT count(*) FROM t", database).value(), "3");
  server.pause();
  server.resume();
  EXPECT_EQ(server.value("SELECT count(*) FROM t", database).value(), "3");
}

TEST(MariadbServerTest, keeps_committed_rows_over_kill9_and_takes_arguments) {
  const auto server = start<MariadbServer>({.arguments = {"--binlog-row-metadata=FULL"}});
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(server->execute("CREATE DATABASE shop"));
  check_promises(*server);
  EXPECT_EQ(server->value("SELECT @@binlog_row_metadata").value(), "FULL");
  EXPECT_EQ(server->value("SELECT @@log_bin").value(), "1");
  ASSERT_TRUE(server->restart_with({"--server-id=77"}));
  EXPECT_EQ(server->value("SELECT @@server_id").value(), "77");
}

TEST(MariadbServerTest, is_reached_through_a_proxy) {
  const auto server = start<MariadbServer>();
  ASSERT_NE(server, nullptr);
  const auto proxy = NetworkProxy::start(server->port());
  ASSERT_TRUE(proxy);
  const auto session = connect_mysql({.host = DatabaseServer::host(),
                                      .port = (*proxy)->port(),
                                      .username = server->username(),
                                      .password = server->password()},
                                     "");
  ASSERT_TRUE(session) << session.error().describe();
  EXPECT_TRUE((*session)->query("SELECT 1"));
  (*proxy)->cut();
  EXPECT_FALSE((*session)->query("SELECT 1"));
}

TEST(MariadbServerTest, an_argument_it_does_not_know_is_an_error_with_the_log) {
  const auto server = MariadbServer::start({.arguments = {"--no-such-argument"}});
  ASSERT_FALSE(server);
  EXPECT_NE(server.error().message().find("no-such-argument"), std::string::npos) << server.error().message();
}

TEST(MysqlServerTest, keeps_committed_rows_over_kill9_and_has_gtids) {
  if (const std::string why = MysqlServer::unavailable(); !why.empty()) GTEST_SKIP() << why;
  const auto server = start<MysqlServer>();
  ASSERT_NE(server, nullptr);
  ASSERT_TRUE(server->execute("CREATE DATABASE shop"));
  check_promises(*server);
  EXPECT_EQ(server->value("SELECT @@gtid_mode").value(), "ON");
}

TEST(PostgresServerTest, keeps_committed_rows_over_kill9_and_leaves_no_folder) {
  std::string folder;
  {
    const auto server = start<PostgresServer>();
    ASSERT_NE(server, nullptr);
    folder = server->socket();
    check_promises(*server);
  }
  struct stat status{};
  EXPECT_NE(stat(folder.c_str(), &status), 0);
}

}  // namespace
}  // namespace sluice::support
