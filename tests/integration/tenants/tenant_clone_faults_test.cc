// SPDX-License-Identifier: Apache-2.0
// The server is killed in every state of a clone job, and jobs are canceled in every state: each time the next server
// either finishes the clone, exactly, or leaves nothing of it.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "base/fault.h"
#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"
#include "tenants/instance.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

const char* const kClone = "CREATE TENANT c FROM shop WITH RESOURCE_POOL = c_pool, UNIT = small";

class CloneFaults : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("shop");
    application_ = std::make_unique<Application>(tenants_, "shop", 2);
    ASSERT_TRUE(wait_until([&] { return application_->committed() >= 20; }));
  }

  // Clones and is killed at the place; the server is down afterwards.
  void die_at(const std::string& point, const std::string& statement = kClone) {
    tenants_.server().kill9();
    ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", point + ":1"}}));
    EXPECT_EQ(tenants_.sql(statement).code, 4) << point;
    ASSERT_EQ(tenants_.server().wait(), 137) << point << " was not reached";
  }
  void wait_for_the_job() {
    ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_CLONE_PROGRESS") == "0"; },
                           std::chrono::seconds(60)));
  }
  std::string last(const std::string& column) const {
    return tenants_.value("SELECT " + column + " FROM DBA_OB_CLONE_HISTORY ORDER BY CLONE_JOB_ID DESC LIMIT 1");
  }
  // Of the tenants' folders, which are numbers, the clone's is the last.
  std::string clone_folder() const {
    int64_t last = 0;
    for (const auto& entry : std::filesystem::directory_iterator(tenants_.data() + "/tenants")) {
      last = std::max<int64_t>(last, std::atoll(entry.path().filename().c_str()));
    }
    return fmt::format("{}/tenants/{}", tenants_.data(), last);
  }
  std::unique_ptr<SqlSession> clone_of_no_server() const { return Tenants::connect_to(clone_folder()); }
  // As a command would have, had there been time for one.
  void cancel_while_the_server_is_down() {
    tenants_.change_catalog(
        "UPDATE clone_job SET canceling = 1 WHERE finished IS NULL AND status NOT IN "
        "('CLONE_SYS_RELEASE_RESOURCE', 'CLONE_SYS_SUCCESS')");
  }

  Tenants tenants_;
  std::unique_ptr<Application> application_;
};

std::vector<std::string> points_of_a_clone() {
  std::vector<std::string> points;
  for (const auto point : kTenantFaultPoints) {
    if (point.starts_with("clone_") && !point.starts_with("clone_recycl")) points.emplace_back(point);
  }
  return points;
}

TEST_F(CloneFaults, a_kill_in_any_state_delays_the_clone_and_nothing_more) {
  for (const std::string& point : points_of_a_clone()) {
    SCOPED_TRACE(point);
    die_at(point);
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    EXPECT_EQ(last("STATUS"), "CLONE_SYS_SUCCESS");
    tenants_.expect_nothing_left({"c", "shop"});
    const std::string gtid = tenants_.value("SELECT BIRTH_GTID FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'c'");
    application_->expect_exactly(tenants_, "c", gtid);
    tenants_.must("DROP TENANT c FORCE");
    tenants_.expect_nothing_left({"shop"});
  }
}

