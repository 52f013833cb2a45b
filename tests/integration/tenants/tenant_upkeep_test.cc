// SPDX-License-Identifier: Apache-2.0
// Clones that are reset, protected, dropped at the end of their time, and masked.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "base/fault.h"
#include "base/loopback.h"
#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"
#include "tenants/instance.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class TenantUpkeep : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("shop");
    shop(
        "CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY, secret VARCHAR(40)); INSERT INTO s.t VALUES (1, "
        "'me')");
  }
  void shop(const std::string& sql) const { ASSERT_OK(tenants_.connect("shop")->execute(sql)); }
  void clone(const std::string& name, const std::string& more = "") const {
    tenants_.must(
        fmt::format("CREATE TENANT {0} FROM shop WITH RESOURCE_POOL = {0}_pool, UNIT = small{1}", name, more));
  }
  std::string rows(const std::string& tenant) const {
    return tenants_.tenant_value(tenant, "SELECT GROUP_CONCAT(a, secret ORDER BY a) FROM s.t");
  }
  std::string shown(const std::string& tenant, const std::string& column) const {
    return tenants_.value(fmt::format("SELECT {} FROM DBA_OB_TENANTS WHERE TENANT_NAME = '{}'", column, tenant));
  }

  Tenants tenants_;
};

TEST_F(TenantUpkeep, a_reset_gives_a_clone_its_parents_data_and_leaves_the_rest) {
  clone("dev", ", ROLE = PRIMARY");
  tenants_.must("CREATE SNAPSHOT two FOR TENANT shop");
  tenants_.must("ALTER SYSTEM ARCHIVELOG TENANT = dev");
  const std::string id = shown("dev", "TENANT_ID"), port = shown("dev", "PORT");
  const pid_t before = tenants_.tenant_pid("dev");
  ASSERT_OK(tenants_.connect("dev")->execute("DROP TABLE s.t; CREATE TABLE s.mine (a INT PRIMARY KEY)"));
  shop("INSERT INTO s.t VALUES (2, 'you')");
  Application application(tenants_, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 20; }));

  EXPECT_THAT(tenants_.must("ALTER TENANT dev RESET TO PARENT"), HasSubstr(port));
  EXPECT_EQ(shown("dev", "TENANT_ID"), id);
  EXPECT_EQ(shown("dev", "PORT"), port);
  EXPECT_EQ(shown("dev", "TENANT_ROLE"), "PRIMARY");
  EXPECT_NE(tenants_.tenant_pid("dev"), before);
  EXPECT_EQ(rows("dev"), "1me,2you");
  application.expect_exactly(tenants_, "dev", shown("dev", "BIRTH_GTID"));
  ASSERT_OK(tenants_.connect("dev")->execute("INSERT INTO s.t VALUES (3, 'they')"));
  EXPECT_EQ(rows("shop"), "1me,2you");
  // Its archive goes on in a new round, and it can be cloned itself.
  EXPECT_EQ(tenants_.value("SELECT group_concat(STATUS) FROM (SELECT STATUS FROM DBA_OB_ARCHIVELOG WHERE TENANT_ID = " +
                           id + " ORDER BY ROUND_ID)"),
            "STOP,DOING");
  tenants_.must("CREATE TENANT grandchild FROM dev WITH RESOURCE_POOL = g_pool, UNIT = small");
  EXPECT_EQ(rows("grandchild"), "1me,2you,3they");
  EXPECT_EQ(tenants_.value("SELECT LINEAGE FROM DBA_TENANT_LINEAGE WHERE TENANT_NAME = 'grandchild'"),
            "shop > dev > grandchild");

  tenants_.must("ALTER TENANT dev RESET TO PARENT USING SNAPSHOT two");
  EXPECT_EQ(rows("dev"), "1me");
  application.stop();
  tenants_.expect_nothing_left({"dev", "grandchild", "shop"}, 1);
  tenants_.must("DROP SNAPSHOT two FOR TENANT shop; DROP TENANT dev FORCE");
  EXPECT_EQ(tenants_.value("SELECT LINEAGE FROM DBA_TENANT_LINEAGE WHERE TENANT_NAME = 'grandchild'"),
            "(dropped) > grandchild");
  EXPECT_THAT(tenants_.sql("ALTER TENANT grandchild RESET TO PARENT").err, StartsWith("ERROR 4179"));
  EXPECT_THAT(tenants_.sql("ALTER TENANT shop RESET TO PARENT").err, StartsWith("ERROR 4179"));
  EXPECT_THAT(tenants_.sql("ALTER TENANT nobody RESET TO PARENT").err, StartsWith("ERROR 5160"));
}

