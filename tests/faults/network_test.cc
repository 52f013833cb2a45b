// SPDX-License-Identifier: Apache-2.0
// The network between source and program, or between program and target, breaks in every way it can while rows and
// changes flow. The job mends itself and the copy is exact.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "faults/workload.h"
#include "support/network_proxy.h"

namespace sluice::support {
namespace {

// `side` names where the faulty network is.
struct Scene {
  std::string name;
  std::string side;    // "source" or "target"
  std::string target;  // "sqlite", "postgres", "mariadb"
  std::function<void(NetworkProxy&, const std::function<void()>& some_work)> disturb;
  std::string source = "mariadb";
};
void PrintTo(const Scene& scene, std::ostream* out) { *out << scene.name; }

void cut(NetworkProxy& proxy, const std::function<void()>& some_work) {
  for (int i = 0; i < 5; ++i) {
    some_work();
    proxy.cut();
  }
}
void refuse_and_heal(NetworkProxy& proxy, const std::function<void()>& some_work) {
  some_work();
  proxy.set({.refuse = true});
  proxy.cut();
  some_work();
  proxy.set({});
  some_work();
}
void flap(NetworkProxy& proxy, const std::function<void()>& some_work) {
  for (int i = 0; i < 4; ++i) {
    proxy.set({.refuse = true});
    proxy.cut();
    some_work();
    proxy.set({.delay = std::chrono::milliseconds(i * 10)});
    some_work();
  }
}
void slow(NetworkProxy& proxy, const std::function<void()>& some_work) {
  proxy.set({.delay = std::chrono::milliseconds(150), .bytes_per_second = 200'000});
  some_work();
  some_work();
}
void byte_by_byte(NetworkProxy& proxy, const std::function<void()>& some_work) {
  proxy.set({.one_byte_reads = true});
  some_work();
}
// A peer that goes silent is given up: the source by its missing heartbeat.
void half_open(NetworkProxy& proxy, const std::function<void()>& some_work) {
  some_work();
  proxy.set({.silent = true});
  some_work();
  // What the program sees of it depends on how long it waits; the cut is the router's table that forgets.
  proxy.cut();
  proxy.set({});
  some_work();
}
// Connections break in the middle of packets, at places that differ from one to the next.
void breaks_within_packets(NetworkProxy& proxy, const std::function<void()>& some_work) {
  for (const int64_t bytes : {50, 5'000, 20'000, 77'777}) {
    proxy.set({.reset_after_bytes = bytes});
    some_work();
  }
}

class Network : public testing::TestWithParam<Scene> {};

TEST_P(Network, faults_lose_and_double_nothing) {
  DatabaseServer* const source = Servers::shared().get(GetParam().source);
  ASSERT_NE(source, nullptr);
  const std::string database = fresh_database(*source, "net");
  Pipeline pipeline(*source, GetParam().target, database);
  const bool at_source = GetParam().side == "source";
  auto proxy = NetworkProxy::start(at_source ? source->port() : pipeline.target()->port());
  ASSERT_TRUE(proxy.has_value());
  at_source ? pipeline.source_port((*proxy)->port()) : pipeline.target_port((*proxy)->port());
  pipeline.source_options("scan.incremental.snapshot.chunk.size: 100\nheartbeat.interval: 1s\nconnect.timeout: 2s")
      .pipeline_options("parallelism: 2\nrestart.delay-max: 1s");
  Workload workload(*source, database, test_seed(), {.rows = 600});
  workload.start();
  const auto some_work = [&] {
    const uint64_t before = workload.statements();
    // A source whose connection is lost while it is locked is free again after 30 s.
    EXPECT_TRUE(wait_until([&] { return workload.statements() > before + 250; }, std::chrono::minutes(2)));
  };
  const auto job = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")});
  // Once at the beginning, while rows are copied, and once while changes flow.
  GetParam().disturb(**proxy, some_work);
  (*proxy)->set({});
  EXPECT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; }))
      << tail(job->err());
  GetParam().disturb(**proxy, some_work);
  (*proxy)->set({});
  workload.stop();
  EXPECT_TRUE(job->running()) << tail(job->err(), 40);
  EXPECT_EQ(job->stop(), 0) << tail(job->err());
  expect_exact_copy(*source, pipeline);
  drop_database(*source, database);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, Network,
    testing::Values(
        Scene{"source_cut", "source", "sqlite", cut}, Scene{"source_refuses", "source", "sqlite", refuse_and_heal},
        Scene{"source_flaps", "source", "sqlite", flap}, Scene{"source_slow", "source", "sqlite", slow},
        Scene{"source_byte_by_byte", "source", "sqlite", byte_by_byte},
        Scene{"source_half_open", "source", "sqlite", half_open},
        Scene{"source_breaks_within_packets", "source", "sqlite", breaks_within_packets},
        Scene{"postgres_cut", "target", "postgres", cut}, Scene{"postgres_flaps", "target", "postgres", flap},
        Scene{"postgres_half_open", "target", "postgres", half_open},
        Scene{"postgres_breaks_within_packets", "target", "postgres", breaks_within_packets},
        Scene{"mariadb_cut", "target", "mariadb", cut}, Scene{"mariadb_flaps", "target", "mariadb", flap},
        Scene{"mariadb_half_open", "target", "mariadb", half_open}, Scene{"mariadb_slow", "target", "mariadb", slow},
        Scene{"postgres_source_cut", "source", "sqlite", cut, "postgres_source"},
        Scene{"postgres_source_flaps", "source", "sqlite", flap, "postgres_source"},
        Scene{"postgres_source_slow", "source", "sqlite", slow, "postgres_source"},
        Scene{"postgres_source_half_open", "source", "sqlite", half_open, "postgres_source"},
        Scene{"postgres_source_breaks_within_packets", "source", "sqlite", breaks_within_packets, "postgres_source"}),
    [](const auto& scene) { return scene.param.name; });

// A copy whose target hangs must not hold tables of the source.
class HangingTarget : public testing::TestWithParam<std::tuple<std::string, int>> {};

TEST_P(HangingTarget, does_not_hold_up_ddl_at_the_source) {
  const auto& [kind, rows] = GetParam();
  DatabaseServer* const source = Servers::shared().get(kind);
  if (source == nullptr) GTEST_SKIP() << "no " << kind;
  const std::string database = fresh_database(*source, "hang");
  Pipeline pipeline(*source, "postgres", database);
  auto proxy = NetworkProxy::start(pipeline.target()->port());
  ASSERT_TRUE(proxy.has_value());
  pipeline.target_port((*proxy)->port());
  pipeline.source_options("scan.incremental.snapshot.chunk.size: 100")
      .pipeline_options("parallelism: 1\nrestart.delay-max: 1s");
  execute(*source, "CREATE TABLE t (id INT PRIMARY KEY, v INT, payload VARCHAR(1000))", database);
  std::string insert = "INSERT INTO t VALUES ";
  for (int i = 0; i < rows; ++i) insert += fmt::format("{}({}, 0, REPEAT('p', 1000))", i == 0 ? "" : ",", i);
  execute(*source, insert, database);
  const auto job = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")});
  EXPECT_TRUE(wait_until([&] { return job->err().find("copying ") != std::string::npos; })) << tail(job->err());
  (*proxy)->set({.bytes_per_second = 200'000});
  // Some rows have been read, the others are still to come.
  EXPECT_TRUE(wait_until([&] {
    return pipeline.target_value("SELECT COUNT(*) FROM pg_tables WHERE schemaname = '" + database + "'") == "1" &&
           pipeline.target_value("SELECT COUNT(*) FROM " + database + ".t") != "0";
  })) << tail(job->err());
  (*proxy)->set({.silent = true});
  execute(*source, "SET SESSION lock_wait_timeout = 20; ALTER TABLE t ADD COLUMN w INT DEFAULT 3 AFTER id", database);
  execute(*source, "UPDATE t SET w = 4, v = 1 WHERE id < 10", database);
  (*proxy)->cut();
  (*proxy)->set({});
  EXPECT_TRUE(wait_until([&] { return job->err().find("reading the log from") != std::string::npos; }))
      << tail(job->err());
  EXPECT_EQ(job->stop(), 0) << tail(job->err());
  pipeline.run_until_caught_up();
  EXPECT_EQ(pipeline.verify(), 0);
  expect_same_rows(*source, pipeline, "id, w, v", "t", "id");
  execute(*source, "DROP DATABASE " + database);
}

// 2 MB are read ahead of the target, of 10 MB most are still in the source.
INSTANTIATE_TEST_SUITE_P(Faults, HangingTarget,
                         testing::Combine(testing::Values("mariadb", "mysql"), testing::Values(2'000, 10'000)),
                         [](const auto& given) {
                           return fmt::format("{}_{}_rows", std::get<0>(given.param), std::get<1>(given.param));
                         });

}  // namespace
}  // namespace sluice::support
