// SPDX-License-Identifier: Apache-2.0
#include "connectors/file/file_series.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "connectors/file/file_connector.h"

namespace sluice {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

constexpr FileLimits kLarge{.bytes = 1 << 20, .age = std::chrono::hours(1)};
const LedgerEntry kEntry{.name = "lane/0", .position = "p", .detail = ""};

class FileSeriesTest : public testing::Test {
 protected:
  FileSeriesTest() {
    std::string pattern = testing::TempDir() + "filesXXXXXX";
    folder_ = mkdtemp(pattern.data());
    EXPECT_TRUE(make_file_folder(folder_));
  }
  ~FileSeriesTest() override { fs::remove_all(folder_); }

  // As a process that takes the job over.
  std::unique_ptr<FileSeries> open(FileLimits limits = kLarge) {
    auto database = SqliteDatabase::open(context_, file_ledger_path(folder_), ErrorCode::kTarget);
    EXPECT_TRUE(database) << database.error().describe();
    SqliteLedger ledger(std::move(*database), "job");
    const auto epoch = ledger.take_over(context_);
    EXPECT_TRUE(epoch);
    EXPECT_TRUE(ledger.update(context_, {&kEntry, 1}, {}));
    auto series = FileSeries::open(context_, folder_, "job", *epoch, ".jsonl", limits);
    EXPECT_TRUE(series) << series.error().describe();
    return series ? std::move(*series) : nullptr;
  }
  void write(FileSeries& series, std::string_view lines, bool committed = true) {
    ASSERT_TRUE(series.write(lines));
    if (committed) {
      ASSERT_TRUE(series.commit(context_, kEntry));
    }
  }
  std::vector<std::string> names(const std::string& folder) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename();
      if (name != ".sluice" && !name.starts_with("ledger.db")) found.push_back(name);
    }
    std::ranges::sort(found);
    return found;
  }
  std::vector<std::string> names() const { return names(folder_); }
  std::string content(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string folder_;
  Context context_;
};

TEST_F(FileSeriesTest, a_file_gets_its_name_at_the_first_commit_at_which_it_is_large_enough) {
  const auto series = open({.bytes = 4, .age = std::chrono::hours(1)});
  write(*series, "1\n");
  EXPECT_THAT(names(), ElementsAre());
  write(*series, "2\n3\n", false);
  EXPECT_THAT(names(), ElementsAre());
  write(*series, "4\n");
  EXPECT_THAT(names(), ElementsAre("job-0000000001.jsonl"));
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n2\n3\n4\n");
  write(*series, "5\n6\n");
  EXPECT_THAT(names(), ElementsAre("job-0000000001.jsonl", "job-0000000002.jsonl"));
}

TEST_F(FileSeriesTest, what_was_committed_is_whole_when_the_series_ends) {
  auto series = open();
  write(*series, "1\n");
  write(*series, "2\n");
  series.reset();
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n2\n");
  EXPECT_THAT(names(folder_ + "/.sluice"), ElementsAre());
  open().reset();
  EXPECT_THAT(names(), ElementsAre("job-0000000001.jsonl"));
}

TEST_F(FileSeriesTest, what_was_not_committed_is_cut_off) {
  auto series = open();
  write(*series, "1\n");
  write(*series, "2\n", false);
  series.reset();
  EXPECT_THAT(names(), ElementsAre());
  series = open();
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n");
  write(*series, "3\n", false);
  series.reset();
  series = open();
  EXPECT_THAT(names(), ElementsAre("job-0000000001.jsonl"));
  EXPECT_THAT(names(folder_ + "/.sluice"), ElementsAre());
}

TEST_F(FileSeriesTest, who_lost_the_job_writes_into_nothing_and_commits_nothing) {
  const auto zombie = open();
  write(*zombie, "1\n");
  write(*zombie, "2\n", false);
  const auto owner = open();
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n");
  ASSERT_TRUE(zombie->write("3\n"));
  const auto committed = zombie->commit(context_, kEntry);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code(), ErrorCode::kFenced);
  write(*owner, "4\n");
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n");
}

TEST_F(FileSeriesTest, who_lost_the_job_before_it_began_leaves_the_owners_file) {
  open().reset();  // epoch 1
  const auto owner = open({.bytes = 4, .age = std::chrono::hours(1)});
  write(*owner, "1\n", false);
  const auto late = FileSeries::open(context_, folder_, "job", 1, ".jsonl", kLarge);
  EXPECT_TRUE(late);
  write(*owner, "2\n");
  EXPECT_THAT(names(), ElementsAre("job-0000000001.jsonl"));
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n2\n");
}

TEST_F(FileSeriesTest, a_file_that_somebody_removed_is_not_committed) {
  auto series = open({.bytes = 1, .age = std::chrono::hours(1)});
  write(*series, "1\n", false);
  fs::remove(folder_ + "/.sluice/" + names(folder_ + "/.sluice").front());
  const auto committed = series->commit(context_, kEntry);
  ASSERT_FALSE(committed);
  EXPECT_EQ(committed.error().code(), ErrorCode::kTarget);
  EXPECT_THAT(committed.error().message(), testing::HasSubstr("was removed"));
  series = open();
  write(*series, "1\n");
  series.reset();
  EXPECT_EQ(content("job-0000000001.jsonl"), "1\n");
}

TEST_F(FileSeriesTest, numbers_go_on_when_files_were_taken_away_and_when_the_ledger_was) {
  auto series = open({.bytes = 1, .age = std::chrono::hours(1)});
  write(*series, "1\n");
  write(*series, "2\n");
  series.reset();
  fs::remove(folder_ + "/job-0000000001.jsonl");
  fs::remove(folder_ + "/job-0000000002.jsonl");
  series = open({.bytes = 1, .age = std::chrono::hours(1)});
  write(*series, "3\n");
  series.reset();
  EXPECT_THAT(names(), ElementsAre("job-0000000003.jsonl"));
  fs::remove_all(folder_ + "/.sluice");
  EXPECT_TRUE(make_file_folder(folder_));
  series = open({.bytes = 1, .age = std::chrono::hours(1)});
  write(*series, "4\n");
  EXPECT_THAT(names(), ElementsAre("job-0000000003.jsonl", "job-0000000004.jsonl"));
}

TEST_F(FileSeriesTest, a_file_that_lost_lines_is_refused) {
  auto series = open();
  write(*series, "1\n2\n");
  write(*series, "3\n", false);
  series.reset();
  fs::resize_file(folder_ + "/.sluice/" + names(folder_ + "/.sluice").front(), 2);
  const auto opened = FileSeries::open(context_, folder_, "job", 1, ".jsonl", kLarge);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kTarget);
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("events are lost"));
}

TEST(FileConnectorTest, names_the_mistakes_in_its_options) {
  Problems problems;
  const Settings settings{{},
                          {{"path", "/tmp/x", {}, false},
                           {"format", "avro", {}, false},
                           {"file.max-bytes", "0", {}, false},
                           {"skipped.operations", "x", {}, false}}};
  EXPECT_EQ(file_connector().make_sink(settings, problems), nullptr);
  EXPECT_THAT(problems.text(), testing::AllOf(testing::HasSubstr("'format'"), testing::HasSubstr("file.max-bytes"),
                                              testing::HasSubstr("'x' cannot be skipped")));
}

}  // namespace
}  // namespace sluice
