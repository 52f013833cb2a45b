// SPDX-License-Identifier: Apache-2.0
// Jobs with a tenant as source and sink by its name, and clones of it while a job goes on.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "integration/tenants/tenants_fixture.h"
#include "support/mysql_server.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

constexpr int kWriters = 2;

// Transactions of two tables; texts in keys, and long ones.
void write(SqlSession& session, int writer, int number) {
  const auto done = session.execute(
      fmt::format("START TRANSACTION; INSERT INTO shop.orders VALUES ('w{0}', {1}, REPEAT('o', {1} % 300)); "
                  "UPDATE shop.account SET amount = amount + IF(side = 0, {1}, -{1}) WHERE writer = {0}; COMMIT",
                  writer, number));
  EXPECT_OK(done);
}

class TenantJobs : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("shop");
  }
  std::string job(const std::string& name, const std::string& source, const std::string& sink) const {
    return folder_.write(name + ".yaml", fmt::format("source:\n{}sink:\n{}pipeline:\n  name: {}\n"
                                                     "  apply: transactional\n",
                                                     source, sink, name));
  }
  std::string tenant(const std::string& name) const {
    return fmt::format("  type: tenant\n  tenant: {}\n  data: {}\n", name, tenants_.data());
  }
  std::unique_ptr<Process> sluice(std::vector<std::string> command) const {
    command.insert(command.begin(), SLUICE_PROGRAM);
    for (const char* word : {"--state", "S"}) command.emplace_back(word);
    command.back() = folder_.file("state");
    auto process = Process::spawn({.command = command, .env = {}, .output_folder = folder_.path()});
    EXPECT_OK(process);
    return std::move(process).value();
  }

  Tenants tenants_;
  TempFolder folder_;
};

constexpr const char* kOrders =
    "SELECT CONCAT(COUNT(*), ' ', BIT_XOR(CRC32(CONCAT_WS('|', writer, number, body)))) FROM shop.orders";
constexpr const char* kAccounts =
    "SELECT CONCAT(COUNT(*), ' ', BIT_XOR(CRC32(CONCAT_WS('|', writer, side, amount)))) FROM shop.account";

TEST_F(TenantJobs, a_database_is_copied_into_a_tenant_that_is_cloned_while_the_job_goes_on) {
  auto started = MariadbServer::start();
  ASSERT_OK(started);
  MariadbServer& source = **started;
  ASSERT_OK(source.execute(
      "CREATE DATABASE shop; CREATE TABLE shop.orders (writer VARCHAR(200), number INT, body TEXT, PRIMARY KEY "
      "(writer, number)); CREATE TABLE shop.account (writer INT, side INT, amount BIGINT, PRIMARY KEY (writer, "
      "side))"));
  for (int writer = 0; writer < kWriters; ++writer) {
    ASSERT_OK(source.execute(fmt::format("INSERT INTO shop.account VALUES ({0}, 0, 0), ({0}, 1, 0)", writer)));
    write(*source.connect().value(), writer, 1);
  }
  const std::string file =
      job("fill",
          fmt::format("  type: mysql\n  hostname: 127.0.0.1\n  port: {}\n  username: {}\n  password: {}\n"
                      "  tables: shop.\\.*\n",
                      source.port(), source.username(), source.password()),
          tenant("shop"));
  const auto process = sluice({"run", file});
  std::atomic<bool> stopping{false};
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer, session = std::move(source.connect().value())] {
      for (int number = 2; !stopping; ++number) write(*session, writer, number);
    });
  }
  const auto orders_in = [&](const std::string& name) {
    return std::atoi(tenants_.tenant_value(name, "SELECT COUNT(*) FROM shop.orders").c_str());
  };
  const bool filled = wait_until(
      [&] {
        return tenants_.tenant_value(
                   "shop", "SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'orders'") == "1" &&
               orders_in("shop") > 20;
      },
      std::chrono::seconds(60));
  EXPECT_TRUE(filled) << process->err();
  for (const char* clone : {"first", "second"}) {
    if (!filled) break;
    const int before = orders_in("shop");
    tenants_.must(fmt::format("CREATE TENANT {0} FROM shop WITH RESOURCE_POOL = {0}_pool, UNIT = small", clone));
    // The job is not disturbed.
    EXPECT_TRUE(wait_until([&] { return orders_in("shop") > before + 20; }, std::chrono::seconds(60)))
        << process->err();
  }
  stopping = true;
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(filled);
  const std::string orders = source.value(kOrders).value(), accounts = source.value(kAccounts).value();
  EXPECT_TRUE(wait_until([&] { return tenants_.tenant_value("shop", kOrders) == orders; }, std::chrono::seconds(240)))
      << orders << " " << tenants_.tenant_value("shop", kOrders) << "\n"
      << process->err();
  EXPECT_EQ(tenants_.tenant_value("shop", kAccounts), accounts);
  EXPECT_EQ(process->stop(), 0) << process->err();

  // A clone holds whole transactions of the source: each writer's numbers up to one, and the sums that belong to it.
  for (const char* clone : {"first", "second"}) {
    const auto session = tenants_.connect(clone);
    ASSERT_NE(session, nullptr);
    for (int writer = 0; writer < kWriters; ++writer) {
      const auto rows = session->query(fmt::format(
          "SELECT COUNT(*) > 0, COUNT(*) = MAX(number), SUM(LENGTH(body) <> number % 300), SUM(number) = (SELECT "
          "amount FROM shop.account WHERE writer = {0} AND side = 0), SUM(number) = (SELECT -amount FROM shop.account "
          "WHERE writer = {0} AND side = 1) FROM shop.orders WHERE writer = 'w{0}'",
          writer));
      ASSERT_OK(rows);
      EXPECT_EQ((*rows)[0], (SqlRow{"1", "1", "0", "1", "1"})) << clone << " " << writer;
    }
  }
}

