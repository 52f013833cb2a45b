// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/gtid.h"

#include <gtest/gtest.h>

namespace sluice::mysql {
namespace {

constexpr std::string_view kA = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
constexpr std::string_view kB = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

std::string with(std::string_view uuid, std::string_view rest) { return std::string(uuid) + std::string(rest); }
GtidSet set_of(std::string_view text) { return GtidSet::parse(text).value(); }
Gtid gtid_of(std::string_view text) { return Gtid::parse(text).value(); }

TEST(GtidSetTest, prints_ordered_merged_and_in_lower_case) {
  std::string text = with(kB, ":3") + ",\n 3E11FA47-71CA-11E1-9E33-C80AA9429562:9-10:1-5 : 6-7 :5";
  EXPECT_EQ(set_of(text).text(), with(kA, ":1-7:9-10,") + with(kB, ":3"));
  EXPECT_EQ(set_of("").text(), "");
}

TEST(GtidSetTest, honours_gaps) {
  GtidSet set = set_of(with(kA, ":1-7:9-10"));
  EXPECT_TRUE(set.contains(gtid_of(with(kA, ":7"))));
  EXPECT_FALSE(set.contains(gtid_of(with(kA, ":8"))));
  EXPECT_TRUE(set.contains(gtid_of(with(kA, ":10"))));
  EXPECT_FALSE(set.contains(gtid_of(with(kA, ":11"))));
  EXPECT_FALSE(set.contains(set_of(with(kA, ":1-10"))));
  EXPECT_TRUE(set.contains(set_of(with(kA, ":2-3:9"))));
  EXPECT_FALSE(set.contains(set_of(with(kB, ":1"))));
  set.add(gtid_of(with(kA, ":8")));
  EXPECT_EQ(set.text(), with(kA, ":1-10"));
}

TEST(GtidSetTest, keeps_tags_apart_from_untagged_transactions) {
  GtidSet set = set_of(with(kA, ":1-3:blue:1-5:RED:7"));
  EXPECT_EQ(set.text(), with(kA, ":1-3:blue:1-5:red:7"));
  EXPECT_TRUE(set.contains(gtid_of(with(kA, ":blue:4"))));
  EXPECT_FALSE(set.contains(gtid_of(with(kA, ":4"))));
  EXPECT_EQ(gtid_of(with(kA, ":blue:4")).text(), with(kA, ":blue:4"));
}

TEST(GtidSetTest, subtracts_with_holes) {
  GtidSet set = set_of(with(kA, ":1-10,") + with(kB, ":1"));
  set.subtract(set_of(with(kA, ":1:4-5:10,") + with(kB, ":1-2")));
  EXPECT_EQ(set.text(), with(kA, ":2-3:6-9"));
}

TEST(GtidSetTest, encodes_the_untagged_form_for_old_servers) {
  std::string encoded = set_of(with(kA, ":1-7:9")).encode();
  ASSERT_EQ(encoded.size(), 8u + 16 + 8 + 2 * 16);
  EXPECT_EQ(encoded.substr(0, 8), std::string("\x01\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(encoded.substr(24, 8), std::string("\x02\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(encoded.substr(40, 8), std::string("\x08\0\0\0\0\0\0\0", 8));  // the end is exclusive
}

TEST(GtidSetTest, encodes_the_tagged_form_only_with_tags_and_reads_both_back) {
  for (std::string_view rest : {":1-7:9", ":1-7:blue:3-4", ":blue:1"}) {
    GtidSet set = set_of(with(kA, rest) + "," + with(kB, ":5"));
    std::string encoded = set.encode();
    EXPECT_EQ(static_cast<uint8_t>(encoded[7]), rest.find("blue") == std::string_view::npos ? 0 : 1);
    EXPECT_EQ(GtidSet::decode(as_bytes(encoded)).value(), set);
    for (size_t cut = 0; cut < encoded.size(); ++cut) {
      EXPECT_EQ(GtidSet::decode(as_bytes(encoded).first(cut)).error().code(), ErrorCode::kCorrupt);
    }
  }
}

TEST(GtidSetTest, refuses_what_the_server_would_not_print) {
  for (std::string_view text :
       {"x", "3e11fa47:1", "3e11fa47-71ca-11e1-9e33-c80aa9429562:0", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-",
        "3e11fa47-71ca-11e1-9e33-c80aa9429562:a-b", "3e11fa47-71ca-11e1-9e33-c80aa9429562:9223372036854775807"}) {
    EXPECT_FALSE(GtidSet::parse(text)) << text;
  }
}

TEST(MariadbGtidTest, compares_by_domain) {
  MariadbGtidPosition position = MariadbGtidPosition::parse("1-2-5,0-1-100").value();
  EXPECT_EQ(position.text(), "0-1-100,1-2-5");
  EXPECT_TRUE(position.contains(MariadbGtid{0, 7, 100}));
  EXPECT_FALSE(position.contains(MariadbGtid{0, 1, 101}));
  EXPECT_FALSE(position.contains(MariadbGtid{2, 1, 1}));
  position.add(MariadbGtid{0, 3, 101});
  position.add(MariadbGtid{1, 2, 4});
  EXPECT_EQ(position.text(), "0-3-101,1-2-5");
  EXPECT_TRUE(position.contains(MariadbGtidPosition::parse("0-1-100").value()));
  EXPECT_FALSE(MariadbGtidPosition::parse("0-1-100").value().contains(position));
  EXPECT_FALSE(MariadbGtidPosition::parse("0-1-1,0-2-2"));
  EXPECT_FALSE(MariadbGtidPosition::parse("0-1"));
}

}  // namespace
}  // namespace sluice::mysql
