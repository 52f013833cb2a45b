// SPDX-License-Identifier: Apache-2.0
// Kills the program at every named fault point and at random moments, again and again on one state, while the source
// never rests; then nothing may be lost, doubled or out of order. A seed repeats the plan, though not the timing.
// The matrix does so between every source and every target, with a few faults each.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <chrono>
#include <map>
#include <random>

#include "base/fault.h"
#include "faults/workload.h"

namespace sluice::support {
namespace {

constexpr int kKilled = 128 + 9;
// A fault point that is not reached in this time is replaced by a kill from outside.
constexpr std::chrono::milliseconds kPatience{4000};

struct Fault {
  std::string point;  // empty: at a random moment
  int passing = 1;
};

struct Plan {
  std::string source;
  std::string target;
  int databases;       // fresh ones, each with about 20 faults
  bool brief = false;  // small tables and a few of the faults
};
void PrintTo(const Plan& plan, std::ostream* out) { *out << plan.source << " to " << plan.target; }

class Crash : public testing::TestWithParam<Plan> {
 protected:
  std::vector<Fault> plan_faults(std::mt19937_64& random, uint64_t seed);
  void inject(const Pipeline& pipeline, Workload& workload, const Fault& fault, std::mt19937_64& random);
  void one_database(DatabaseServer& source, uint64_t seed);

  std::map<std::string, int> hits_;
  int faults_ = 0;
};

std::vector<Fault> Crash::plan_faults(std::mt19937_64& random, uint64_t seed) {
  const auto up_to = [&](int greatest) { return std::uniform_int_distribution<int>(1, greatest)(random); };
  std::vector<Fault> copy = {{"before_chunk_commit", up_to(4)}, {"after_chunk_commit", up_to(4)}};
  copy.push_back(up_to(2) == 1 ? Fault{"after_write", up_to(20)} : Fault{"", 0});
  std::ranges::shuffle(copy, random);
  copy.push_back({"before_stream_start", 1});
  // First, and at the first table: later there may be none left whose copy ends.
  copy.insert(copy.begin(), {seed % 2 == 0 ? "before_copy_finish" : "after_copy_finish", 1});
  if (seed % 2 == 0) copy.insert(copy.begin(), {"after_snapshot_plan", 1});
  std::vector<Fault> stream = {{"after_log_read", up_to(30)},
                               {"after_write", up_to(40)},
                               {"before_commit", up_to(30)},
                               {"after_commit", up_to(30)},
                               {"before_source_ack", up_to(20)},
                               {"before_schema_change", up_to(2)},
                               {"after_schema_change", up_to(2)},
                               {"after_schema_recorded", up_to(2)},
                               {"before_commit", 1},
                               {"after_commit", 1},
                               {"after_schema_change", 1},
                               {"", 0},
                               {"", 0},
                               {"", 0},
                               {"", 0}};
  std::ranges::shuffle(stream, random);
  if (GetParam().brief) {
    copy.resize(2);
    std::ranges::stable_partition(stream,
                                  [](const Fault& fault) { return fault.point.find("schema") == fault.point.npos; });
    stream.erase(stream.begin() + 3, stream.end() - 1);  // the last is at a schema change
    for (Fault& fault : stream) fault.passing = std::min(fault.passing, 8);
    stream.push_back({"", 0});
  }
  copy.insert(copy.end(), stream.begin(), stream.end());
  return copy;
}

void Crash::inject(const Pipeline& pipeline, Workload& workload, const Fault& fault, std::mt19937_64& random) {
  std::map<std::string, std::string> env;
  if (!fault.point.empty()) env["SLUICE_FAULT"] = fmt::format("{}:{}", fault.point, fault.passing);
  if (fault.point.find("schema") != std::string::npos) {
    for (int i = 0; i <= fault.passing; ++i) workload.want_schema_change();
  }
  const auto process = pipeline.start({"run", "JOB", "--state", pipeline.folder().file("state")}, env);
  ASSERT_NE(process, nullptr);
  const auto patience =
      fault.point.empty() ? std::chrono::milliseconds(std::uniform_int_distribution<int>(30, 1500)(random)) : kPatience;
  const auto code = process->wait(patience);
  ++faults_;
  if (!code) {
    process->kill9();
    return;
  }
  ASSERT_EQ(*code, kKilled) << "the program ended by itself\n"
                            << tail(process->err(), 40) << "\nthe target's log\n"
                            << (pipeline.target() != nullptr ? tail(pipeline.target()->log(), 60) : "");
  ++hits_[fault.point];
}

void Crash::one_database(DatabaseServer& source, uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string database = fresh_database(source, "crash");
  Pipeline pipeline(source, GetParam().target, database);
  const bool brief = GetParam().brief;
  pipeline.source_options(fmt::format("scan.incremental.snapshot.chunk.size: {}", brief ? 50 : 200))
      .pipeline_options(fmt::format("parallelism: {}", 2 + seed % 2));
  Workload workload(source, database, seed, {.rows = brief ? 300 : 1500});
  workload.start();
  for (const Fault& fault : plan_faults(random, seed)) {
    ASSERT_NO_FATAL_FAILURE(inject(pipeline, workload, fault, random)) << fault.point << ":" << fault.passing;
  }
  workload.stop();
  expect_exact_copy(source, pipeline);
  drop_database(source, database);
}

TEST_P(Crash, loses_and_doubles_nothing) {
  const auto& [from, to, count, brief] = GetParam();
  if ((from == "mysql" || to == "mysql") && !MysqlServer::unavailable().empty()) {
    GTEST_SKIP() << MysqlServer::unavailable();
  }
  if (from == "postgres_18" && !PostgresServer::newest_unavailable().empty()) {
    GTEST_SKIP() << PostgresServer::newest_unavailable();
  }
  DatabaseServer* const source = Servers::shared().get(from);
  ASSERT_NE(source, nullptr);
  const int databases = long_run() ? count * 8 : count;
  for (int i = 0; i < databases && !HasFailure(); ++i) {
    const uint64_t seed = test_seed() + static_cast<uint64_t>(i);
    SCOPED_TRACE(fmt::format("SLUICE_SEED={}, the first database of a run", seed));
    one_database(*source, seed);
  }
  if (HasFailure()) return;
  std::string summary;
  for (const auto& [point, hits] : hits_) summary += fmt::format(" {} {}", point, hits);
  fmt::print("{} faults in {} databases; at named points:{}\n", faults_, databases, summary);
  if (databases < 4 || brief) return;
  for (const auto point : kFaultPoints) EXPECT_GT(hits_[std::string(point)], 0) << point << " was never reached";
}

std::string name_of(const testing::TestParamInfo<Plan>& plan) { return plan.param.source + "_to_" + plan.param.target; }

INSTANTIATE_TEST_SUITE_P(Pairs, Crash,
                         testing::Values(Plan{"mariadb", "sqlite", 8}, Plan{"mariadb", "postgres", 5},
                                         Plan{"mariadb", "mariadb", 3}, Plan{"mysql", "sqlite", 3},
                                         Plan{"postgres_source", "sqlite", 5}, Plan{"postgres_source", "postgres", 3}),
                         name_of);

std::vector<Plan> every_pair() {
  std::vector<Plan> plans;
  for (const char* source : {"mariadb", "mysql", "postgres_source", "postgres_18"}) {
    for (const char* target : {"mariadb", "mysql", "postgres", "sqlite"}) plans.push_back({source, target, 1, true});
  }
  return plans;
}
INSTANTIATE_TEST_SUITE_P(Matrix, Crash, testing::ValuesIn(every_pair()), name_of);

}  // namespace
}  // namespace sluice::support
