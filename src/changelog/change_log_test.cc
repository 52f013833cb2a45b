// SPDX-License-Identifier: Apache-2.0
#include "changelog/change_log.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Position at(int number) { return {fmt::format("{:04}", number)}; }

// Everything up to this number.
IsCovered up_to(int number) {
  return [number](const Position& position) { return position.text <= at(number).text; };
}

class ChangeLogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = fs::temp_directory_path() / "change_log_XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    parent_ = name;
    folder_ = name + "/state/log";
    TableSchema schema;
    schema.id = {"s", "t"};
    schema.columns = {{.name = "id", .type = {.kind = TypeKind::kInt64}},
                      {.name = "text", .type = {.kind = TypeKind::kString}}};
    schema_ = std::make_shared<const TableSchema>(std::move(schema));
  }
  void TearDown() override {
    log_.reset();
    fs::remove_all(parent_);
  }

  Result<> open(uint64_t segment_bytes = 1 << 20) {
    log_.reset();
    ASSIGN_OR_RETURN(log_, ChangeLog::open(folder_, segment_bytes));
    return {};
  }
  // An empty log at 0.
  void begin(uint64_t segment_bytes = 1 << 20) {
    ASSERT_TRUE(open(segment_bytes).has_value());
    LogState state;
    state.job = "life";
    state.position = at(0);
    state.tables[{"s", "t"}] = "detail";
    ASSERT_TRUE(log_->begin_at(state).has_value());
  }
  ChangeBatch batch(int number) const {
    ChangeBatch rows(schema_);
    rows.transactions = std::make_shared<const TransactionList>(TransactionList{{.start = at(number)}});
    rows.kinds = {RowKind::kInsert};
    rows.origins = {RowOrigin{}};
    rows.columns[0].append_int(number);
    rows.columns[1].append_bytes(std::string(100, 'x'));
    return rows;
  }
  Result<> append_group(int number) {
    RETURN_IF_ERROR(log_->append(batch(number)));
    return log_->append(GroupEnd{.position = at(number), .source_time_ms = 0});
  }
  void add(int from, int to) {
    for (int number = from; number <= to; ++number) {
      const auto added = append_group(number);
      ASSERT_TRUE(added.has_value()) << added.error().message();
      const auto synced = log_->sync();
      ASSERT_TRUE(synced.has_value()) << synced.error().message();
    }
  }
  // The ids that a reader finds.
  Result<std::vector<int64_t>> ids(ChangeLogReader& reader) {
    std::vector<int64_t> found;
    for (;;) {
      std::vector<StreamElement> elements;
      ASSIGN_OR_RETURN(const bool more, reader.next(elements));
      if (!more) return found;
      for (const auto& element : elements) {
        if (const auto* rows = std::get_if<ChangeBatch>(&element)) found.push_back(rows->columns[0].int_at(0));
      }
    }
  }
  std::vector<int64_t> all() {
    auto found = ids(*log_->read(up_to(0)));
    EXPECT_TRUE(found.has_value()) << found.error().message();
    return found ? *found : std::vector<int64_t>();
  }
  static std::vector<int64_t> range(int from, int to) {
    std::vector<int64_t> numbers;
    for (int number = from; number <= to; ++number) numbers.push_back(number);
    return numbers;
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".log") names.push_back(entry.path());
    }
    std::ranges::sort(names);
    return names;
  }
  static void change_byte(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }

  std::string parent_;
  std::string folder_;
  TableSchemaPtr schema_;
  std::unique_ptr<ChangeLog> log_;
};

