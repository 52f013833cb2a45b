// SPDX-License-Identifier: Apache-2.0
// Units, pools and tenants by statements, and a server that comes back.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"
#include "tenants/instance.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TenantServer, a_new_tenant_is_an_ordinary_database_whose_user_has_no_dangerous_privilege) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  const auto session = tenants.connect("shop");
  ASSERT_NE(session, nullptr);
  ASSERT_OK(session->execute(
      "CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY, b VARCHAR(10)); INSERT INTO s.t VALUES (1, 'x')"));
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT engine FROM information_schema.tables WHERE table_name = 't'"),
            "ROCKSDB");
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT @@gtid_domain_id = @@server_id"), "1");
  for (const char* forbidden : {"SET GLOBAL read_only = 1", "SHUTDOWN", "SET sql_log_bin = 0", "KILL 1",
                                "SELECT * FROM s.t INTO OUTFILE '/tmp/x'", "CHANGE MASTER TO master_host='x'"}) {
    EXPECT_FALSE(session->execute(forbidden).has_value()) << forbidden;
  }
  // Nor is it of use to make oneself all-powerful, which who may write to the schema mysql and make users can.
  tenants.must("CREATE RESOURCE POOL other_pool UNIT small; CREATE TENANT other RESOURCE_POOL_LIST=('other_pool')");
  const std::string theirs = tenants.tenant_folder("other") + "/client.cnf";
  const std::string mine = tenants.tenant_folder("shop") + "/stolen";
  ASSERT_OK(session->execute(
      "UPDATE mysql.global_priv SET priv = JSON_SET(priv, '$.access', 549755813887) WHERE user = 'admin'; "
      "FLUSH PRIVILEGES"));
  const auto mighty = tenants.connect("shop");
  ASSERT_NE(mighty, nullptr);
  const auto read = mighty->query("SELECT LOAD_FILE('" + theirs + "')");
  ASSERT_OK(read);
  EXPECT_EQ((*read)[0][0], std::nullopt);
  const std::string secure = tenants.tenant_value("shop", "SELECT @@secure_file_priv");
  for (const std::string& forbidden :
       {"LOAD DATA INFILE '" + theirs + "' INTO TABLE s.t", "SELECT 'x' INTO OUTFILE '" + mine + "'",
        "SELECT 'x' INTO DUMPFILE '" + mine + "'", std::string("SET GLOBAL secure_file_priv = ''")}) {
    EXPECT_FALSE(mighty->execute(forbidden).has_value()) << forbidden;
  }
  ASSERT_THAT(secure, testing::StartsWith(tenants.tenant_folder("shop") + "/run/"));
  EXPECT_TRUE(std::filesystem::is_empty(secure));
  tenants.must("DROP TENANT other; DROP RESOURCE POOL other_pool");
  // Files are their owner's alone.
  for (const char* file : {"/catalog.db", "/sluice.sock", "/tenants/1001/client.cnf", "/tenants/1001/my.cnf"}) {
    struct stat info{};
    ASSERT_EQ(::stat((tenants.data() + file).c_str(), &info), 0) << file;
    EXPECT_EQ(info.st_mode & 077, 0U) << file;
  }
  const std::string shown =
      tenants.must("SELECT TENANT_NAME, STATUS, TENANT_ROLE, LOG_MODE FROM oceanbase.DBA_OB_TENANTS\\G");
  EXPECT_EQ(shown,
            "*************************** 1. row ***************************\nTENANT_NAME: shop\n     STATUS: NORMAL\n"
            "TENANT_ROLE: PRIMARY\n   LOG_MODE: ARCHIVELOG\n");
  EXPECT_EQ(tenants.must("SELECT NAME FROM DBA_OB_RESOURCE_POOLS"),
            "+-----------+\n| NAME      |\n+-----------+\n| shop_pool |\n+-----------+\n");
  tenants.must("DROP TENANT shop; DROP RESOURCE POOL shop_pool; DROP RESOURCE UNIT small");
  tenants.expect_nothing_left({});
}

