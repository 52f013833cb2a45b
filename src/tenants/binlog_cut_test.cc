// SPDX-License-Identifier: Apache-2.0
#include "tenants/binlog_cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

template <typename T>
std::string bytes(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string event(uint8_t type, const std::string& body, uint32_t server = 1) {
  return bytes<uint32_t>(0) + bytes(type) + bytes(server) + bytes(static_cast<uint32_t>(19 + body.size())) +
         bytes<uint32_t>(0) + bytes<uint16_t>(0) + body;
}

std::string gtid(uint64_t number, uint8_t flags, uint32_t domain = 7) {
  return event(162, bytes(number) + bytes(domain) + bytes(flags) + std::string(6, '\0'));
}

std::string checkpoint(const std::string& file) { return event(161, bytes(static_cast<uint32_t>(file.size())) + file); }

std::string head() {
  const std::string list = bytes<uint32_t>(1) + bytes<uint32_t>(3) + bytes<uint32_t>(9) + bytes<uint64_t>(55);
  return "\xfe"
         "bin" +
         event(15, std::string(80, '\0')) + event(163, list) + checkpoint("binlog.000002");
}

// Reads on in what there is of a log.
Result<> read_on(std::string_view content, BinlogFile& file) {
  const auto read = [&](uint64_t offset, std::span<char> buffer) -> Result<> {
    content.copy(buffer.data(), buffer.size(), offset);
    return {};
  };
  return read_binlog_on(read, content.size(), file);
}

Result<BinlogFile> read_binlog(std::string_view content) {
  BinlogFile file;
  RETURN_IF_ERROR(read_on(content, file));
  return file;
}

TEST(BinlogCutTest, knows_where_transactions_end_and_what_stands_before_the_file) {
  const std::string first = gtid(10, 4) + event(19, "map") + event(16, bytes<uint64_t>(77));
  const std::string second = gtid(11, 32 | 1) + event(2, "CREATE TABLE");
  const std::string content = head() + first + checkpoint("binlog.000003") + second;
  const auto file = read_binlog(content);
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->checkpoint, "binlog.000003");
  EXPECT_EQ(file->head_end, head().size());
  ASSERT_EQ(file->groups.size(), 2U);
  EXPECT_EQ(file->groups[0].xid, 77U);
  EXPECT_TRUE(file->groups[0].plain);
  EXPECT_FALSE(file->groups[1].plain);
  EXPECT_EQ(file->end(1), head().size() + first.size());
  EXPECT_EQ(file->end(2), content.size());
  EXPECT_EQ(file->state(0).text(), "3-9-55");
  EXPECT_EQ(file->state(1).text(), "3-9-55,7-1-10");
}

TEST(BinlogCutTest, a_transaction_counts_when_nothing_of_it_can_follow) {
  const auto query = [](const std::string& text) {
    return event(2, std::string(8, '\0') + '\2' + std::string(2, '\0') + bytes<uint16_t>(4) + "varsdb" + '\0' + text);
  };
  const std::string begun = gtid(10, 4) + event(19, "map");
  const std::pair<std::string, bool> cases[] = {
      {begun, false},
      {begun + event(16, bytes<uint64_t>(77)), true},
      {gtid(10, 0) + query("INSERT"), false},
      {gtid(10, 0) + query("INSERT") + query("COMMIT"), true},
      {gtid(10, 1), false},
      {gtid(10, 1 | 32) + query("DROP TABLE t"), true},
      {gtid(10, 64) + event(38, "xid"), true},
      {begun + event(4, "next"), true},
  };
  for (const auto& [content, complete] : cases) {
    const auto whole = read_binlog(head() + content);
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(whole->groups.at(0).complete, complete) << &content - &cases[0].first;
    // Read at any place in between.
    for (size_t size = head().size(); size < head().size() + content.size(); ++size) {
      const std::string log = head() + content;
      BinlogFile parts;
      ASSERT_TRUE(read_on(std::string_view(log).substr(0, size), parts).has_value());
      ASSERT_TRUE(read_on(log, parts).has_value());
      ASSERT_EQ(parts.groups.size(), 1U);
      EXPECT_EQ(parts.groups[0].complete, complete);
      EXPECT_EQ(parts.groups[0].end, whole->groups[0].end);
      EXPECT_EQ(parts.groups[0].xid, whole->groups[0].xid);
    }
  }
  EXPECT_TRUE(GtidState::parse("1-1-5,2-2-7").covers(GtidState::parse("1-9-5")));
  EXPECT_FALSE(GtidState::parse("1-1-5").covers(GtidState::parse("1-1-5,2-2-7")));
  EXPECT_TRUE(GtidState::parse("1-1-5").covers(GtidState()));
}

