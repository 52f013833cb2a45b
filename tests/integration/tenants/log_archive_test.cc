// SPDX-License-Identifier: Apache-2.0
// The log archive, and clones as of the past: they equal what the source held then, whatever was killed meanwhile.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/clock.h"
#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"
#include "tenants/instance.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LogArchive : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("shop");
  }
  static std::string clone(const std::string& name, const std::string& as_of) {
    return fmt::format("CREATE TENANT {0} FROM shop WITH RESOURCE_POOL = {0}_pool, UNIT = small, AS OF {1}", name,
                       as_of);
  }
  std::string now() const { return tenants_.value("SELECT strftime('%Y-%m-%d %H:%M:%f', 'now') AS t"); }
  static void let_pass(int64_t milliseconds) {
    const int64_t until = wall_clock_ms() + milliseconds;
    ASSERT_TRUE(wait_until([&] { return wall_clock_ms() >= until; }, std::chrono::seconds(60)));
  }
  // The archive is in that round, and has a snapshot in it.
  void wait_round(int round) const {
    ASSERT_TRUE(wait_until(
        [&] {
          return tenants_.value(fmt::format("SELECT COUNT(*) FROM DBA_OB_ARCHIVELOG JOIN DBA_OB_TENANT_SNAPSHOTS ON "
                                            "SNAPSHOT_SCN >= START_SCN WHERE ROUND_ID = {}",
                                            round)) != "0";
        },
        std::chrono::seconds(60)));
  }
  std::string position() const { return tenants_.tenant_value("shop", "SELECT @@gtid_binlog_pos"); }
  std::string birth(const std::string& name) const {
    return tenants_.value("SELECT BIRTH_GTID FROM DBA_OB_TENANTS WHERE TENANT_NAME = '" + name + "'");
  }
  // The archive has noted all that was committed so far.
  void wait_noted() const {
    const std::string gtid = position();
    ASSERT_TRUE(wait_until(
        [&] {
          return tenants_.value("SELECT CHECKPOINT_GTID FROM DBA_OB_ARCHIVELOG ORDER BY ROUND_ID DESC LIMIT 1") == gtid;
        },
        std::chrono::seconds(60)));
  }
  std::string checksums(const std::string& tenant) const {
    const auto rows =
        tenants_.connect(tenant)->query("CHECKSUM TABLE app.keyed, app.keyless, app.account, app.extra EXTENDED");
    std::string text;
    for (const auto& row : rows ? *rows : std::vector<SqlRow>())
      text += row[0].value_or("") + row[1].value_or("") + " ";
    return text;
  }
  void run(const std::string& statements) const { EXPECT_OK(tenants_.connect("shop")->execute(statements)); }
  Tenants tenants_;
};

