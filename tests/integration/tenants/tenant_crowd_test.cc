// SPDX-License-Identifier: Apache-2.0
// Many clones at once, and a disk that is full.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(TenantCrowd, fifty_clones_at_once_are_all_exact_and_leave_nothing) {
  constexpr int kClones = 50;
  Tenants tenants;
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  tenants.must("CREATE RESOURCE UNIT tiny MAX_CPU 1, MIN_CPU 0.01, MEMORY_SIZE '128M'");
  Application application(tenants, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 20; }, std::chrono::seconds(60)));
  tenants.must("CREATE SNAPSHOT now FOR TENANT shop");
  std::string statements;
  std::vector<std::string> names;
  for (int i = 0; i < kClones; ++i) {
    names.push_back(fmt::format("c{:02}", i));
    statements += fmt::format(
        "CREATE TENANT {0} FROM shop USING SNAPSHOT now WITH RESOURCE_POOL = {0}_pool, UNIT = tiny, ASYNC;", names[i]);
  }
  tenants.must(statements);
  ASSERT_TRUE(wait_until([&] { return tenants.value("SELECT COUNT(*) FROM DBA_OB_CLONE_PROGRESS") == "0"; },
                         std::chrono::minutes(5)));
  EXPECT_EQ(tenants.value("SELECT group_concat(DISTINCT STATUS || ' ' || COALESCE(ERROR_MESSAGE, '')) FROM "
                          "DBA_OB_CLONE_HISTORY"),
            "CLONE_SYS_SUCCESS ");
  application.stop();
  for (const std::string& name : names) {
    application.expect_exactly(tenants, name,
                               tenants.value("SELECT GTID FROM DBA_OB_TENANT_SNAPSHOTS WHERE SNAPSHOT_NAME = 'now'"));
  }
  statements.clear();
  for (const std::string& name : names) statements += "DROP TENANT " + name + " FORCE;";
  tenants.must(statements + "DROP SNAPSHOT now FOR TENANT shop");
  tenants.expect_nothing_left({"shop"});
}

struct Unmount {
  ~Unmount() {
    if (!path.empty()) ::umount2(path.c_str(), MNT_DETACH);
  }
  std::string path;
};

// The data folder is a small disk of its own.
TEST(TenantCrowd, a_disk_that_is_nearly_full_is_left_to_the_source) {
  Unmount unmount;  // after the servers on it have ended
  Tenants tenants;
  const TempFolder aside;
  namespace fs = std::filesystem;
  fs::copy(tenants.data() + "/template", aside.file("template"), fs::copy_options::recursive);
  if (::mount("none", tenants.data().c_str(), "tmpfs", 0, "size=600m,mode=700") != 0) {
    GTEST_SKIP() << "this user may not mount a small disk";
  }
  unmount.path = tenants.data();
  fs::copy(aside.file("template"), tenants.data() + "/template", fs::copy_options::recursive);
  ASSERT_TRUE(tenants.start());
  tenants.create_tenant("shop");
  ASSERT_OK(tenants.connect("shop")->execute("CREATE DATABASE s; CREATE TABLE s.t (a INT PRIMARY KEY)"));
  const std::string clone = "CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small";
  {
    // All but what is refused: 64 MB and a twentieth.
    std::ofstream ballast(tenants.data() + "/ballast");
    const std::string megabyte(size_t{1} << 20, 'x');
    while (fs::space(tenants.data()).available > (uintmax_t{90} << 20)) {
      ASSERT_TRUE(ballast.write(megabyte.data(), static_cast<std::streamsize>(megabyte.size())).flush());
    }
  }
  for (const std::string& statement : {clone, std::string("CREATE SNAPSHOT s FOR TENANT shop")}) {
    EXPECT_THAT(tenants.sql(statement).err, StartsWith("ERROR 12005 (HY000): the disk of ")) << statement;
    EXPECT_THAT(tenants.sql(statement).err, HasSubstr("MB left")) << statement;
  }
  ASSERT_OK(tenants.connect("shop")->execute("INSERT INTO s.t VALUES (1)"));
  tenants.expect_nothing_left({"shop"});
  fs::remove(tenants.data() + "/ballast");
  tenants.must(clone);
  EXPECT_EQ(tenants.tenant_value("c", "SELECT COUNT(*) FROM s.t"), "1");
  tenants.must("DROP TENANT c FORCE; DROP TENANT shop FORCE");
  EXPECT_EQ(tenants.server().stop(), 0);
  EXPECT_EQ(::umount2(tenants.data().c_str(), MNT_DETACH), 0);
  unmount.path.clear();
}

}  // namespace
}  // namespace sluice::support
