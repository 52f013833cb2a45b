// SPDX-License-Identifier: Apache-2.0
// The stock client of MariaDB types the statements and reads the views; some clients die in the middle.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

class MysqlEndpoint : public testing::Test {
 protected:
  std::vector<std::string> command(const std::string& statements, std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"mariadb", "--defaults-file=" + tenants_.data() + "/client.cnf"};
    words.insert(words.end(), more.begin(), more.end());
    words.insert(words.end(), {"--execute", statements});
    return words;
  }
  SqlReply client(const std::string& statements, std::vector<std::string> more = {}) const {
    const TempFolder output;
    auto process = Process::spawn({.command = command(statements, std::move(more)), .output_folder = output.path()});
    if (!process) return {-1, {}, process.error().message()};
    const int code = (*process)->wait(std::chrono::minutes(3)).value_or(-1);
    return {code, (*process)->out(), (*process)->err()};
  }
  Tenants tenants_;
};

TEST_F(MysqlEndpoint, the_stock_client_types_statements_and_reads_views) {
  ASSERT_TRUE(tenants_.start());
  const SqlReply made = client(
      "CREATE RESOURCE UNIT small MAX_CPU 2, MIN_CPU 0.1, MEMORY_SIZE '128M';"
      "CREATE RESOURCE POOL shop_pool UNIT small, UNIT_NUM 1; CREATE TENANT shop RESOURCE_POOL_LIST=('shop_pool');"
      "ALTER SYSTEM ARCHIVELOG TENANT = shop; CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small");
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(
      client("SELECT CLONE_TENANT_NAME, STATUS, RET_CODE, ERROR_MESSAGE FROM oceanbase.DBA_OB_CLONE_HISTORY\\G").out,
      "*************************** 1. row ***************************\nCLONE_TENANT_NAME: c\n"
      "           STATUS: CLONE_SYS_SUCCESS\n         RET_CODE: 0\n    ERROR_MESSAGE: NULL\n");
  EXPECT_EQ(client("SELECT TENANT_NAME FROM DBA_OB_TENANTS ORDER BY 1", {"--table", "oceanbase"}).out,
            "+-------------+\n| TENANT_NAME |\n+-------------+\n| c           |\n| shop        |\n+-------------+\n");
  // Auto-completion asks for the columns of every view; status asks for variables.
  const SqlReply asked = client("use oceanbase\nshow tables;\n\\s\nshow databases;", {"--auto-rehash"});
  EXPECT_EQ(asked.code, 0) << asked.err;
  EXPECT_THAT(asked.out, HasSubstr("DBA_OB_CLONE_PROGRESS"));
  EXPECT_THAT(asked.out, HasSubstr("Sluice"));
  EXPECT_THAT(client("DROP TENANT nobody").err, HasSubstr("ERROR 5160 (HY000) at line 1: unknown tenant 'nobody'"));
  EXPECT_THAT(client("CREATE TENAN x").err, HasSubstr("ERROR 1064 (42000) at line 1: syntax: RESOURCE or TENANT"));
  EXPECT_THAT(client("SELECT 1", {"--database=mysql"}).err, HasSubstr("ERROR 1049 (42000)"));
  // A large result, which is more than one packet of the socket.
  const SqlReply large = client(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i, printf('%0100d', i) "
      "AS "
      "t FROM n",
      {"--skip-column-names"});
  EXPECT_EQ(large.code, 0) << large.err;
  EXPECT_EQ(std::ranges::count(large.out, '\n'), 20000);
  client("DROP TENANT c; DROP TENANT shop; DROP RESOURCE POOL shop_pool");
  tenants_.expect_nothing_left({});
}