TEST_F(TenantUpkeep, a_kill_at_any_place_of_a_reset_leaves_the_tenant_as_it_was_or_as_its_parent) {
  clone("dev", ", ROLE = PRIMARY");
  for (const std::string_view point : kTenantFaultPoints) {
    if (!point.starts_with("reset_") && point != "snapshot_captured") continue;
    SCOPED_TRACE(point);
    ASSERT_OK(tenants_.connect("dev")->execute("DELETE FROM s.t; INSERT INTO s.t VALUES (7, 'mine')"));
    tenants_.server().kill9();
    ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", std::string(point) + ":1"}}));
    EXPECT_EQ(tenants_.sql("ALTER TENANT dev RESET TO PARENT").code, 4);
    ASSERT_EQ(tenants_.server().wait(), 137);
    ASSERT_TRUE(tenants_.start());
    const bool not_begun = point == "reset_stored" || point == "snapshot_captured";
    EXPECT_EQ(rows("dev"), not_begun ? "7mine" : "1me");
    tenants_.expect_nothing_left({"dev", "shop"});
    ASSERT_OK(tenants_.connect("dev")->execute("INSERT INTO s.t VALUES (8, 'writable')"));
  }
  tenants_.must("ALTER TENANT dev RESET TO PARENT");
  EXPECT_EQ(rows("dev"), "1me");
}

TEST_F(TenantUpkeep, what_is_written_after_a_reset_stays_when_its_end_was_not_noted) {
  clone("dev", ", ROLE = PRIMARY");
  tenants_.must("CREATE SNAPSHOT one FOR TENANT shop");
  const std::string folder = tenants_.tenant_folder("dev");
  for (const std::string snapshot : {"", " USING SNAPSHOT one"}) {
    SCOPED_TRACE(snapshot);
    tenants_.server().kill9();
    ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", "reset_opened:1"}}));
    EXPECT_EQ(tenants_.sql("ALTER TENANT dev RESET TO PARENT" + snapshot).code, 4);
    ASSERT_EQ(tenants_.server().wait(), 137);
    ASSERT_OK(Tenants::connect_to(folder)->execute("INSERT INTO s.t VALUES (9, 'kept')"));
    ASSERT_OK(Tenants::connect_to(folder)->execute(
        "XA START 'q'; INSERT INTO s.t VALUES (10, 'prepared'); XA END 'q'; XA PREPARE 'q'"));
    ASSERT_TRUE(tenants_.start());
    EXPECT_EQ(rows("dev"), "1me,9kept");
    ASSERT_OK(tenants_.connect("dev")->execute("XA COMMIT 'q'"));
    EXPECT_EQ(rows("dev"), "1me,9kept,10prepared");
    tenants_.expect_nothing_left({"dev", "shop"}, 1);
  }
  // Nor when it cannot be noted for a while.
  tenants_.change_catalog(
      "CREATE TRIGGER full BEFORE DELETE ON tenant_reset BEGIN SELECT RAISE(ABORT, 'no room'); END");
  std::thread reset([&] { tenants_.must("ALTER TENANT dev RESET TO PARENT"); });
  EXPECT_TRUE(wait_until([&] { return tenants_.server().err().find("no room") != std::string::npos; },
                         std::chrono::seconds(60)));
  EXPECT_OK(Tenants::connect_to(folder)->execute("INSERT INTO s.t VALUES (9, 'kept')"));
  tenants_.change_catalog("DROP TRIGGER full");
  reset.join();
  EXPECT_EQ(rows("dev"), "1me,9kept");
  tenants_.expect_nothing_left({"dev", "shop"}, 1);
}