TEST_F(LogArchive, a_clone_as_of_a_time_or_a_gtid_equals_what_the_source_held_then) {
  run("CREATE DATABASE IF NOT EXISTS app; CREATE TABLE app.extra (a INT PRIMARY KEY, b INT)");
  Application application(tenants_, "shop", 3);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 100; }));
  const std::string in_load = position();
  run("FLUSH BINARY LOGS; ALTER TABLE app.extra ADD COLUMN c INT DEFAULT 4; INSERT INTO app.extra VALUES (1, 2, 3)");
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 200; }));
  application.stop();
  wait_noted();
  const std::string quiet = position(), quiet_time = now(), quiet_sums = checksums("shop");
  run("DELETE FROM app.keyed WHERE number % 2 = 0; UPDATE app.extra SET b = 9; ALTER TABLE app.extra DROP COLUMN c");
  run("FLUSH BINARY LOGS; DROP TABLE app.keyless; INSERT INTO app.extra VALUES (2, 3)");
  // The tenant's own logs may go.
  Context context;
  const auto administrator = Instance(tenants_.tenant_folder("shop")).connect(context);
  ASSERT_OK(administrator);
  const std::string open_file = tenants_.tenant_value("shop", "SHOW MASTER STATUS");
  ASSERT_TRUE(wait_until(
      [&] { return tenants_.value("SELECT NAME FROM DBA_ARCHIVE_FILES ORDER BY NAME DESC LIMIT 1") == open_file; }));
  ASSERT_OK((*administrator)->execute(context, "PURGE BINARY LOGS TO '" + open_file + "'"));
  EXPECT_EQ(tenants_.tenant_value("shop", "SHOW BINARY LOGS"), open_file);
  tenants_.must("CREATE SNAPSHOT after FOR TENANT shop");

  tenants_.must(clone("a", "TIMESTAMP '" + quiet_time + "'"));
  EXPECT_EQ(birth("a"), quiet);
  EXPECT_EQ(checksums("a"), quiet_sums);
  application.expect_exactly(tenants_, "a", quiet);
  EXPECT_EQ(tenants_.tenant_value("a", "SELECT CONCAT(a, b, c) FROM app.extra"), "123");
  tenants_.must(clone("b", "GTID '" + in_load + "', ROLE = PRIMARY"));
  EXPECT_EQ(birth("b"), in_load);
  application.expect_exactly(tenants_, "b", in_load);
  EXPECT_OK(tenants_.connect("b")->execute("INSERT INTO app.extra VALUES (7, 7)"));
  // The end of the log, and a snapshot's own position.
  const std::string last = position();
  tenants_.must(clone("c", "GTID '" + last + "'"));
  EXPECT_EQ(tenants_.tenant_value("c", "SELECT GROUP_CONCAT(a, b ORDER BY a) FROM app.extra"), "19,23");
  tenants_.must(clone("d", "TIMESTAMP '" + now() + "'"));
  EXPECT_EQ(birth("d"), last);
  // It goes on as a tenant like any other.
  tenants_.must("ALTER SYSTEM ARCHIVELOG TENANT = b; CREATE TENANT e FROM b WITH RESOURCE_POOL = e_pool, UNIT = small");
  EXPECT_EQ(tenants_.tenant_value("e", "SELECT COUNT(*) FROM app.extra WHERE a = 7"), "1");
  tenants_.expect_nothing_left({"a", "b", "c", "d", "e", "shop"}, 1);
  tenants_.must(
      "DROP TENANT a; DROP TENANT b; DROP TENANT c; DROP TENANT d; DROP TENANT e; DROP TENANT shop FORCE; DROP "
      "RESOURCE POOL shop_pool");
  tenants_.expect_nothing_left({});
}

TEST_F(LogArchive, what_it_does_not_hold_is_refused_with_the_range) {
  run("CREATE DATABASE app; CREATE TABLE app.extra (a INT PRIMARY KEY)");
  const std::string created = position();
  run("INSERT INTO app.extra VALUES (1)");
  const char* const refused =
      "ERROR 1210 (HY000): Incorrect arguments to AS OF: clones of tenant 'shop' can be made from ";
  for (const char* as_of : {"TIMESTAMP '2000-01-01 00:00:00'", "TIMESTAMP '2999-01-01 00:00:00'",
                            "GTID '1001-1001-9999'", "GTID '77-1001-1'", "GTID '1001-5-1'"}) {
    EXPECT_THAT(tenants_.sql(clone("c", as_of)).err, StartsWith(refused)) << as_of;
  }
  EXPECT_THAT(tenants_.sql(clone("c", "GTID 'x'")).err, HasSubstr("is not DOMAIN-SERVER-NUMBER"));
  EXPECT_THAT(tenants_.sql("CREATE TENANT c FROM no WITH RESOURCE_POOL = p, UNIT = small, AS OF GTID '1-1-1'").err,
              StartsWith("ERROR 5160"));
  // A history that was reset begins anew; what was archived before stays usable.
  wait_noted();
  ASSERT_OK(tenants_.connect("shop")->execute("RESET MASTER"));
  ASSERT_TRUE(wait_until([&] {
    return tenants_.value(
               "SELECT COUNT(*) FROM DBA_OB_ARCHIVELOG WHERE STATUS = 'DOING' AND "
               "ROUND_ID = 2") == "1";
  }));
  EXPECT_EQ(tenants_.value("SELECT STATUS FROM DBA_OB_ARCHIVELOG WHERE ROUND_ID = 1"), "INTERRUPTED");
  tenants_.must(clone("old", "GTID '" + created + "'"));
  EXPECT_EQ(tenants_.tenant_value("old", "SELECT COUNT(*) FROM app.extra"), "0");
  tenants_.must("ALTER SYSTEM NOARCHIVELOG TENANT = shop");
  EXPECT_EQ(tenants_.value("SELECT STATUS FROM DBA_OB_ARCHIVELOG WHERE ROUND_ID = 2"), "STOP");
  EXPECT_THAT(tenants_.sql(clone("c", "GTID '" + created + "'")).err,
              StartsWith("ERROR 4179 (HY000): log archive is not"));
  tenants_.expect_nothing_left({"old", "shop"});
}