TEST(TenantServer, a_mistake_is_answered_with_its_number) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.must(
      "CREATE RESOURCE UNIT u MAX_CPU 1, MIN_CPU 0.1, MEMORY_SIZE '128M'; CREATE RESOURCE POOL p UNIT u, UNIT_NUM 1;"
      "CREATE TENANT t RESOURCE_POOL_LIST=('p')");
  const std::pair<const char*, const char*> answers[] = {
      {"CREATE RESOURCE UNIT v MAX_CPU 1, MEMORY_SIZE '1M'", "ERROR 4659 (HY000): invalid MEMORY_SIZE value"},
      {"CREATE RESOURCE UNIT u MAX_CPU 1, MEMORY_SIZE '1G'", "ERROR 4649 (HY000): resource unit 'u' already exist"},
      {"CREATE RESOURCE UNIT v MAX_CPU 1, MIN_CPU 2, MEMORY_SIZE '1G'", "ERROR 1210"},
      {"DROP RESOURCE UNIT u", "ERROR 4634"},
      {"DROP RESOURCE UNIT x", "ERROR 4648"},
      {"CREATE RESOURCE POOL p UNIT u", "ERROR 4651"},
      {"CREATE RESOURCE POOL q UNIT x", "ERROR 4648"},
      {"CREATE RESOURCE POOL q UNIT u, UNIT_NUM 2", "ERROR 4733"},
      {"DROP RESOURCE POOL p", "ERROR 4626"},
      {"DROP RESOURCE POOL x", "ERROR 4650"},
      {"CREATE TENANT t RESOURCE_POOL_LIST=('p')", "ERROR 5156"},
      {"CREATE TENANT s RESOURCE_POOL_LIST=('p')", "ERROR 4626"},
      {"CREATE TENANT s RESOURCE_POOL_LIST=('x')", "ERROR 4650"},
      {"DROP TENANT s", "ERROR 5160"},
      {"ALTER SYSTEM ACTIVATE STANDBY TENANT = t", "ERROR 4179"},
      {"ALTER SYSTEM ARCHIVELOG TENANT = x", "ERROR 5160"},
      {"ALTER SYSTEM CANCEL CLONE x",
       "ERROR 4179 (HY000): clone job does not exist or has finished, cancel clone not allowed"},
      {"CREATE TENANT c FROM t WITH RESOURCE_POOL=r, UNIT=u", "ERROR 4179 (HY000): log archive is not ready"},
      {"CREATE SNAPSHOT s FOR TENANT t", "ERROR 4179"},
      {"DROP SNAPSHOT s FOR TENANT t", "ERROR 12000"},
      {"CREATE TENANT c FROM x WITH RESOURCE_POOL=r, UNIT=u", "ERROR 5160"},
      {"SELECT * FROM nowhere", "ERROR 1064"},
      {"SELECT load_extension('x')", "ERROR 1064"},
      {"SELECT zeroblob(100000000)", "ERROR 1064"},
      {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT printf('%0900000d', i) FROM n",
       "ERROR 1210 (HY000): the result has more than 100000 rows or 64 MB"},
      {"WITH x AS (SELECT 1) DELETE FROM oceanbase.tenant", "ERROR 1064"},
      {"CREATE RESOURCE UNIT huge MAX_CPU 1000, MEMORY_SIZE '1G'; CREATE RESOURCE POOL q UNIT huge", "ERROR 4733"},
      {"ALTER RESOURCE POOL p UNIT = huge", "ERROR 4733"},
      {"ALTER RESOURCE UNIT u MAX_CPU = 1000, MIN_CPU = 1000", "ERROR 4733"},
      {"ALTER RESOURCE UNIT u MEMORY_SIZE = '900000G'", "ERROR 4733"},
  };
  for (const auto& [statement, answer] : answers) {
    const SqlReply reply = tenants.sql(statement);
    EXPECT_EQ(reply.code, 1) << statement;
    EXPECT_THAT(reply.err, testing::StartsWith(answer)) << statement;
  }
  EXPECT_EQ(tenants.value("SELECT group_concat(NAME || MIN_CPU) FROM DBA_OB_UNIT_CONFIGS WHERE UNIT_CONFIG_ID IN "
                          "(SELECT UNIT_CONFIG_ID FROM DBA_OB_RESOURCE_POOLS)"),
            "u0.1");
  // A failed creation leaves nothing.
  tenants.must("DROP TENANT t");
  EXPECT_EQ(tenants.sql("CREATE TENANT t RESOURCE_POOL_LIST=('p'), CHARSET=klingon").code, 1);
  EXPECT_EQ(tenants.value("SELECT COUNT(*) FROM DBA_OB_TENANTS"), "0");
  tenants.must("DROP RESOURCE POOL p");
  tenants.expect_nothing_left({});
}