TEST_F(CloneFaults, what_is_written_to_a_clone_stays_when_its_end_was_not_noted) {
  tenants_.must("CREATE MASK nothing AS 'DO 0'");
  for (const std::string more : {", ROLE = PRIMARY", ", ROLE = PRIMARY, MASK nothing"}) {
    SCOPED_TRACE(more);
    die_at("clone_restored", kClone + more);
    EXPECT_FALSE(clone_of_no_server()->execute("CREATE DATABASE mine"));
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    tenants_.must("DROP TENANT c FORCE");

    die_at("clone_kept", kClone + more);
    ASSERT_OK(clone_of_no_server()->execute(
        "CREATE DATABASE mine; CREATE TABLE mine.t (a INT PRIMARY KEY); INSERT INTO mine.t "
        "VALUES (1); XA START 'q'; INSERT INTO mine.t VALUES (2); XA END 'q'; XA PREPARE 'q'"));
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    EXPECT_EQ(last("STATUS"), "CLONE_SYS_SUCCESS");
    ASSERT_OK(tenants_.connect("c")->execute("INSERT INTO mine.t VALUES (3)"));
    ASSERT_OK(tenants_.connect("c")->execute("XA COMMIT 'q'"));
    EXPECT_EQ(tenants_.tenant_value("c", "SELECT GROUP_CONCAT(a ORDER BY a) FROM mine.t"), "1,2,3");
    tenants_.must("DROP TENANT c FORCE");
    tenants_.expect_nothing_left({"shop"});
  }
}

// The machine was restarted, and somebody else has the clone's port.
TEST_F(CloneFaults, a_clone_that_cannot_start_again_ends_its_job_and_comes_when_it_can) {
  die_at("clone_released", std::string(kClone) + ", ROLE = PRIMARY");
  const auto port = clone_of_no_server()->query("SELECT @@port");
  ASSERT_OK(port);
  Instance(clone_folder()).find()->kill9();
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(std::stoi(*(*port)[0][0])))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_TRUE(tenants_.start());
  wait_for_the_job();
  EXPECT_EQ(last("STATUS"), "CLONE_SYS_SUCCESS");
  EXPECT_EQ(tenants_.value("SELECT STATUS FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'c'"), "NORMAL");
  ::close(listener);
  ASSERT_TRUE(
      wait_until([&] { return tenants_.value("SELECT RESTARTS FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'c'") != "0"; },
                 std::chrono::seconds(90)));
  EXPECT_OK(tenants_.connect("c")->execute("CREATE DATABASE mine"));
  tenants_.must("DROP TENANT c FORCE");
  tenants_.expect_nothing_left({"shop"});
}

TEST_F(CloneFaults, a_standby_that_is_killed_while_it_is_activated_takes_writes) {
  tenants_.must(kClone);
  die_at("standby_activated", "ALTER SYSTEM ACTIVATE STANDBY TENANT = c");
  EXPECT_FALSE(clone_of_no_server()->execute("CREATE DATABASE mine"));
  ASSERT_TRUE(tenants_.start());
  EXPECT_EQ(tenants_.value("SELECT TENANT_ROLE FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'c'"), "PRIMARY");
  EXPECT_OK(tenants_.connect("c")->execute("CREATE DATABASE mine"));
}

TEST_F(CloneFaults, a_job_that_is_canceled_in_any_state_leaves_nothing) {
  for (const std::string& point : points_of_a_clone()) {
    SCOPED_TRACE(point);
    die_at(point);
    cancel_while_the_server_is_down();
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    if (point == "clone_restored" || point == "clone_released" || point == "clone_kept") {
      EXPECT_EQ(last("STATUS"), "CLONE_SYS_SUCCESS");
      tenants_.must("DROP TENANT c FORCE");
    } else {
      EXPECT_EQ(last("STATUS"), "CLONE_SYS_CANCELED");
      EXPECT_EQ(last("RET_CODE"), "-4072");
      EXPECT_THAT(last("ERROR_MESSAGE"), HasSubstr("clone job has been canceled in CLONE_SYS_"));
    }
    tenants_.expect_nothing_left({"shop"});
  }
}

TEST_F(CloneFaults, a_kill_while_a_canceled_job_is_removed_changes_nothing) {
  for (const std::string point : {"clone_recycling", "clone_recycled"}) {
    SCOPED_TRACE(point);
    die_at("clone_started");
    cancel_while_the_server_is_down();
    // The job is taken up at once, so that this server may never answer.
    static_cast<void>(tenants_.start({{"SLUICE_FAULT", point + ":1"}}));
    ASSERT_EQ(tenants_.server().wait(), 137);
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    EXPECT_EQ(last("STATUS"), "CLONE_SYS_CANCELED");
    tenants_.expect_nothing_left({"shop"});
  }
}