TEST_F(ChangeLogTest, gives_back_what_was_synced_also_after_it_was_opened_again) {
  begin();
  add(1, 5);
  EXPECT_EQ(all(), range(1, 5));
  ASSERT_TRUE(append_group(6).has_value());
  EXPECT_EQ(all(), range(1, 5)) << "what is not durable cannot be read";
  ASSERT_TRUE(log_->sync().has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(log_->begin(), at(0));
  EXPECT_EQ(log_->end().position, at(6));
  EXPECT_EQ(log_->end().job, "life");
  EXPECT_EQ(log_->end().tables.size(), 1U);
  EXPECT_EQ(all(), range(1, 6));
  add(7, 8);
  EXPECT_EQ(all(), range(1, 8));
}

TEST_F(ChangeLogTest, a_group_is_read_when_it_is_whole_and_forgotten_if_it_never_was) {
  begin();
  add(1, 2);
  ASSERT_TRUE(log_->append(batch(3)).has_value());
  ASSERT_TRUE(log_->sync().has_value());
  EXPECT_EQ(all(), range(1, 2));
  EXPECT_FALSE(log_->settled());
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(log_->end().position, at(2));
  add(3, 4);
  ASSERT_TRUE(log_->append(batch(5)).has_value());
  ASSERT_TRUE(log_->settle().has_value());
  EXPECT_TRUE(log_->settled());
  add(5, 6);
  EXPECT_EQ(all(), range(1, 6));
}

TEST_F(ChangeLogTest, follows_what_the_source_knows_about_its_tables) {
  begin();
  add(1, 1);
  SchemaChangeEvent event;
  event.position = at(2);
  event.tracked = {{{"s", "t"}, "new detail"}, {{"s", "gone"}, ""}};
  ASSERT_TRUE(log_->append(event).has_value());
  LogState more;
  more.tables[{"s", "copied"}] = "its detail";
  more.chunks.push_back({.chunk = {.table = {"s", "copied"}, .lower = {}, .upper = {}}, .position = at(1)});
  ASSERT_TRUE(log_->replace_tables(more).has_value());
  more.chunks.front().position = at(2);
  ASSERT_TRUE(log_->replace_tables(more).has_value());
  ASSERT_TRUE(log_->sync().has_value());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(log_->end().position, at(2));
    const auto start = log_->end().start();
    EXPECT_THAT(start.tables, testing::ElementsAre(std::pair{TableId{"s", "copied"}, std::string("its detail")},
                                                   std::pair{TableId{"s", "t"}, std::string("new detail")}));
    ASSERT_EQ(start.chunks.size(), 1U);
    EXPECT_EQ(start.chunks.front().position, at(2));
    ASSERT_TRUE(open().has_value());
  }
}

TEST_F(ChangeLogTest, goes_through_many_files_which_can_be_dropped_when_they_are_covered) {
  begin(1000);
  auto reader = log_->read(up_to(0));
  add(1, 40);
  EXPECT_GT(files().size(), 3U);
  auto found = ids(*reader);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, range(1, 40));
  const uint64_t before = log_->bytes();
  ASSERT_TRUE(log_->trim(up_to(30)).has_value());
  EXPECT_LT(log_->bytes(), before);
  EXPECT_GT(log_->begin().text, at(20).text);
  EXPECT_LE(log_->begin().text, at(30).text);
  add(41, 50);
  found = ids(*reader);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(*found, range(41, 50));
  ASSERT_TRUE(open(1000).has_value());
  EXPECT_GT(log_->begin().text, at(20).text);
  found = ids(*log_->read(up_to(30)));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->back(), 50);
  EXPECT_LE(found->front(), 31);
}

TEST_F(ChangeLogTest, begins_anew_and_forgets_what_was) {
  begin(1000);
  add(1, 20);
  LogState state;
  state.position = at(30);
  ASSERT_TRUE(log_->begin_at(state).has_value());
  EXPECT_TRUE(log_->empty());
  EXPECT_EQ(files().size(), 1U);
  add(31, 32);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(log_->begin(), at(30));
  EXPECT_EQ(all(), range(31, 32));
  log_.reset();
  ASSERT_TRUE(ChangeLog::remove(folder_).has_value());
  ASSERT_TRUE(open().has_value());
  EXPECT_FALSE(log_->begun());
}