TEST(TenantServer, finds_running_tenants_again_and_starts_dead_ones) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  ASSERT_OK(tenants.connect("shop")->execute(
      "CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY); INSERT INTO s.t VALUES (7)"));
  const pid_t first = tenants.tenant_pid("shop");
  ASSERT_NE(first, 0);

  // Killed, the server leaves its tenants running, and the next one finds them.
  tenants.server().kill9();
  ASSERT_TRUE(tenants.start());
  EXPECT_EQ(tenants.tenant_pid("shop"), first);
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT a FROM s.t"), "7");

  // A tenant that dies is started again.
  kill(first, SIGKILL);
  ASSERT_TRUE(wait_until([&] { return tenants.value("SELECT RESTARTS FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  EXPECT_NE(tenants.tenant_pid("shop"), first);
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT a FROM s.t"), "7");

  // One that died while nobody looked, too.
  const pid_t second = tenants.tenant_pid("shop");
  tenants.server().kill9();
  kill(second, SIGKILL);
  ASSERT_TRUE(tenants.start());
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT a FROM s.t"), "7");

  // An orderly stop stops the tenants.
  const pid_t third = tenants.tenant_pid("shop");
  EXPECT_EQ(tenants.server().stop(), 0);
  EXPECT_NE(kill(third, 0), 0);
  ASSERT_TRUE(tenants.start());
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT a FROM s.t"), "7");
}

// A server that starts removes the temporary tables it finds in its folder for them.
TEST(TenantServer, a_tenant_that_starts_leaves_temporary_tables_of_others_alone) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  const auto session = tenants.connect("shop");
  ASSERT_OK(
      session->execute("CREATE DATABASE s; CREATE TEMPORARY TABLE s.kept (a INT); INSERT INTO s.kept VALUES (7)"));
  tenants.must("CREATE RESOURCE POOL other_pool UNIT small; CREATE TENANT other RESOURCE_POOL_LIST=('other_pool')");
  ASSERT_OK(session->execute("ALTER TABLE s.kept ADD COLUMN b INT"));
  const auto kept = session->query("SELECT a FROM s.kept");
  ASSERT_OK(kept);
  EXPECT_EQ((*kept)[0][0], "7");
}

TEST(TenantServer, a_tenant_that_does_not_come_up_holds_up_no_other) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("slow");
  tenants.create_tenant("other");
  const auto restarts = [&](const std::string& name) {
    return tenants.value("SELECT RESTARTS FROM DBA_OB_TENANTS WHERE TENANT_NAME = '" + name + "'");
  };
  const Instance slow(tenants.tenant_folder("slow"));
  // Stopped before it answers; if that was too late, once more.
  pid_t starting = 0;
  for (bool early = false; !early;) {
    const auto old = slow.find();
    ASSERT_TRUE(old.has_value());
    const std::string before = restarts("slow");
    old->kill9();
    ASSERT_TRUE(wait_until([&] {
      const auto found = slow.find();
      if (found) found->signal(SIGSTOP);
      starting = found ? found->pid() : 0;
      return starting != 0;
    }));
    early = restarts("slow") == before;
    if (!early) kill(starting, SIGCONT);
  }
  kill(tenants.tenant_pid("other"), SIGKILL);
  EXPECT_TRUE(wait_until([&] { return restarts("other") == "1"; }, std::chrono::seconds(120)));
  // It was not necessary to end the other one for that.
  EXPECT_EQ(tenants.tenant_pid("slow"), starting);
  EXPECT_EQ(tenants.tenant_value("other", "SELECT 1"), "1");
  kill(starting, SIGCONT);
  EXPECT_TRUE(wait_until(
      [&] {
        Context context;
        return slow.connect(context).has_value();
      },
      std::chrono::seconds(60)));
  EXPECT_EQ(tenants.tenant_pid("slow"), starting);
}

TEST(TenantServer, whoever_is_given_a_tenants_option_file_is_not_its_server) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  auto other = Process::spawn({.command = {"python3", "-c", "import signal; signal.pause()",
                                           "--defaults-file=" + tenants.tenant_folder("shop") + "/my.cnf"}});
  ASSERT_OK(other);
  kill(tenants.tenant_pid("shop"), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return tenants.value("SELECT RESTARTS FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT 1"), "1");
  tenants.must("DROP TENANT shop; DROP RESOURCE POOL shop_pool");
  EXPECT_TRUE((*other)->running());
  tenants.expect_nothing_left({});
}

