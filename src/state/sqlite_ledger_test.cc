// SPDX-License-Identifier: Apache-2.0
#include "state/sqlite_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace sluice {
namespace {

class StateLedgerTest : public testing::Test {
 protected:
  StateLedgerTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice-state-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
  }
  ~StateLedgerTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Ledger> open(const std::string& job = "copy") {
    auto ledger = open_state_ledger(context_, directory_, job);
    EXPECT_TRUE(ledger.has_value());
    return std::move(*ledger);
  }

  Context context_;
  std::string directory_;
};

TEST_F(StateLedgerTest, each_take_over_raises_the_epoch_of_its_job_only) {
  EXPECT_EQ(*open()->take_over(context_), 1u);
  EXPECT_EQ(*open()->take_over(context_), 2u);
  EXPECT_EQ(*open("other")->take_over(context_), 1u);
}

TEST_F(StateLedgerTest, entries_survive_and_are_removed) {
  auto ledger = open();
  ASSERT_TRUE(ledger->take_over(context_).has_value());
  const std::vector<LedgerEntry> put{{"lane/0", "p1", ""}, {"chunk/shop.t/0", "", "{\"lower\":null}"}};
  ASSERT_TRUE(ledger->update(context_, put, {}).has_value());
  const std::vector<std::string> gone{"lane/0"};
  ASSERT_TRUE(open()->load(context_).has_value());
  EXPECT_THAT(*open()->load(context_), testing::IsSupersetOf(put));
  ASSERT_TRUE(ledger->update(context_, {}, gone).has_value());
  EXPECT_THAT(*ledger->load(context_), testing::Not(testing::Contains(put[0])));
}

TEST_F(StateLedgerTest, an_older_epoch_can_not_update) {
  auto old = open();
  ASSERT_TRUE(old->take_over(context_).has_value());
  const std::vector<LedgerEntry> put{{"lane/0", "p1", ""}};
  ASSERT_TRUE(old->update(context_, put, {}).has_value());

  auto successor = open();
  ASSERT_TRUE(successor->take_over(context_).has_value());
  const std::vector<LedgerEntry> late{{"lane/0", "p2", ""}};
  EXPECT_EQ(old->update(context_, late, {}).error().code(), ErrorCode::kFenced);
  EXPECT_THAT(*successor->load(context_), testing::Contains(put[0]));
}

TEST_F(StateLedgerTest, the_file_is_private) {
  ASSERT_TRUE(open()->take_over(context_).has_value());
  struct stat info{};
  ASSERT_EQ(stat((directory_ + "/state.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(StateLedgerTest, a_missing_directory_is_created_for_its_owner_only) {
  const std::string nested = directory_ + "/new";
  ASSERT_TRUE(open_state_ledger(context_, nested, "copy").has_value());
  struct stat info{};
  ASSERT_EQ(stat(nested.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST_F(StateLedgerTest, a_directory_that_cannot_be_created_is_a_state_error) {
  const auto ledger = open_state_ledger(context_, "/dev/null/nowhere", "copy");
  ASSERT_FALSE(ledger.has_value());
  EXPECT_EQ(ledger.error().code(), ErrorCode::kState);
}

}  // namespace
}  // namespace sluice
