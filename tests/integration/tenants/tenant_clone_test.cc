// SPDX-License-Identifier: Apache-2.0
// Clones under load: exact, independent, cheap, and gone when dropped.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "integration/tenants/tenants_fixture.h"
#include "support/mysql_server.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string clone(const std::string& name, const std::string& source, const std::string& more = {}) {
  return fmt::format("CREATE TENANT {0} FROM {1} WITH RESOURCE_POOL = {0}_pool, UNIT = small{2}", name, source, more);
}

std::string birth(const Tenants& tenants, const std::string& name) {
  return tenants.value("SELECT BIRTH_GTID FROM DBA_OB_TENANTS WHERE TENANT_NAME = '" + name + "'");
}

// The table files of a tenant: how many names each has.
std::map<ino_t, nlink_t> table_files(const std::string& folder) {
  std::map<ino_t, nlink_t> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/data/#rocksdb")) {
    struct stat info{};
    if (entry.path().extension() == ".sst" && ::stat(entry.path().c_str(), &info) == 0)
      files[info.st_ino] = info.st_nlink;
  }
  return files;
}

TEST(TenantClone, holds_exactly_what_its_position_covers_and_goes_its_own_way) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  ASSERT_OK(tenants.connect("shop")->execute(
      "CREATE DATABASE extra; CREATE TABLE extra.big (a INT PRIMARY KEY, b VARCHAR(200)); CREATE VIEW extra.v AS "
      "SELECT a FROM "
      "extra.big; CREATE TRIGGER extra.tr BEFORE INSERT ON extra.big FOR EACH ROW SET NEW.b = CONCAT(NEW.b, '!'); "
      "INSERT INTO "
      "extra.big VALUES (1, 'x'); CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON extra.* TO reader@'%'"));
  Application application(tenants, "shop", 4);
  constexpr int kClones = 4;
  for (int i = 0; i < kClones; ++i) {
    // Everything that was committed before the statement is in.
    const int64_t before = application.committed();
    ASSERT_TRUE(wait_until([&] { return application.committed() >= before + 50; }));
    const int64_t committed = application.committed();
    const std::string name = fmt::format("c{}", i);
    tenants.must(clone(name, "shop"));
    EXPECT_GE(std::stoll(tenants.tenant_value(name, "SELECT COUNT(*) FROM app.keyed")), committed);
  }
  application.stop();
  for (int i = 0; i < kClones; ++i) {
    const std::string name = fmt::format("c{}", i);
    application.expect_exactly(tenants, name, birth(tenants, name));
    EXPECT_EQ(tenants.tenant_value(name, "SELECT b FROM extra.v JOIN extra.big USING (a)"), "x!");
    EXPECT_EQ(tenants.tenant_value(name, "SELECT COUNT(*) FROM mysql.user WHERE user = 'reader'"), "1");
  }
  EXPECT_EQ(
      tenants.value("SELECT COUNT(*) FROM DBA_OB_CLONE_HISTORY WHERE STATUS = 'CLONE_SYS_SUCCESS' AND RET_CODE = 0"),
      std::to_string(kClones));

  // A standby is read only until it is activated; then both go their own way.
  const auto session = tenants.connect("c0");
  const auto written = session->execute("INSERT INTO extra.big VALUES (2, 'c')");
  ASSERT_FALSE(written.has_value());
  EXPECT_THAT(written.error().message(), HasSubstr("read-only"));
  tenants.must("ALTER SYSTEM ACTIVATE STANDBY TENANT = c0");
  EXPECT_OK(session->execute("INSERT INTO extra.big VALUES (2, 'c'); DROP TABLE app.keyed"));
  EXPECT_OK(tenants.connect("shop")->execute("INSERT INTO extra.big VALUES (2, 's')"));
  EXPECT_EQ(tenants.tenant_value("c0", "SELECT b FROM extra.big WHERE a = 2"), "c!");
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT b FROM extra.big WHERE a = 2"), "s!");
  EXPECT_EQ(tenants.tenant_value("c1", "SELECT COUNT(*) FROM extra.big"), "1");
  EXPECT_NE(tenants.tenant_value("shop", "SELECT COUNT(*) FROM app.keyed"), "0");

  // A clone of a clone, and the parent goes.
  tenants.must("ALTER SYSTEM ARCHIVELOG TENANT = c0; " + clone("cc", "c0", ", ROLE = PRIMARY"));
  tenants.must("DROP TENANT c0 FORCE; DROP TENANT shop FORCE; DROP RESOURCE POOL shop_pool");
  EXPECT_OK(tenants.connect("cc")->execute("INSERT INTO extra.big VALUES (3, 'z')"));
  EXPECT_EQ(tenants.tenant_value("cc", "SELECT GROUP_CONCAT(b ORDER BY a) FROM extra.big"), "x!,c!,z!");
  application.expect_exactly(tenants, "c1", birth(tenants, "c1"));
  tenants.must("DROP TENANT c1; DROP TENANT c2; DROP TENANT c3");
  tenants.expect_nothing_left({"cc"});
}