TEST(TenantServer, one_server_has_a_folder) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  const auto second = run_command({SLUICE_PROGRAM, "server", "--data", tenants.data()});
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message(), HasSubstr("another server has"));
  EXPECT_EQ(tenants.sql("SELECT 1").code, 0);
  tenants.server().stop();
  EXPECT_EQ(tenants.sql("SELECT 1").code, 4);
}

TEST(TenantServer, a_kill_while_a_tenant_is_made_or_dropped_leaves_nothing_of_it) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  for (const char* point : {"tenant_named", "tenant_started"}) {
    tenants.server().kill9();
    ASSERT_TRUE(tenants.start({{"SLUICE_FAULT", std::string(point) + ":1"}}));
    EXPECT_NE(tenants.sql("CREATE RESOURCE POOL p UNIT small; CREATE TENANT t RESOURCE_POOL_LIST=('p')").code, 0)
        << point;
    ASSERT_EQ(tenants.server().wait(), 137) << point;
    ASSERT_TRUE(tenants.start());
    tenants.must("DROP RESOURCE POOL p");
    tenants.expect_nothing_left({"shop"});
  }
  tenants.server().kill9();
  ASSERT_TRUE(tenants.start({{"SLUICE_FAULT", "tenant_dropping:1"}}));
  EXPECT_NE(tenants.sql("DROP TENANT shop").code, 0);
  ASSERT_EQ(tenants.server().wait(), 137);
  ASSERT_TRUE(tenants.start());
  tenants.must("DROP RESOURCE POOL shop_pool");
  tenants.expect_nothing_left({});
}

TEST(TenantServer, limits_are_in_the_kernel_or_isolation_is_none) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  const std::string isolation = tenants.value("SELECT ISOLATION FROM DBA_OB_TENANTS");
  const std::string groups = read_file(fmt::format("/proc/{}/cgroup", tenants.tenant_pid("shop")));
  if (isolation == "none") {
    EXPECT_THAT(groups, Not(HasSubstr("tenant-1001")));
    return;
  }
  EXPECT_THAT(groups, HasSubstr("/tenant-1001\n"));
  tenants.must("ALTER RESOURCE UNIT small MEMORY_SIZE = '160M', MAX_CPU = 1");
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT @@rocksdb_block_cache_size"),
            std::to_string((int64_t{160} << 20) * 40 / 100));
}

}  // namespace
}  // namespace sluice::support
