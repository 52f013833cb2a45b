// SPDX-License-Identifier: Apache-2.0
// A unit's limits hold: what a tenant burns and takes is what its unit says, by the kernel's own account.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <sstream>
#include <thread>

#include "integration/tenants/tenants_fixture.h"
#include "support/ok.h"
#include "support/wait.h"

namespace sluice::support {
namespace {

using testing::HasSubstr;

// The folder of a process's control group with this controller; empty if it is in none of ours.
std::string group_of(pid_t pid, const std::string& controller) {
  std::istringstream lines(read_file(fmt::format("/proc/{}/cgroup", pid)));
  for (std::string line; std::getline(lines, line);) {
    const size_t names = line.find(':') + 1, path = line.find(':', names) + 1;
    const std::string controllers = "," + line.substr(names, path - 1 - names) + ",";
    if (line.find("/tenant-") == std::string::npos) continue;
    if (controllers == ",,") return "/sys/fs/cgroup" + line.substr(path);
    if (controllers.find("," + controller + ",") != std::string::npos) {
      return "/sys/fs/cgroup/" + controller + line.substr(path);
    }
  }
  return {};
}

int64_t number_in(const std::string& file, const std::string& name) {
  std::istringstream words(read_file(file));
  for (std::string word; words >> word;) {
    if (int64_t value = 0; word == name && words >> value) return value;
  }
  return -1;
}

// Seconds of processor time that a process has used.
double processor_seconds(pid_t pid) {
  const std::string text = read_file(fmt::format("/proc/{}/stat", pid));
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

class TenantLimits : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tenants_.start());
    tenants_.create_tenant("shop");
    const std::string isolation = tenants_.value("SELECT ISOLATION FROM DBA_OB_TENANTS");
    if (isolation.find("cpu,memory") == std::string::npos) {
      GTEST_SKIP() << "control groups cannot be written here: ISOLATION is '" << isolation << "'";
    }
  }
  Tenants tenants_;
};

TEST_F(TenantLimits, a_burner_gets_the_processor_time_of_its_unit_and_no_more) {
  constexpr double kCpu = 0.3, kPeriod = 0.1;
  tenants_.must(fmt::format("ALTER RESOURCE UNIT small MAX_CPU {}", kCpu));
  const pid_t pid = tenants_.tenant_pid("shop");
  const std::string file = group_of(pid, "cpu") + "/cpu.stat";
  std::atomic<bool> stop{false};
  std::vector<std::thread> burners;
  for (int i = 0; i < 2; ++i) {
    burners.emplace_back([&, session = tenants_.connect("shop")] {
      while (!stop) EXPECT_OK(session->query("SELECT BENCHMARK(200000, MD5('x'))"));
    });
  }
  const double before = processor_seconds(pid);
  const int64_t periods = number_in(file, "nr_periods"), throttled = number_in(file, "nr_throttled");
  EXPECT_TRUE(wait_until([&] { return number_in(file, "nr_throttled") >= throttled + 20; }, std::chrono::seconds(120)));
  const double used = processor_seconds(pid) - before;
  const auto passed = static_cast<double>(number_in(file, "nr_periods") - periods);
  stop = true;
  for (std::thread& burner : burners) burner.join();
  // The period that was under way at either end, and what the clock ticks leave open.
  EXPECT_LE(used, (passed + 2) * kPeriod * kCpu + 0.1);
  EXPECT_GT(used, 0);
}

TEST_F(TenantLimits, a_limit_of_operations_goes_with_the_unit_that_had_it) {
  const auto limits = [&] {
    const pid_t pid = tenants_.tenant_pid("shop");
    const std::string unified = group_of(pid, "io") + "/io.max";
    return std::filesystem::exists(unified) ? read_file(unified)
                                            : read_file(group_of(pid, "blkio") + "/blkio.throttle.write_iops_device");
  };
  tenants_.must("ALTER RESOURCE UNIT small MAX_IOPS = 7654, MIN_IOPS = 7654");
  if (tenants_.value("SELECT ISOLATION FROM DBA_OB_TENANTS").find("iops") == std::string::npos) {
    GTEST_SKIP() << "operations cannot be limited here";
  }
  EXPECT_THAT(limits(), HasSubstr("7654"));
  tenants_.must(
      "CREATE RESOURCE UNIT free MAX_CPU 2, MIN_CPU 0.1, MEMORY_SIZE '128M'; ALTER RESOURCE POOL shop_pool UNIT = "
      "free");
  EXPECT_THAT(limits(), testing::Not(HasSubstr("7654")));
  EXPECT_EQ(tenants_.value("SELECT ISOLATION FROM DBA_OB_TENANTS").find("iops"), std::string::npos);
}

TEST_F(TenantLimits, who_takes_more_memory_than_its_unit_has_is_ended_and_started_again) {
  const pid_t pid = tenants_.tenant_pid("shop");
  const std::string group = group_of(pid, "memory");
  const bool unified = std::filesystem::exists(group + "/memory.max");
  EXPECT_THAT(read_file(group + (unified ? "/memory.max" : "/memory.limit_in_bytes")),
              HasSubstr(std::to_string(int64_t{128} << 20)));
  if (std::istringstream swaps(read_file("/proc/swaps"));
      std::count(std::istreambuf_iterator<char>(swaps), {}, '\n') > 1) {
    GTEST_SKIP() << "there is swap space, which is not limited";
  }
  const auto session = tenants_.connect("shop");
  ASSERT_OK(session->execute(
      "CREATE DATABASE s; SET SESSION max_heap_table_size = 1073741824, tmp_table_size = 1073741824; CREATE TEMPORARY "
      "TABLE "
      "s.m (a CHAR(250) CHARACTER SET latin1, b CHAR(250) CHARACTER SET latin1) ENGINE=MEMORY; INSERT INTO s.m VALUES "
      "(REPEAT('a', 250), REPEAT('b', 250))"));
  Result<> grown;
  for (int i = 0; grown && i < 20; ++i) grown = session->execute("INSERT INTO s.m SELECT * FROM s.m");
  EXPECT_FALSE(grown.has_value());
  ASSERT_TRUE(wait_until([&] { return tenants_.value("SELECT RESTARTS FROM DBA_OB_TENANTS") == "1"; },
                         std::chrono::seconds(60)));
  EXPECT_NE(tenants_.tenant_pid("shop"), pid);
  EXPECT_EQ(tenants_.tenant_value("shop", "SELECT 1"), "1");
}

}  // namespace
}  // namespace sluice::support