TEST_F(CloneFaults, a_kill_while_a_snapshot_is_made_leaves_nothing_of_it) {
  die_at("snapshot_captured", "CREATE SNAPSHOT s FOR TENANT shop");
  ASSERT_TRUE(tenants_.start());
  tenants_.expect_nothing_left({"shop"});
  tenants_.must("CREATE SNAPSHOT s FOR TENANT shop");
  // A job that uses it gives it back, however it ends.
  const std::string clone = "CREATE TENANT c FROM shop USING SNAPSHOT s WITH RESOURCE_POOL = c_pool, UNIT = small";
  for (const std::string point : {"clone_locked", "clone_pool", "clone_built"}) {
    SCOPED_TRACE(point);
    die_at(point, clone);
    cancel_while_the_server_is_down();
    ASSERT_TRUE(tenants_.start());
    wait_for_the_job();
    tenants_.expect_nothing_left({"shop"}, 1);
  }
}

TEST_F(CloneFaults, a_clone_that_is_whole_outlives_a_failure_of_the_last_steps) {
  tenants_.must("CREATE SNAPSHOT s FOR TENANT shop");
  // In the state CLONE_SYS_RELEASE_RESOURCE, then in CLONE_SYS_SUCCESS.
  for (const std::string place : {"status ON clone_job WHEN NEW.status = 'CLONE_SYS_SUCCESS'",
                                  "finished ON clone_job WHEN OLD.status LIKE 'CLONE_SYS_SUCCESS%'"}) {
    SCOPED_TRACE(place);
    tenants_.change_catalog("CREATE TRIGGER full BEFORE UPDATE OF " + place +
                            " BEGIN SELECT RAISE(ABORT, 'no room for that'); END");
    tenants_.must("CREATE TENANT c FROM shop USING SNAPSHOT s WITH RESOURCE_POOL = c_pool, UNIT = small, ASYNC");
    const auto failures = [&] {
      const std::string log = tenants_.server().err();
      size_t count = 0;
      for (size_t at = 0; (at = log.find("no room for that", at)) != std::string::npos; ++at) ++count;
      return count;
    };
    const size_t before = failures();
    ASSERT_TRUE(wait_until([&] { return failures() >= before + 2; }, std::chrono::seconds(60)));
    tenants_.change_catalog("DROP TRIGGER full");
    wait_for_the_job();
    EXPECT_EQ(last("STATUS"), "CLONE_SYS_SUCCESS");
    tenants_.expect_nothing_left({"c", "shop"}, 1);
    application_->expect_exactly(tenants_, "c",
                                 tenants_.value("SELECT BIRTH_GTID FROM DBA_OB_TENANTS WHERE TENANT_NAME = 'c'"));
    tenants_.must("DROP TENANT c FORCE");
  }
}

TEST_F(CloneFaults, a_command_cancels_and_a_forced_drop_ends_the_clones_of_its_tenant) {
  tenants_.must(std::string(kClone) + ", ASYNC");
  const SqlReply canceled = tenants_.sql("ALTER SYSTEM CANCEL CLONE c");
  wait_for_the_job();
  // It may have been too late.
  EXPECT_EQ(last("STATUS"), canceled.code == 0 ? "CLONE_SYS_CANCELED" : "CLONE_SYS_SUCCESS");
  tenants_.must("DROP TENANT IF EXISTS c FORCE");
  tenants_.expect_nothing_left({"shop"});
  application_->stop();
  tenants_.must(std::string(kClone) +
                ", ASYNC; DROP TENANT shop FORCE; DROP TENANT IF EXISTS c FORCE; "
                "DROP RESOURCE POOL shop_pool");
  tenants_.expect_nothing_left({});
}

}  // namespace
}  // namespace sluice::support
