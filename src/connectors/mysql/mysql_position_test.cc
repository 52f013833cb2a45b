// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_position.h"

#include <gtest/gtest.h>

namespace sluice::mysql {
namespace {

BinlogPosition at(const char* text) {
  auto position = BinlogPosition::parse({text});
  EXPECT_TRUE(position.has_value()) << text;
  return *position;
}

constexpr auto kUuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

TEST(BinlogPositionTest, text_round_trips) {
  const std::string text = std::string("v1;file=bin.000003;pos=4711;gtid_set=") + kUuid + ":1-7:9-10";
  EXPECT_EQ(at(text.c_str()).position().text, text);
  EXPECT_EQ(at("v1;file=bin.000003;pos=4711;gtid_pos=0-1-55,7-2-3").position().text,
            "v1;file=bin.000003;pos=4711;gtid_pos=0-1-55,7-2-3");
}

TEST(BinlogPositionTest, refuses_what_it_does_not_understand) {
  EXPECT_FALSE(BinlogPosition::parse({""}).has_value());
  EXPECT_FALSE(BinlogPosition::parse({"v2;file=a;pos=4"}).has_value());
  EXPECT_FALSE(BinlogPosition::parse({"v1;file=a;pos=x"}).has_value());
  EXPECT_FALSE(BinlogPosition::parse({"v1;file=a;lsn=4"}).has_value());
}

TEST(BinlogPositionTest, files_are_ordered_by_number_not_by_text) {
  EXPECT_TRUE(file_offset_before("bin.999999", 100, "bin.1000000", 4));
  EXPECT_FALSE(file_offset_before("bin.000002", 4, "bin.000001", 100));
  EXPECT_TRUE(file_offset_before("bin.000002", 4, "bin.000002", 5));
}

// FLINK-37065: a set with a gap was taken for a range, and the transaction in the gap was lost.
TEST(BinlogPositionTest, a_gap_in_a_gtid_set_is_not_covered) {
  const auto reached = at((std::string("v1;file=bin.000003;pos=900;gtid_set=") + kUuid + ":1-7:9-10").c_str());
  const Transaction seven{.start = {"v1;file=bin.000001;pos=4"}, .id = std::string(kUuid) + ":7", .commit_time_ms = 0};
  const Transaction eight{.start = {"v1;file=bin.000001;pos=4"}, .id = std::string(kUuid) + ":8", .commit_time_ms = 0};
  EXPECT_TRUE(covers(reached, seven));
  EXPECT_FALSE(covers(reached, eight));
}

// flink-cdc #2794: without GTIDs positions were compared by server id.
TEST(BinlogPositionTest, without_gtids_file_and_offset_decide) {
  const auto reached = at("v1;file=bin.000002;pos=500");
  const Transaction before{.start = {"v1;file=bin.000002;pos=499"}, .id = "", .commit_time_ms = 0};
  const Transaction behind{.start = {"v1;file=bin.000002;pos=500"}, .id = "", .commit_time_ms = 0};
  EXPECT_TRUE(covers(reached, before));
  EXPECT_FALSE(covers(reached, behind));
  EXPECT_TRUE(covers(reached, at("v1;file=bin.000002;pos=500")));
  EXPECT_FALSE(covers(reached, at("v1;file=bin.000003;pos=4")));
}

TEST(BinlogPositionTest, keeps_where_open_xa_transactions_begin) {
  constexpr const char* kText =
      "v1;file=bin.000002;pos=500;gtid_pos=0-1-10;prepared_from=v1;file=bin.000001;pos=4;gtid_pos=0-1-3";
  const auto reached = at(kText);
  EXPECT_EQ(reached.prepared_from.text, "v1;file=bin.000001;pos=4;gtid_pos=0-1-3");
  EXPECT_EQ(reached.position().text, kText);
}

TEST(BinlogPositionTest, mariadb_domains_are_judged_one_by_one) {
  const auto reached = at("v1;file=bin.000002;pos=500;gtid_pos=0-1-10,1-1-5");
  EXPECT_TRUE(covers(reached, at("v1;file=bin.000009;pos=4;gtid_pos=0-2-10")));
  EXPECT_FALSE(covers(reached, at("v1;file=bin.000001;pos=4;gtid_pos=0-1-9,1-1-6")));
}

}  // namespace
}  // namespace sluice::mysql
