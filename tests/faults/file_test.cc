// SPDX-License-Identifier: Apache-2.0
// The sink `file`: the program is killed at every point, a second one takes the job over, and the disk is full, while
// an application changes rows; then the lines are the whole history of every row, each once and in order.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/mount.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "faults/workload.h"
#include "integration/pipelines/history.h"

namespace sluice::support {
namespace {

using Json = nlohmann::json;

constexpr int kKilled = 128 + 9;
constexpr std::string_view kStreaming = "reading the log from";

class FileFaults : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    source_ = Servers::shared().get(GetParam());
    ASSERT_NE(source_, nullptr);
    database_ = fresh_database(*source_, "file");
    pipeline_ = std::make_unique<Pipeline>(*source_, "file", database_);
    // Small files, so that many of them end.
    pipeline_->sink_options("file.max-bytes: 9000")
        .source_options("scan.incremental.snapshot.chunk.size: 10")
        .pipeline_options("restart.delay-max: 1s");
  }
  void TearDown() override {
    if (source_ != nullptr) drop_database(*source_, database_);
    if (mounted_) {
      EXPECT_EQ(::umount2(files().c_str(), MNT_DETACH), 0);
    }
  }
  std::string files() const { return pipeline_->folder().file("files"); }
  std::unique_ptr<Process> start(std::map<std::string, std::string> env = {}) {
    return pipeline_->start({"run", "JOB", "--state", pipeline_->folder().file("state")}, std::move(env));
  }
  void run_killed(const std::string& fault) {
    const auto process = start({{"SLUICE_FAULT", fault}});
    ASSERT_EQ(process->wait().value_or(-1), kKilled) << fault << "\n" << tail(process->err(), 30);
  }
  size_t times_streaming() const {
    const std::string text = read_file(pipeline_->folder().file("stderr"));
    size_t times = 0;
    for (auto at = text.find(kStreaming); at != std::string::npos; at = text.find(kStreaming, at + 1)) ++times;
    return times;
  }
  std::vector<std::string> file_names() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(files())) {
      if (entry.path().filename() != ".sluice") names.push_back(entry.path());
    }
    std::ranges::sort(names);
    return names;
  }
  // As the ledger has it.
  int64_t committed_bytes_of_open_file() const {
    int64_t bytes = 0;
    sqlite3* database = nullptr;
    sqlite3_stmt* select = nullptr;
    if (sqlite3_open_v2((files() + "/.sluice/ledger.db").c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) ==
            SQLITE_OK &&
        sqlite3_prepare_v2(database, "SELECT length FROM sluice_files WHERE NOT whole", -1, &select, nullptr) ==
            SQLITE_OK &&
        sqlite3_step(select) == SQLITE_ROW) {
      bytes = sqlite3_column_int64(select, 0);
    }
    sqlite3_finalize(select);
    sqlite3_close(database);
    return bytes;
  }
  // The lines of the whole files, each a vector of its own.
  std::vector<std::vector<Json>> read_files() const {
    std::vector<std::vector<Json>> all;
    for (const std::string& name : file_names()) {
      std::ifstream file(name);
      auto& lines = all.emplace_back();
      for (std::string line; std::getline(file, line);) {
        Json event = Json::parse(line, nullptr, false);
        EXPECT_FALSE(event.is_discarded()) << name << ": " << line;
        lines.push_back(std::move(event));
      }
      EXPECT_FALSE(lines.empty()) << name;
    }
    return all;
  }
  void expect_whole_files();

  DatabaseServer* source_ = nullptr;
  std::string database_;
  std::unique_ptr<Pipeline> pipeline_;
  bool mounted_ = false;  // a small disk at files()
};
INSTANTIATE_TEST_SUITE_P(Sources, FileFaults, testing::Values("mariadb", "postgres_source"),
                         [](const auto& test) { return test.param; });