TEST_F(TenantJobs, a_tenant_is_copied_into_another_and_followed) {
  tenants_.must("CREATE RESOURCE POOL copy_pool UNIT small; CREATE TENANT copy RESOURCE_POOL_LIST=('copy_pool')");
  const auto session = tenants_.connect("shop");
  ASSERT_NE(session, nullptr);
  ASSERT_OK(session->execute(
      "CREATE DATABASE shop; USE shop; CREATE TABLE shop.orders (writer VARCHAR(200), number INT, body TEXT, PRIMARY "
      "KEY "
      "(writer, number)); INSERT INTO shop.orders SELECT 'w', seq, REPEAT('x', seq % 100) FROM seq_1_to_2000"));
  const std::string file = job("copy", tenant("shop") + "  tables: shop.\\.*\n", tenant("copy"));
  const auto process = sluice({"run", file});
  const auto equal = [&] { return tenants_.tenant_value("copy", kOrders) == tenants_.tenant_value("shop", kOrders); };
  EXPECT_TRUE(wait_until(equal, std::chrono::seconds(60))) << process->err();
  ASSERT_OK(
      session->execute("DELETE FROM shop.orders WHERE number % 7 = 0; UPDATE shop.orders SET body = 'new' WHERE "
                       "number % 5 = 0; INSERT INTO shop.orders VALUES ('x', 1, NULL)"));
  EXPECT_TRUE(wait_until(equal, std::chrono::seconds(60))) << process->err();
  EXPECT_EQ(process->stop(), 0) << process->err();
  const auto verified = sluice({"verify", file});
  EXPECT_EQ(verified->wait().value_or(-1), 0) << verified->out() << verified->err();
}

TEST_F(TenantJobs, a_mistake_is_named_before_anything_connects) {
  tenants_.must("CREATE TENANT report FROM shop WITH RESOURCE_POOL = report_pool, UNIT = small");
  const std::pair<std::string, const char*> mistakes[] = {
      {job("standby", tenant("shop") + "  tables: shop.\\.*\n", tenant("report")),
       "tenant 'report' is a standby and read only"},
      {job("nobody", tenant("nobody") + "  tables: shop.\\.*\n", tenant("shop")), "there is no tenant 'nobody' in"},
      {job("elsewhere", "  type: tenant\n  tenant: shop\n  data: /nowhere\n  tables: shop.\\.*\n", tenant("shop")),
       "no server of tenants has the folder /nowhere"},
      {job("host", tenant("shop") + "  tables: shop.\\.*\n  hostname: x\n", tenant("shop")),
       "a tenant's own server says this"},
      {job("nameless", "  type: tenant\n  tables: shop.\\.*\n", tenant("shop")), "tenant"},
  };
  for (const auto& [file, message] : mistakes) {
    const auto process = sluice({"run", file});
    EXPECT_EQ(process->wait().value_or(-1), 3);
    EXPECT_THAT(process->err(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace sluice::support