TEST(BinlogCutTest, an_unfinished_event_is_not_read) {
  const std::string content = head() + gtid(10, 4);
  const auto file = read_binlog(std::string_view(content).substr(0, content.size() - 1));
  ASSERT_TRUE(file.has_value());
  EXPECT_TRUE(file->groups.empty());
  EXPECT_FALSE(read_binlog("nonsense").has_value());
}

TEST(BinlogCutTest, a_transaction_that_is_being_written_is_read_once_and_never_held) {
  constexpr size_t kRows = 200, kEvent = 100'000, kLargest = 65536;
  const std::string row = event(24, std::string(kEvent, 'r'));
  std::string log = head() + gtid(10, 4);
  size_t read_bytes = 0;
  const auto read = [&](uint64_t offset, std::span<char> buffer) -> Result<> {
    EXPECT_LE(buffer.size(), kLargest);
    read_bytes += buffer.size();
    log.copy(buffer.data(), buffer.size(), offset);
    return {};
  };
  BinlogFile file;
  for (size_t i = 0; i < kRows; ++i) {
    log += row;
    ASSERT_TRUE(read_binlog_on(read, log.size() - kEvent / 2, file).has_value());  // what is written is never whole
    ASSERT_TRUE(read_binlog_on(read, log.size(), file).has_value());
    ASSERT_FALSE(file.groups.at(0).complete);
  }
  log += event(16, bytes<uint64_t>(77));
  ASSERT_TRUE(read_binlog_on(read, log.size(), file).has_value());
  EXPECT_TRUE(file.groups.at(0).complete);
  EXPECT_EQ(file.groups[0].xid, 77U);
  EXPECT_EQ(file.end(1), log.size());
  EXPECT_LE(read_bytes, 2 * log.size());
}

TEST(BinlogCutTest, gtid_states_are_equal_in_any_order) {
  EXPECT_EQ(GtidState::parse("3-9-55,7-1-10"), GtidState::parse("7-1-10,3-9-55"));
  EXPECT_NE(GtidState::parse("3-9-55"), GtidState::parse("3-9-56"));
  EXPECT_EQ(GtidState::parse(""), GtidState());
}

std::string batch(const std::string& elements) { return std::string(12, '\0') + elements; }
std::string xid(uint64_t number) {
  const std::string id = "MySQLXid" + bytes<uint64_t>(1) + bytes(number);
  return static_cast<char>(id.size()) + id;
}
std::string piece(uint8_t type, const std::string& payload) {
  return bytes<uint32_t>(0) + bytes(static_cast<uint16_t>(payload.size())) + bytes(type) + payload;
}

TEST(WalTest, finds_the_last_commit_also_in_a_record_of_several_pieces) {
  const std::string put = std::string("\x05\x02\x01k\x01v", 6);
  const std::string commit = batch("\x0b" + xid(41));
  const std::string split = batch(put + "\x0d" + "\x0b" + xid(42));
  const std::string wal = piece(1, commit) + piece(2, split.substr(0, 20)) + piece(4, split.substr(20)) +
                          piece(1, batch("\x09" + put + "\x0a" + xid(43)));
  EXPECT_EQ(last_commit_in_wal(wal).value(), 42U);
  EXPECT_EQ(last_commit_in_wal(wal + std::string(100, '\0')).value(), 42U);
  // The record that holds the second commit is cut off.
  EXPECT_EQ(last_commit_in_wal(std::string_view(wal).substr(0, piece(1, commit).size() + 30)).value(), 41U);
  EXPECT_EQ(last_commit_in_wal("").value(), std::nullopt);
}

TEST(WalTest, what_is_not_known_is_an_error_because_a_commit_could_follow) {
  EXPECT_FALSE(last_commit_in_wal(piece(1, batch("\x7f" + xid(41)))).has_value());
  EXPECT_FALSE(last_commit_in_wal(piece(99, "x")).has_value());
}

}  // namespace
}  // namespace sluice