void FileFaults::expect_whole_files() {
  std::vector<Json> events;
  std::set<std::string> transactions;
  for (const auto& file : read_files()) {
    std::set<std::string> here;
    for (const Json& event : file) {
      events.push_back(event);
      if (event["op"] == "r") continue;
      const Json& source = event["source"];
      here.insert(source_->kind() == "postgres" ? source["txId"].dump() : source["gtid"].dump());
    }
    for (const auto& transaction : here) {
      EXPECT_TRUE(transactions.insert(transaction).second) << transaction << " is in two files";
    }
  }
  expect_whole_history(*source_, database_, events);
  for (const auto& entry : std::filesystem::directory_iterator(files() + "/.sluice")) {
    EXPECT_THAT(entry.path().filename().string(), testing::StartsWith("ledger.db")) << "is left over";
  }
}

TEST_P(FileFaults, truncate_is_one_line_among_those_of_rows) {
  const bool postgres = source_->kind() == "postgres";
  pipeline_->sink_options("file.max-bytes: 1\nskipped.operations: none");
  execute(*source_, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", database_);
  pipeline_->run_until_caught_up();
  execute(*source_, "INSERT INTO t VALUES (2)", database_);
  pipeline_->run_until_caught_up();
  execute(*source_,
          postgres ? "BEGIN; TRUNCATE TABLE t; INSERT INTO t VALUES (3); COMMIT"
                   : "TRUNCATE TABLE t; INSERT INTO t VALUES (3)",
          database_);
  for (const char* fault : {"before_commit:1", "after_commit:1", "before_file_rename:1"}) {
    ASSERT_NO_FATAL_FAILURE(run_killed(fault));
  }
  pipeline_->run_until_caught_up();
  std::string operations;
  for (const auto& file : read_files()) {
    for (const Json& event : file) operations += event["op"].get<std::string>();
  }
  EXPECT_EQ(operations, "rctc");
}

TEST_P(FileFaults, a_kill_at_any_point_loses_and_doubles_no_line) {
  make_counted_table(*source_, database_);
  Counting counting(*source_, database_);
  // About two chunks make a file, so one that was committed is left open by the fourth.
  const char* copy[] = {"after_write:2",        "after_file_created:1",   "before_chunk_commit:2",
                        "after_chunk_commit:1", "after_file_recovered:1", "before_file_rename:1",
                        "after_file_rename:1",  "before_stream_start:1"};
  const char* stream[] = {"after_write:9",        "after_commit:3",      "before_commit:4",      "after_file_created:2",
                          "before_file_rename:2", "after_file_rename:2", "before_file_rename:1", "before_source_ack:2",
                          "after_commit:1",       "after_log_read:7"};
  for (const char* fault : copy) ASSERT_NO_FATAL_FAILURE(run_killed(fault));
  for (const char* fault : stream) ASSERT_NO_FATAL_FAILURE(run_killed(fault));
  std::mt19937 random(static_cast<unsigned>(test_seed()));
  for (int i = 0; i < (long_run() ? 100 : 4); ++i) {
    const auto process = start();
    const auto before = times_streaming();
    ASSERT_TRUE(wait_until([&] { return times_streaming() > before; })) << tail(process->err(), 30);
    EXPECT_FALSE(process->wait(std::chrono::milliseconds(random() % 800)));
    process->kill9();
  }
  counting.stop();
  pipeline_->run_until_caught_up();
  EXPECT_GT(counting.steps(), 100);
  EXPECT_GT(file_names().size(), 10u);
  expect_whole_files();
}

TEST_P(FileFaults, what_a_program_that_lost_the_job_writes_is_in_no_file) {
  if (GetParam() != "mariadb") GTEST_SKIP() << "PostgreSQL lets the second program wait for the slot";
  make_counted_table(*source_, database_);
  const auto first = start();
  ASSERT_TRUE(wait_until([&] { return times_streaming() == 1; })) << tail(first->err(), 30);
  execute(*source_, "UPDATE t SET v = 1000 WHERE id = 1", database_);
  ASSERT_TRUE(wait_until([&] { return committed_bytes_of_open_file() > 0; })) << tail(first->err(), 30);
  first->pause();
  const size_t files = file_names().size();
  const auto second = start();
  ASSERT_TRUE(wait_until([&] { return file_names().size() > files; })) << tail(second->err(), 30);
  Counting counting(*source_, database_);
  ASSERT_TRUE(wait_until([&] { return file_names().size() > files + 2; })) << tail(second->err(), 30);
  first->resume();
  EXPECT_EQ(first->wait(std::chrono::seconds(30)).value_or(-1), error_code_info(ErrorCode::kFenced).exit_code)
      << tail(first->err(), 30);
  counting.stop();
  EXPECT_TRUE(second->running());
  second->stop();
  pipeline_->run_until_caught_up();
  expect_whole_files();
}

TEST_P(FileFaults, a_full_disk_stops_the_job_with_its_name_and_loses_nothing) {
  std::filesystem::create_directory(files());
  if (::mount("none", files().c_str(), "tmpfs", 0, "size=4m") != 0) {
    GTEST_SKIP() << "this user may not mount a small disk";
  }
  mounted_ = true;
  make_counted_table(*source_, database_);
  pipeline_->sink_options("file.max-bytes: 900000");
  pipeline_->run_until_caught_up();
  const auto job = start();
  Counting counting(*source_, database_);
  ASSERT_TRUE(wait_until([&] { return counting.steps() > 50; }));
  {
    std::ofstream ballast(files() + "/.sluice/ballast");
    const std::string page(4096, 'x');
    while (ballast.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }
  EXPECT_EQ(job->wait(std::chrono::seconds(60)).value_or(-1), error_code_info(ErrorCode::kTarget).exit_code);
  EXPECT_THAT(job->err(),
              testing::AnyOf(testing::HasSubstr("No space left on device"), testing::HasSubstr("disk is full"),
                             testing::HasSubstr("The disk may be full")))
      << tail(job->err(), 10);
  counting.stop();
  std::filesystem::remove(files() + "/.sluice/ballast");
  pipeline_->run_until_caught_up();
  expect_whole_files();
}

TEST_P(FileFaults, a_file_that_is_old_enough_is_whole_while_the_job_goes_on_and_nothing_comes) {
  pipeline_->sink_options("file.max-age: 1s");
  make_counted_table(*source_, database_);
  const auto job = start();
  ASSERT_TRUE(wait_until([&] { return times_streaming() == 1; })) << tail(job->err(), 30);
  const size_t of_the_copy = file_names().size();
  execute(*source_, "UPDATE t SET v = 1000001 WHERE id = 1", database_);
  EXPECT_TRUE(wait_until([&] { return file_names().size() > of_the_copy; })) << tail(job->err(), 30);
  job->stop();
  expect_whole_files();
}

TEST_P(FileFaults, tables_without_a_key_are_copied_again_by_a_column_that_a_signal_names) {
  execute(*source_, "CREATE TABLE keyless (n int NOT NULL, v int)", database_);
  execute(*source_, "INSERT INTO keyless VALUES (1, 10), (2, 20), (3, 30)", database_);
  const std::string signals = pipeline_->folder().file("signals");
  pipeline_->pipeline_options(
      fmt::format("signal.enabled.channels: file\nsignal.file: {}\nsignal.poll.interval.ms: 20", signals));
  pipeline_->run_until_caught_up();
  std::ofstream(signals) << fmt::format(
      R"({{"id":"k","type":"execute-snapshot","data":{{"data-collections":["{}.keyless"],"surrogate-key":"n"}}}})",
      database_);
  const auto job = start();
  ASSERT_TRUE(wait_until([&] { return job->err().find("snapshot 'k' has ended") != std::string::npos; }))
      << tail(job->err(), 30);
  job->stop();
  EXPECT_THAT(job->err(), testing::HasSubstr("keyless: 3 rows, SUCCEEDED"));
  std::vector<std::string> rows;
  for (const auto& file : read_files()) {
    for (const Json& event : file) rows.push_back(event["source"]["snapshot"].dump() + event["after"].dump());
  }
  EXPECT_THAT(rows, testing::ElementsAre(R"("true"{"n":1,"v":10})", R"("true"{"n":2,"v":20})",
                                         R"("true"{"n":3,"v":30})", R"("incremental"{"n":1,"v":10})",
                                         R"("incremental"{"n":2,"v":20})", R"("incremental"{"n":3,"v":30})"));
}

}  // namespace
}  // namespace sluice::support