// As a kill between the making of the new log and the end of the old one leaves it.
TEST_F(ChangeLogTest, files_of_an_older_log_are_removed) {
  begin(1000);
  add(1, 20);
  const auto old = files();
  const std::string kept = parent_ + "/kept";
  fs::copy(folder_, kept);
  LogState state;
  state.position = at(30);
  ASSERT_TRUE(log_->begin_at(state).has_value());
  log_.reset();
  for (const auto& file : old) fs::copy(kept + "/" + fs::path(file).filename().string(), file);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(log_->begin(), at(30));
  EXPECT_TRUE(log_->empty());
  EXPECT_EQ(files().size(), 1U);
}

// The end of the file at every byte of the last write.
TEST_F(ChangeLogTest, a_write_that_did_not_end_is_cut_off_wherever_it_ended) {
  begin();
  add(1, 3);
  const std::string file = files()[0];
  const auto whole = fs::file_size(file);
  add(4, 4);
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (auto end = bytes.size() - 1; end > whole; --end) {
    log_.reset();
    std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(end));
    testing::internal::CaptureStderr();
    const auto opened = open();
    const std::string told = testing::internal::GetCapturedStderr();
    ASSERT_TRUE(opened.has_value()) << end;
    EXPECT_EQ(log_->end().position, at(3)) << end;
    EXPECT_EQ(fs::file_size(file), whole);
    // Where it ended between two records, only the group is not whole.
    if (end == bytes.size() - 1) {
      EXPECT_THAT(told, HasSubstr("bytes of a write that did not end"));
    }
    add(4, 4);
    EXPECT_EQ(all(), range(1, 4));
  }
}

// Every single byte that was durable before the last write.
TEST_F(ChangeLogTest, damage_in_the_middle_is_told_and_never_cut_off) {
  begin();
  add(1, 3);
  const std::string file = files()[0];
  const auto durable = fs::file_size(file);
  add(4, 4);
  for (uint64_t offset = 0; offset < durable; ++offset) {
    change_byte(file, offset);
    const auto opened = open();
    ASSERT_FALSE(opened.has_value()) << offset;
    EXPECT_EQ(opened.error().code(), ErrorCode::kCorrupt);
    EXPECT_THAT(opened.error().message(), HasSubstr(file));
    change_byte(file, offset);
  }
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(all(), range(1, 4));
}

TEST_F(ChangeLogTest, damage_in_an_older_file_stops_the_reader) {
  begin(1000);
  add(1, 20);
  const auto names = files();
  ASSERT_GT(names.size(), 2U);
  change_byte(names[1], fs::file_size(names[1]) - 30);
  ASSERT_TRUE(open(1000).has_value());
  const auto found = ids(*log_->read(up_to(0)));
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code(), ErrorCode::kCorrupt);
  EXPECT_THAT(std::string(found.error().advice()), HasSubstr("--reset"));
}

// A file that may not grow is as full as a disk.
TEST_F(ChangeLogTest, a_full_disk_loses_nothing) {
  begin();
  add(1, 3);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = fs::file_size(files()[0]) + 50;
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  ASSERT_TRUE(append_group(4).has_value());
  const auto synced = log_->sync();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(synced.has_value());
  EXPECT_EQ(synced.error().code(), ErrorCode::kState);
  EXPECT_THAT(synced.error().message(), HasSubstr(files()[0]));
  EXPECT_EQ(all(), range(1, 3));
  ASSERT_TRUE(log_->settle().has_value());
  add(4, 5);
  ASSERT_TRUE(open().has_value());
  EXPECT_EQ(all(), range(1, 5));
}

TEST_F(ChangeLogTest, belongs_to_one_process_and_to_its_owner) {
  begin();
  add(1, 1);
  const auto second = ChangeLog::open(folder_);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), ErrorCode::kTransient);
  struct stat status{};
  ASSERT_EQ(stat(files()[0].c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
}

}  // namespace
}  // namespace sluice