TEST(TenantClone, ten_at_once_are_all_exact) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  Application application(tenants, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 20; }));
  constexpr int kClones = 10;
  std::vector<std::thread> clones;
  for (int i = 0; i < kClones; ++i) {
    clones.emplace_back([&, i] { tenants.must(clone(fmt::format("c{}", i), "shop")); });
  }
  for (std::thread& one : clones) one.join();
  application.stop();
  std::vector<std::string> names;
  for (int i = 0; i < kClones; ++i) {
    names.push_back(fmt::format("c{}", i));
    application.expect_exactly(tenants, names.back(), birth(tenants, names.back()));
  }
  names.emplace_back("shop");
  tenants.expect_nothing_left(names);
}

TEST(TenantClone, a_snapshot_keeps_its_state_for_any_number_of_clones) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  Application application(tenants, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 20; }));
  tenants.must("CREATE SNAPSHOT before FOR TENANT shop");
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 60; }));
  application.stop();
  EXPECT_OK(tenants.connect("shop")->execute("DROP TABLE app.keyed"));
  tenants.must(
      "CREATE TENANT a FROM shop USING SNAPSHOT before WITH RESOURCE_POOL = a_pool, UNIT = small;"
      "CREATE TENANT b FROM shop USING SNAPSHOT before WITH RESOURCE_POOL = b_pool, UNIT = small, ROLE = PRIMARY");
  const std::string gtid = tenants.value("SELECT GTID FROM DBA_OB_TENANT_SNAPSHOTS WHERE SNAPSHOT_NAME = 'before'");
  EXPECT_EQ(birth(tenants, "a"), gtid);
  application.expect_exactly(tenants, "a", gtid);
  application.expect_exactly(tenants, "b", gtid);
  EXPECT_THAT(tenants.sql("CREATE SNAPSHOT before FOR TENANT shop").err, StartsWith("ERROR 12001"));
  EXPECT_THAT(
      tenants.sql("CREATE TENANT c FROM shop USING SNAPSHOT other WITH RESOURCE_POOL = c_pool, UNIT = small").err,
      StartsWith("ERROR 12000"));
  tenants.expect_nothing_left({"a", "b", "shop"}, 1);
  tenants.must("DROP SNAPSHOT before FOR TENANT shop");
  tenants.expect_nothing_left({"a", "b", "shop"}, 0);
}

TEST(TenantClone, an_idle_or_empty_source_is_cloned_as_well) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  tenants.must(clone("empty", "shop"));
  ASSERT_OK(tenants.connect("shop")->execute(
      "CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY); INSERT INTO s.t VALUES (1)"));
  tenants.must(clone("idle", "shop"));
  EXPECT_EQ(tenants.tenant_value("idle", "SELECT a FROM s.t"), "1");
  EXPECT_EQ(tenants.tenant_value("idle", "SELECT @@gtid_binlog_pos"), birth(tenants, "idle"));
  // All of the clone's data is the source's, and a drop gives the links back.
  const auto before = table_files(tenants.tenant_folder("shop"));
  const auto shared = table_files(tenants.tenant_folder("idle"));
  EXPECT_GE(std::ranges::count_if(before, [&](const auto& file) { return shared.contains(file.first); }), 2);
  tenants.must("DROP TENANT idle");
  for (const auto& [inode, links] : table_files(tenants.tenant_folder("shop"))) {
    EXPECT_EQ(links, before.contains(inode) ? before.at(inode) - (shared.contains(inode) ? 1 : 0) : 1) << inode;
  }
  tenants.must("DROP TENANT empty");
  tenants.expect_nothing_left({"shop"});
  // A restart of the source with nothing to recover, and a clone behind it.
  kill(tenants.tenant_pid("shop"), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return tenants.value("SELECT SUM(RESTARTS) FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  tenants.must(clone("again", "shop"));
  EXPECT_EQ(tenants.tenant_value("again", "SELECT a FROM s.t"), "1");
}

TEST(TenantClone, a_transaction_that_is_prepared_stays_the_sources_alone) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  const auto session = tenants.connect("shop");
  ASSERT_OK(
      session->execute("CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY); XA START 'q'; INSERT INTO s.t VALUES "
                       "(1); XA END 'q'; XA PREPARE 'q'"));
  tenants.must(clone("c", "shop", ", ROLE = PRIMARY"));
  // Neither its rows nor its locks are there.
  EXPECT_OK(tenants.connect("c")->execute("INSERT INTO s.t VALUES (1)"));
  EXPECT_EQ(tenants.tenant_value("c", "XA RECOVER"), "no row");
  EXPECT_OK(session->execute("XA COMMIT 'q'"));
  EXPECT_EQ(tenants.tenant_value("shop", "SELECT COUNT(*) FROM s.t"), "1");
}