TEST_F(TenantUpkeep, a_reset_whose_data_cannot_be_noted_for_a_while_opens_the_tenant_then) {
  tenants_.must("CREATE MASK anonymous AS 'UPDATE s.t SET secret = CONCAT(''user'', a)'");
  clone("dev", ", ROLE = PRIMARY, MASK anonymous");
  for (const bool stopped : {false, true}) {
    SCOPED_TRACE(stopped);
    ASSERT_OK(tenants_.connect("dev")->execute("INSERT INTO s.t VALUES (9, 'gone')"));
    const std::string message = stopped ? "no room again" : "no room yet";
    const auto failed = [&] { return tenants_.server().err().find(message) != std::string::npos; };
    tenants_.change_catalog("CREATE TRIGGER full BEFORE INSERT ON reset_placed BEGIN SELECT RAISE(ABORT, '" + message +
                            "'); END");
    std::thread reset([&] { EXPECT_EQ(tenants_.sql("ALTER TENANT dev RESET TO PARENT").code == 0, !stopped); });
    EXPECT_TRUE(wait_until(failed, std::chrono::seconds(60)));
    if (stopped) {
      EXPECT_EQ(tenants_.server().stop(), 0);
    }
    tenants_.change_catalog("DROP TRIGGER full");
    reset.join();
    if (stopped) {
      ASSERT_TRUE(tenants_.start());
    }
    EXPECT_EQ(rows("dev"), "1user1");
    ASSERT_OK(tenants_.connect("dev")->execute("INSERT INTO s.t VALUES (8, 'writable')"));
    tenants_.expect_nothing_left({"dev", "shop"});
  }
}

// The parent's, of which the clone's users know nothing: they would hold rows for ever.
TEST_F(TenantUpkeep, what_the_parent_has_prepared_is_in_no_clone_that_is_masked_or_reset) {
  tenants_.must("CREATE MASK nothing AS 'DO 0'");
  const auto session = tenants_.connect("shop");
  ASSERT_OK(session->execute("XA START 'q'; INSERT INTO s.t VALUES (5, 'prepared'); XA END 'q'; XA PREPARE 'q'"));
  for (const std::string more : {"", ", MASK nothing"}) {
    SCOPED_TRACE(more);
    clone("dev", ", ROLE = PRIMARY" + more);
    EXPECT_EQ(tenants_.tenant_value("dev", "XA RECOVER"), "no row");
    tenants_.must("ALTER TENANT dev RESET TO PARENT");
    EXPECT_EQ(tenants_.tenant_value("dev", "XA RECOVER"), "no row");
    EXPECT_EQ(rows("dev"), "1me");
    tenants_.must("DROP TENANT dev FORCE");
  }
  ASSERT_OK(session->execute("XA COMMIT 'q'"));
}

TEST_F(TenantUpkeep, a_stop_in_the_middle_of_a_reset_leaves_no_server) {
  tenants_.must("CREATE MASK slow AS 'UPDATE s.t SET secret = SLEEP(600) WHERE a = 99'");
  clone("dev", ", MASK slow");
  shop("INSERT INTO s.t VALUES (99, 'x')");
  const std::string folder = tenants_.tenant_folder("dev");
  std::thread reset([&] { EXPECT_NE(tenants_.sql("ALTER TENANT dev RESET TO PARENT").code, 0); });
  Context context;
  EXPECT_TRUE(wait_until(
      [&] {
        const auto session = Instance(folder).connect(context);
        const auto asleep = session ? (*session)->query_value(context,
                                                              "SELECT COUNT(*) FROM information_schema.processlist "
                                                              "WHERE state = 'User sleep'")
                                    : Result<std::optional<std::string>>(session.error());
        return asleep && *asleep == "1";
      },
      std::chrono::seconds(60)));
  EXPECT_EQ(tenants_.server().stop(), 0);
  reset.join();
  EXPECT_EQ(tenants_.running_tenants(), 0U);
}

