// SPDX-License-Identifier: Apache-2.0
// An application that never rests: seeded random statements against a source database, in a thread of its own. Its
// tables: items (integer key), names (text key, which MySQL and MariaDB compare without case), pairs (composite key),
// journal (no key, only ever appended to), altered (gets columns and loses them), side0..side3 (come, are emptied and
// go).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>

#include "integration/pipelines/pipeline_fixture.h"
#include "support/seed.h"

namespace sluice::support {

struct WorkloadOptions {
  int rows = 1500;  // in each of the tables when it begins
  bool schema_changes = true;
};

class Workload {
 public:
  // Creates and fills the tables.
  Workload(DatabaseServer& server, std::string database, uint64_t seed, WorkloadOptions options = {});
  ~Workload() { stop(); }
  void start();
  void stop();
  // The next statement will be a schema change.
  void want_schema_change() { ++schema_changes_wanted_; }
  uint64_t statements() const { return statements_; }

 private:
  void run();
  void step();
  void row_statement();
  void schema_change();
  void side_table();
  void alter();
  std::string upsert_item(int id);
  std::string upsert_name(const std::string& name);
  std::string insert_new_pair(int a, int b);
  void execute(const std::string& sql);
  int random(int least, int greatest) { return std::uniform_int_distribution<int>(least, greatest)(random_); }
  std::string word();

  DatabaseServer& server_;
  const bool postgres_;
  const std::string database_;
  const WorkloadOptions options_;
  std::mt19937_64 random_;
  std::unique_ptr<SqlSession> session_;
  int64_t journal_ = 0;
  int next_column_ = 0;
  int next_id_ = 0;
  std::vector<std::string> columns_;  // added to `altered`
  std::atomic<int> schema_changes_wanted_{0};
  std::atomic<uint64_t> statements_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

// After the workload has stopped: lets the job catch up, then proves target == source by `sluice verify` and, apart
// from it, by comparing all rows of all tables as both servers print them.
void expect_exact_copy(DatabaseServer& source, const Pipeline& pipeline);

}  // namespace sluice::support
