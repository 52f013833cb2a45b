// SPDX-License-Identifier: Apache-2.0
// A job from a PostgreSQL server into another, which takes the source's log over into its change log when that grows
// beyond 100 kB.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "integration/pipelines/pipeline_fixture.h"

namespace sluice::support {

inline constexpr int kPositionLost = 5;
inline constexpr int kKilled = 128 + 9;
inline constexpr std::string_view kStreaming = "reading the log from";
inline constexpr std::string_view kSpooling = "spooling the source's log";
inline constexpr std::string_view kEndsHere = "the change log ends here for now";
inline constexpr std::string_view kCaughtUp = "the target has caught up with the change log";

class Spool : public testing::Test {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get(source_kind());
    if (source_ == nullptr) GTEST_SKIP() << PostgresServer::newest_unavailable();
    begin_anew();
  }
  // Another database, another job.
  void begin_anew() {
    if (!database_.empty()) drop_database(*source_, database_);
    database_ = fresh_database(*source_, "spool");
    pipeline_ = std::make_unique<Pipeline>(*source_, "postgres", database_);
    pipeline_->source_options("status.update.interval: 100ms");
    options("change-log.retained-limit: 100000");
  }
  void TearDown() override {
    if (pipeline_ && pipeline_->target() != nullptr && !pipeline_->target()->running()) {
      EXPECT_TRUE(pipeline_->target()->restart().has_value());
    }
    if (source_ != nullptr) drop_database(*source_, database_);
  }

  virtual std::string source_kind() const { return "postgres_source"; }
  void options(const std::string& more) {
    pipeline_->pipeline_options("parallelism: 2\nrestart.delay-max: 1s\nchannel.bytes: 65536\n" + more);
  }
  void sql(std::string_view statement) const { execute(*source_, statement, database_); }
  std::string state() const { return pipeline_->folder().file("state"); }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) const {
    return pipeline_->start({"run", "JOB", "--state", state()}, std::move(env));
  }
  std::string said() const { return read_file(pipeline_->folder().file("stderr")); }
  // How often; all programs of a test write to one file.
  size_t times(std::string_view words) const {
    const std::string text = said();
    size_t count = 0;
    for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++count;
    return count;
  }
  bool says(std::string_view words, size_t before = 0) const {
    return wait_until([&] { return times(words) > before; }, std::chrono::minutes(1));
  }
  std::string place() const { return value("SELECT pg_current_wal_lsn()"); }
  bool slot_reaches(const std::string& lsn) const {
    return wait_until(
        [&] {
          return value(fmt::format("SELECT confirmed_flush_lsn >= '{}' FROM pg_replication_slots WHERE slot_name = "
                                   "'{}'",
                                   lsn, database_)) == "t";
        },
        std::chrono::minutes(1));
  }
  std::string value(const std::string& query) const {
    const auto got = source_->value(query, database_);
    return got ? *got : got.error().message();
  }
  // About 300 bytes each, ids from `first` on.
  void insert(int first, int count) const {
    sql(fmt::format("INSERT INTO t SELECT n, repeat(md5(n::text), 8) FROM generate_series({}, {}) n", first,
                    first + count - 1));
  }
  void copy_and_follow() {
    sql("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); CREATE TABLE journal (n INT)");
    insert(1, 10);
    pipeline_->run_until_caught_up();
  }
  std::unique_ptr<Process> start_following() {
    const size_t before = times(kStreaming);
    auto job = start();
    EXPECT_TRUE(says(kStreaming, before)) << tail(said());
    return job;
  }
  void expect_exact() {
    pipeline_->run_until_caught_up();
    EXPECT_EQ(pipeline_->verify(), 0);
    expect_same_rows(*source_, *pipeline_, "id, v", "t", "id");
    expect_same_rows(*source_, *pipeline_, "n", "journal", "n");
  }

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace sluice::support