TEST_F(TenantUpkeep, one_that_cannot_be_dropped_at_the_end_of_its_ttl_holds_up_no_other) {
  clone("held");
  clone("longer");
  clone("other");
  // As while a snapshot of it is made.
  tenants_.change_catalog("INSERT INTO snapshot_lock VALUES (" + shown("held", "TENANT_ID") + ", -9)");
  tenants_.must(
      "ALTER TENANT longer SET TTL = '20s'; ALTER TENANT held SET TTL = '1s'; ALTER TENANT other SET TTL = '1s'");
  ASSERT_TRUE(wait_until(
      [&] { return tenants_.server().err().find("in create snapshot or clone tenant procedure") != std::string::npos; },
      std::chrono::seconds(60)));
  tenants_.must("ALTER TENANT longer SET TTL NONE");
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "3"; },
                         std::chrono::seconds(60)));
  EXPECT_EQ(tenants_.value("SELECT group_concat(DETAIL) FROM DBA_EVENTS WHERE KIND = 'ttl_expired'"), "other");
  tenants_.change_catalog("DELETE FROM snapshot_lock WHERE owner_job_id = -9");
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "2"; },
                         std::chrono::seconds(60)));
  tenants_.expect_nothing_left({"longer", "shop"});
}

TEST_F(TenantUpkeep, who_is_protected_is_neither_dropped_nor_reset) {
  clone("keep", ", PROTECTED");
  EXPECT_EQ(shown("keep", "PROTECTED"), "YES");
  for (const char* statement : {"DROP TENANT keep", "DROP TENANT keep FORCE", "ALTER TENANT keep RESET TO PARENT"}) {
    EXPECT_THAT(tenants_.sql(statement).err, StartsWith("ERROR 4179 (HY000): tenant 'keep' is protected")) << statement;
  }
  tenants_.must("ALTER TENANT keep SET TTL = '1s'");
  clone("gone", ", TTL '1s'");
  // Both are due, one of them stays.
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "2"; },
                         std::chrono::seconds(60)));
  EXPECT_EQ(shown("keep", "STATUS"), "NORMAL");
  EXPECT_EQ(tenants_.value("SELECT DETAIL FROM DBA_EVENTS WHERE KIND = 'ttl_expired'"), "gone");
  tenants_.must("ALTER TENANT keep SET PROTECTED = OFF");
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  tenants_.expect_nothing_left({"shop"});

  clone("later", ", TTL '1h'");
  EXPECT_NE(shown("later", "EXPIRES_AT"), "NULL");
  tenants_.must("ALTER TENANT later SET TTL NONE");
  EXPECT_EQ(shown("later", "EXPIRES_AT"), "NULL");
  // What is due while no server runs goes at its next start.
  tenants_.must("ALTER TENANT later SET TTL '1s'");
  tenants_.server().kill9();
  ASSERT_TRUE(tenants_.start());
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  tenants_.expect_nothing_left({"shop"});
}

// What the logs of a tenant say; its user may read them.
bool logs_hold(const std::string& folder, const std::string& text) {
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/data")) {
    const std::string name = entry.path().filename();
    const bool log = name.starts_with("binlog.0") || name.starts_with("relay");
    if (log && read_file(entry.path()).find(text) != std::string::npos) return true;
  }
  return false;
}