TEST_F(MysqlEndpoint, a_port_is_opened_on_request_and_wants_the_password) {
  ASSERT_TRUE(tenants_.start({}, {"--listen", "0"}));
  const std::string options = read_file(tenants_.data() + "/client.cnf");
  EXPECT_THAT(options, HasSubstr("host=127.0.0.1"));
  struct stat info{};
  ASSERT_EQ(::stat((tenants_.data() + "/client.cnf").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 077, 0U);
  EXPECT_EQ(client("SELECT 1 AS one").out, "one\n1\n");
  EXPECT_THAT(client("SELECT 1", {"--password=guess"}).err, HasSubstr("ERROR 1045 (28000): Access denied"));
  EXPECT_THAT(client("SELECT 1", {"--skip-password"}).err, HasSubstr("ERROR 1045 (28000): Access denied"));
  EXPECT_THAT(client("SELECT 1", {"--user=admin"}).err, HasSubstr("ERROR 1045 (28000): Access denied"));
  // Who says nothing, half a word or rubbish holds up nobody, and not the end of the server either.
  std::vector<int> strangers;
  const size_t at = options.find("port=") + 5;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(options.c_str() + at)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (const std::string_view words : {"", "\x20", "GET / HTTP/1.1\r\n\r\n"}) {
    strangers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(strangers.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::send(strangers.back(), words.data(), words.size(), MSG_NOSIGNAL), static_cast<ssize_t>(words.size()));
  }
  EXPECT_EQ(client("SELECT 1 AS one").out, "one\n1\n");
  EXPECT_EQ(tenants_.server().stop(), 0);
  for (const int stranger : strangers) ::close(stranger);
}

TEST_F(MysqlEndpoint, strangers_at_the_port_shut_nobody_out) {
  ASSERT_TRUE(tenants_.start({}, {"--listen", "0"}));
  const std::string options = read_file(tenants_.data() + "/client.cnf");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(options.c_str() + options.find("port=") + 5)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::vector<int> strangers;
  for (int i = 0; i < 140; ++i) {
    strangers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(strangers.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    char byte = 0;
    ::recv(strangers.back(), &byte, 1, 0);  // greeted or sent away
  }
  EXPECT_EQ(tenants_.sql("SELECT 1").code, 0);
  // The first, which was let in, says a byte now and then, and never its name.
  ASSERT_EQ(::send(strangers[0], "\x00\x0f\x00\x01", 4, MSG_NOSIGNAL), 4);
  EXPECT_TRUE(wait_until([&] { return ::send(strangers[0], "x", 1, MSG_NOSIGNAL) < 0; }, std::chrono::seconds(60)));
  for (const int stranger : strangers) ::close(stranger);
  EXPECT_TRUE(wait_until([&] { return client("SELECT 1 AS one").out == "one\n1\n"; }));
  EXPECT_EQ(tenants_.server().stop(), 0);
}

TEST_F(MysqlEndpoint, a_client_that_is_killed_leaves_its_clone_to_end_and_the_server_well) {
  ASSERT_TRUE(tenants_.start());
  tenants_.create_tenant("shop");
  auto cloning =
      Process::spawn({.command = command("CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small")});
  ASSERT_OK(cloning);
  const std::string jobs =
      "SELECT (SELECT COUNT(*) FROM DBA_OB_CLONE_PROGRESS) + (SELECT COUNT(*) FROM DBA_OB_CLONE_HISTORY)";
  ASSERT_TRUE(wait_until([&] { return tenants_.value(jobs) == "1"; }, std::chrono::seconds(60)));
  (*cloning)->kill9();
  for (int i = 0; i < 5; ++i) {
    // Killed while it reads an answer without end.
    auto reading = Process::spawn(
        {.command = command("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90000) SELECT "
                            "i, printf('%0200d', i) FROM n",
                            {"--quick"})});
    ASSERT_OK(reading);
    (*reading)->kill9();
  }
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_CLONE_HISTORY") == "1"; },
                         std::chrono::seconds(60)));
  EXPECT_EQ(client("SELECT STATUS FROM DBA_OB_CLONE_HISTORY", {"--skip-column-names"}).out, "CLONE_SYS_SUCCESS\n");
  tenants_.expect_nothing_left({"c", "shop"});
  EXPECT_EQ(tenants_.server().stop(), 0);
}

}  // namespace
}  // namespace sluice::support