TEST(TenantClone, statements_that_change_tables_do_not_tear_it) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  const auto setup = tenants.connect("shop");
  ASSERT_OK(
      setup->execute("CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY AUTO_INCREMENT, b INT); INSERT INTO s.t "
                     "(b) VALUES (1), (2)"));
  std::atomic<bool> stop{false};
  std::thread storm([&] {
    const auto session = tenants.connect("shop");
    // Pauses between them, as a clone needs a moment without.
    for (int i = 0; !stop; ++i) {
      EXPECT_OK(session->execute(fmt::format("ALTER TABLE s.t ADD COLUMN c{0} INT DEFAULT {0}; DO SLEEP(0.3)", i)));
      EXPECT_OK(session->execute(
          fmt::format("UPDATE s.t SET c{0} = c{0} + 1; ALTER TABLE s.t DROP COLUMN c{0}, ALGORITHM=COPY; "
                      "CREATE TABLE s.x{0} (a INT); DROP TABLE s.x{0}; DO SLEEP(0.3)",
                      i)));
    }
  });
  for (int i = 0; i < 3; ++i) {
    const std::string name = fmt::format("c{}", i);
    tenants.must(clone(name, "shop", ", ROLE = PRIMARY"));
    // Every table can be read and written, and there is none of a statement that was at work.
    EXPECT_OK(tenants.connect(name)->execute("INSERT INTO s.t (b) VALUES (3); CHECK TABLE s.t"));
    EXPECT_EQ(
        tenants.tenant_value(
            name, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 's' AND table_name LIKE '#%'"),
        "0");
    EXPECT_EQ(tenants.tenant_value(name, "SELECT COUNT(*) FROM s.t"), "3");
  }
  stop = true;
  storm.join();
}

TEST(TenantClone, what_may_not_be_cloned_is_refused_by_name) {
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  ASSERT_OK(tenants.connect("shop")->execute("CREATE DATABASE s; CREATE TABLE s.old (a INT) ENGINE=MyISAM"));
  const SqlReply foreign = tenants.sql(clone("c", "shop"));
  EXPECT_EQ(foreign.code, 1);
  EXPECT_THAT(foreign.err,
              HasSubstr("ERROR 12004 (HY000): source tenant has 1 tables of other engines than RocksDB (s.old)"));
  tenants.expect_nothing_left({"shop"});
  ASSERT_OK(tenants.connect("shop")->execute("DROP TABLE s.old"));
  const std::pair<std::string, const char*> answers[] = {
      {clone("shop", "shop"), "ERROR 5156"},
      {"CREATE TENANT c FROM shop WITH RESOURCE_POOL = shop_pool, UNIT = small", "ERROR 4651"},
      {"CREATE TENANT c FROM shop WITH RESOURCE_POOL = p, UNIT = nothing", "ERROR 4648"},
      {"CREATE TENANT c FROM shop WITH RESOURCE_POOL = p", "ERROR 1064"},
  };
  for (const auto& [statement, answer] : answers)
    EXPECT_THAT(tenants.sql(statement).err, StartsWith(answer)) << statement;
  EXPECT_EQ(tenants.sql("CREATE TENANT IF NOT EXISTS shop FROM shop WITH RESOURCE_POOL = p, UNIT = small").code, 0);
  tenants.expect_nothing_left({"shop"});
}

}  // namespace
}  // namespace sluice::support