TEST_F(TenantUpkeep, a_mask_is_applied_before_anybody_can_log_in) {
  tenants_.must(
      "CREATE MASK anonymous AS 'UPDATE s.t SET secret = CONCAT(''user'', a); DELETE FROM s.t WHERE a > 100;';"
      "CREATE MASK wrong AS 'UPDATE s.t SET nothing = 1'");
  shop("INSERT INTO s.t VALUES (2, 'her very own'), (101, 'x')");
  // Its own log, into which the archive is replayed, would hold the rows as they were.
  const std::string gtid = tenants_.tenant_value("shop", "SELECT @@gtid_binlog_pos");
  clone("test", ", ROLE = PRIMARY, MASK anonymous, AS OF GTID '" + gtid + "'");
  EXPECT_EQ(rows("test"), "1user1,2user2");
  EXPECT_EQ(shown("test", "MASK"), "anonymous");
  EXPECT_TRUE(logs_hold(tenants_.tenant_folder("shop"), "her very own"));
  EXPECT_FALSE(logs_hold(tenants_.tenant_folder("test"), "her very own"));
  EXPECT_EQ(tenants_.tenant_value("test", "SELECT @@gtid_binlog_pos"), gtid);
  ASSERT_OK(tenants_.connect("test")->execute("INSERT INTO s.t VALUES (3, 'new')"));
  EXPECT_EQ(rows("shop"), "1me,2her very own,101x");

  // The mask is that of the clone's birth, whatever has become of it.
  tenants_.must("DROP MASK anonymous");
  tenants_.must("ALTER TENANT test RESET TO PARENT");
  EXPECT_EQ(rows("test"), "1user1,2user2");
  ASSERT_OK(tenants_.connect("test")->execute("INSERT INTO s.t VALUES (3, 'new')"));

  const SqlReply refused =
      tenants_.sql("CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small, MASK wrong");
  EXPECT_THAT(refused.err, StartsWith("ERROR 12004 (HY000): the mask cannot be applied: "));
  EXPECT_THAT(refused.err, HasSubstr("nothing"));
  EXPECT_THAT(tenants_.sql("CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small, MASK anonymous").err,
              StartsWith("ERROR 1210"));
  tenants_.expect_nothing_left({"shop", "test"});
}

TEST_F(TenantUpkeep, a_reset_whose_mask_fails_leaves_the_tenant_closed_until_one_succeeds) {
  tenants_.must("CREATE MASK anonymous AS 'UPDATE s.t SET secret = CONCAT(''user'', a)'");
  clone("test", ", ROLE = PRIMARY, MASK anonymous");
  tenants_.must("ALTER SYSTEM ARCHIVELOG TENANT = test");
  tenants_.must("CREATE TENANT child FROM test WITH RESOURCE_POOL = child_pool, UNIT = small");
  shop("ALTER TABLE s.t RENAME COLUMN secret TO real_name");
  EXPECT_THAT(tenants_.sql("ALTER TENANT test RESET TO PARENT").err, HasSubstr("the mask cannot be applied"));
  const int port = std::stoi(shown("test", "PORT"));
  const auto can_log_in = [&] { return !is_free_on_loopback(port); };
  EXPECT_FALSE(can_log_in());
  // Whether its server is killed, or the one that keeps it, or both.
  ::kill(tenants_.tenant_pid("test"), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return shown("test", "RESTARTS") == "1"; }, std::chrono::seconds(60)));
  EXPECT_FALSE(can_log_in());
  const pid_t pid = tenants_.tenant_pid("test");
  tenants_.server().kill9();
  ::kill(pid, SIGKILL);
  ASSERT_TRUE(tenants_.start());
  EXPECT_FALSE(can_log_in());
  // And nothing is made of it.
  for (const char* statement : {"CREATE TENANT c FROM test WITH RESOURCE_POOL = c_pool, UNIT = small",
                                "CREATE SNAPSHOT s FOR TENANT test", "ALTER TENANT child RESET TO PARENT"}) {
    EXPECT_THAT(tenants_.sql(statement).err, StartsWith("ERROR 4179 (HY000): the mask of tenant 'test' could not"))
        << statement;
  }
  EXPECT_EQ(rows("child"), "1user1");

  shop("ALTER TABLE s.t RENAME COLUMN real_name TO secret");
  tenants_.must("ALTER TENANT test RESET TO PARENT");
  EXPECT_EQ(rows("test"), "1user1");
}

TEST_F(TenantUpkeep, a_kill_while_a_clone_is_masked_leaves_it_masked_once) {
  tenants_.must("CREATE MASK count AS 'UPDATE s.t SET secret = CONCAT(secret, ''!'')'");
  tenants_.server().kill9();
  ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", "clone_masked:1"}}));
  EXPECT_EQ(tenants_.sql("CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small, MASK count").code, 4);
  ASSERT_EQ(tenants_.server().wait(), 137);
  ASSERT_TRUE(tenants_.start());
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_CLONE_HISTORY") == "1"; },
                         std::chrono::seconds(60)));
  EXPECT_EQ(rows("c"), "1me!");
  tenants_.expect_nothing_left({"c", "shop"});
}

}  // namespace
}  // namespace sluice::support