TEST_F(LogArchive, a_reset_history_and_the_one_before_it_are_not_mixed_up) {
  run("CREATE DATABASE app; CREATE TABLE app.extra (a INT PRIMARY KEY); INSERT INTO app.extra VALUES (1)");
  tenants_.must("CREATE SNAPSHOT mine FOR TENANT shop");
  for (int i = 2; i <= 100; ++i) run(fmt::format("INSERT INTO app.extra VALUES ({})", i));
  wait_noted();
  const std::string before = position();
  ASSERT_OK(tenants_.connect("shop")->execute("RESET MASTER"));
  wait_round(2);
  // The new history has the old one's numbers, and its transactions are others.
  for (int i = 101; i <= 120; ++i) run(fmt::format("INSERT INTO app.extra VALUES ({})", i));
  wait_noted();
  const std::string after = position();
  const std::string sum = "SELECT CONCAT(COUNT(*), ' ', MAX(a)) FROM app.extra";
  tenants_.must(clone("n", "GTID '" + after + "'") + ";" + clone("t", "TIMESTAMP '" + now() + "'"));
  EXPECT_EQ(tenants_.tenant_value("n", sum), "120 120");
  EXPECT_EQ(tenants_.tenant_value("t", sum), "120 120");
  tenants_.must(clone("o", "GTID '" + before + "'"));
  EXPECT_EQ(tenants_.tenant_value("o", sum), "100 100");
}

TEST_F(LogArchive, a_time_at_which_nobody_looked_is_refused) {
  run("CREATE DATABASE app; CREATE TABLE app.extra (a INT PRIMARY KEY)");
  wait_noted();
  let_pass(1500);
  const std::string quiet = position(), quiet_time = now();
  tenants_.must("ALTER SYSTEM NOARCHIVELOG TENANT = shop");
  let_pass(1500);
  run("INSERT INTO app.extra VALUES (1)");
  const std::string off_time = now();
  tenants_.must("ALTER SYSTEM ARCHIVELOG TENANT = shop");
  wait_round(2);
  run("INSERT INTO app.extra VALUES (2)");
  wait_noted();
  const auto session = tenants_.connect("shop");
  tenants_.server().kill9();
  let_pass(1500);
  ASSERT_OK(session->execute("RESET MASTER"));
  const int64_t reset_ms = wall_clock_ms();
  ASSERT_TRUE(tenants_.start());
  wait_round(3);
  const std::string reset_time =
      tenants_.value(fmt::format("SELECT strftime('%Y-%m-%d %H:%M:%f', {} / 1000.0, 'unixepoch') AS t", reset_ms));
  for (const std::string& time : {off_time, reset_time}) {
    EXPECT_THAT(tenants_.sql(clone("c", "TIMESTAMP '" + time + "'")).err,
                StartsWith("ERROR 1210 (HY000): Incorrect arguments to AS OF: the archive was interrupted"));
  }
  tenants_.must(clone("q", "TIMESTAMP '" + quiet_time + "'"));
  EXPECT_EQ(birth("q"), quiet);
  // The same transaction is in both rounds, and the snapshot before it in the first.
  tenants_.must(clone("g", "GTID '" + quiet + "'"));
  EXPECT_EQ(tenants_.tenant_value("g", "SELECT COUNT(*) FROM app.extra"), "0");
  tenants_.must(clone("n", "TIMESTAMP '" + now() + "'"));
  EXPECT_EQ(tenants_.tenant_value("n", "SELECT COUNT(*) FROM app.extra"), "2");
}

TEST_F(LogArchive, nothing_is_lost_when_the_server_or_the_tenant_is_killed) {
  Application application(tenants_, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 20; }));
  std::vector<std::string> positions;
  // Killed between the steps of taking a new log file over; the tenant goes on, and begins files that nobody sees.
  for (const std::string point : {"archive_linked", "archive_closed"}) {
    SCOPED_TRACE(point);
    const auto session = tenants_.connect("shop");
    tenants_.server().kill9();
    ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", point + ":1"}}));
    ASSERT_OK(session->execute("FLUSH BINARY LOGS"));
    ASSERT_EQ(tenants_.server().wait(), 137) << point << " was not reached";
    for (int i = 0; i < 2; ++i) {
      const int64_t before = application.committed();
      ASSERT_TRUE(wait_until([&] { return application.committed() >= before + 20; }));
      ASSERT_OK(session->execute("FLUSH BINARY LOGS"));
    }
    ASSERT_TRUE(tenants_.start());
    positions.push_back(position());
  }
  const int64_t before = application.committed();
  ASSERT_TRUE(wait_until([&] { return application.committed() >= before + 20; }));
  application.stop();
  // The tenant is killed and recovers into a new file.
  kill(tenants_.tenant_pid("shop"), SIGKILL);
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT SUM(RESTARTS) FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  positions.push_back(position());
  EXPECT_EQ(tenants_.value("SELECT group_concat(STATUS) FROM DBA_OB_ARCHIVELOG"), "DOING");
  for (const std::string& gtid : positions) {
    tenants_.must(clone("c", "GTID '" + gtid + "'"));
    application.expect_exactly(tenants_, "c", gtid);
    tenants_.must("DROP TENANT c");
  }
  tenants_.expect_nothing_left({"shop"});
}

TEST_F(LogArchive, a_job_that_replays_goes_on_after_a_kill_in_each_state) {
  Application application(tenants_, "shop", 2);
  ASSERT_TRUE(wait_until([&] { return application.committed() >= 100; }));
  const std::string gtid = position();
  application.stop();
  for (const std::string point : {"clone_locked", "clone_pool", "clone_tenant_named", "clone_built", "clone_started",
                                  "replay_prepared", "replay_done", "clone_restored", "clone_released", "clone_kept"}) {
    SCOPED_TRACE(point);
    tenants_.server().kill9();
    ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", point + ":1"}}));
    EXPECT_EQ(tenants_.sql(clone("c", "GTID '" + gtid + "'")).code, 4);
    ASSERT_EQ(tenants_.server().wait(), 137) << point << " was not reached";
    ASSERT_TRUE(tenants_.start());
    ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT COUNT(*) FROM DBA_OB_CLONE_PROGRESS") == "0"; },
                           std::chrono::seconds(60)));
    EXPECT_EQ(tenants_.value("SELECT STATUS FROM DBA_OB_CLONE_HISTORY ORDER BY CLONE_JOB_ID DESC LIMIT 1"),
              "CLONE_SYS_SUCCESS");
    EXPECT_EQ(birth("c"), gtid);
    application.expect_exactly(tenants_, "c", gtid);
    tenants_.must("DROP TENANT c");
    tenants_.expect_nothing_left({"shop"});
  }
}

TEST_F(LogArchive, a_large_transaction_takes_no_memory_of_the_server_and_has_a_limit) {
  constexpr int kRows = 64, kRowKilobytes = 1024;
  constexpr int64_t kMost = int64_t{40} << 20;  // less than the transaction
  tenants_.must("ALTER RESOURCE UNIT small LOG_DISK_SIZE = '96M', MEMORY_SIZE = '1G'");
  EXPECT_EQ(tenants_.tenant_value("shop", "SELECT @@max_binlog_cache_size"), std::to_string(int64_t{96} << 20));
  run("CREATE DATABASE app; CREATE TABLE app.extra (a INT PRIMARY KEY, b LONGTEXT)");
  const auto memory = [&](const std::string& name) {
    const std::string status = read_file(fmt::format("/proc/{}/status", tenants_.server().pid()));
    return std::stoll(status.substr(status.find(name + ":") + name.size() + 1)) << 10;
  };
  const auto session = tenants_.connect("shop");
  const auto write = [&](int from, int rows) {
    for (int i = from; i < from + rows; ++i) {
      EXPECT_OK(session->execute(
          fmt::format("INSERT INTO app.extra VALUES ({}, REPEAT(MD5(RAND()), {}))", i, kRowKilobytes * 32)));
    }
  };
  ASSERT_OK(session->execute("START TRANSACTION"));
  write(0, kRows);
  const int64_t before = memory("VmRSS");
  std::ofstream(fmt::format("/proc/{}/clear_refs", tenants_.server().pid())) << "5";  // the peak begins anew
  ASSERT_OK(session->execute("COMMIT"));
  wait_noted();
  tenants_.must("CREATE SNAPSHOT after FOR TENANT shop");
  EXPECT_LT(memory("VmHWM"), before + kMost);
  const std::string gtid = position();
  tenants_.must(clone("c", "GTID '" + gtid + "'"));
  EXPECT_EQ(birth("c"), gtid);
  EXPECT_EQ(tenants_.tenant_value("c", "SELECT COUNT(*) FROM app.extra"), std::to_string(kRows));

  ASSERT_OK(session->execute("START TRANSACTION"));
  write(kRows, kRows);
  Result<> refused;
  for (int i = 0; refused && i < kRows; ++i) {
    refused = session->execute(
        fmt::format("INSERT INTO app.extra VALUES ({}, REPEAT(MD5(RAND()), {}))", -1 - i, kRowKilobytes * 32));
  }
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message(), HasSubstr("max_binlog_cache_size"));
  ASSERT_OK(session->execute("ROLLBACK"));
}

TEST_F(LogArchive, stays_within_the_units_quota_and_never_loses_what_a_snapshot_needs) {
  tenants_.must("ALTER RESOURCE UNIT small LOG_DISK_SIZE = '64M', MEMORY_SIZE = '1G'");
  run("CREATE DATABASE app; CREATE TABLE app.extra (a INT PRIMARY KEY, b LONGTEXT)");
  const std::string first = position();
  const auto write_megabytes = [&](int count) {
    const auto session = tenants_.connect("shop");
    for (int i = 1; i <= count; ++i) {
      EXPECT_OK(session->execute("REPLACE INTO app.extra VALUES (1, REPEAT(MD5(RAND()), 32768))"));
      if (i % 8 == 0) EXPECT_OK(session->execute("FLUSH BINARY LOGS"));
    }
  };
  const auto archived = [&] { return std::stoll(tenants_.value("SELECT SUM(BYTES) FROM DBA_OB_ARCHIVELOG")); };
  tenants_.must("CREATE SNAPSHOT mine FOR TENANT shop");
  write_megabytes(80);
  // A user's snapshot is not given up: the quota is exceeded, and that is said.
  ASSERT_TRUE(wait_until(
      [&] { return tenants_.value("SELECT COUNT(*) FROM DBA_EVENTS WHERE KIND = 'archive_over_quota'") == "1"; },
      std::chrono::seconds(60)));
  tenants_.must(clone("c", "GTID '" + first + "'") + "; DROP TENANT c; DROP SNAPSHOT mine FOR TENANT shop");
  ASSERT_TRUE(wait_until([&] { return archived() <= (int64_t{64} << 20); }, std::chrono::seconds(60)));
  // Killed between the two places that a file goes from.
  tenants_.server().kill9();
  ASSERT_TRUE(tenants_.start({{"SLUICE_FAULT", "archive_purging:1"}}));
  write_megabytes(32);
  ASSERT_EQ(tenants_.server().wait(), 137);
  ASSERT_TRUE(tenants_.start());
  ASSERT_TRUE(wait_until([&] { return archived() <= (int64_t{64} << 20); }, std::chrono::seconds(60)));
  EXPECT_EQ(tenants_.value("SELECT group_concat(STATUS) FROM DBA_OB_ARCHIVELOG"), "DOING");
  EXPECT_THAT(tenants_.sql(clone("c", "GTID '" + first + "'")).err, StartsWith("ERROR 1210"));
  int64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tenants_.tenant_folder("shop") + "/data")) {
    if (entry.path().filename().string().starts_with("binlog.0")) bytes += static_cast<int64_t>(entry.file_size());
  }
  EXPECT_LE(bytes, int64_t{80} << 20);
  tenants_.must(clone("c", "GTID '" + position() + "'"));
  EXPECT_EQ(tenants_.tenant_value("c", "SELECT MD5(b) FROM app.extra"),
            tenants_.tenant_value("shop", "SELECT MD5(b) FROM app.extra"));
  // A user's snapshot of a new history needs nothing of the one before it.
  run("RESET MASTER");
  wait_round(2);
  tenants_.must("CREATE SNAPSHOT yours FOR TENANT shop");
  write_megabytes(24);  // twice that in the log
  wait_noted();
  EXPECT_TRUE(wait_until([&] { return archived() <= (int64_t{64} << 20); }, std::chrono::seconds(60)));
  EXPECT_EQ(tenants_.value("SELECT COUNT(*) FROM DBA_OB_TENANT_SNAPSHOTS WHERE SNAPSHOT_NAME = 'yours'"), "1");
}

}  // namespace
}  // namespace sluice::support
