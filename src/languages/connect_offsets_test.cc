// SPDX-License-Identifier: Apache-2.0
#include "languages/connect_offsets.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using namespace std::string_view_literals;

// Written by Java 17's ObjectOutputStream from a HashMap<byte[],byte[]> with three entries, one of them null.
constexpr std::string_view kJavaFile =
    "\xac\xed\x00\x05\x73\x72\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02"
    "F\x00\x0aloadFactorI\x00\x09threshold"
    "\x78\x70\x3f\x40\x00\x00\x00\x00\x00\x0c\x77\x08\x00\x00\x00\x10\x00\x00\x00\x03"
    "\x75\x72\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70\x00\x00\x00\x14[\"c\",{\"server\":\"p\"}]"
    "\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x09{\"pos\":4}"
    "\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x14[\"e\",{\"server\":\"r\"}]\x70"
    "\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x14[\"d\",{\"server\":\"q\"}]"
    "\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x09{\"pos\":5}\x78"sv;

std::vector<std::string> offsets(std::string_view bytes) {
  const auto all = parse_connect_offsets(bytes);
  if (!all) return {all.error().message()};
  std::vector<std::string> out;
  for (const auto& each : *all) out.push_back(fmt::format("{} {} {}", each.connector, each.server, each.offset));
  return out;
}

TEST(ConnectOffsetsTest, reads_the_file_of_a_standalone_worker) {
  EXPECT_THAT(offsets(kJavaFile), ElementsAre(R"(c p {"pos":4})", R"(d q {"pos":5})"));
  for (size_t size = 4; size < kJavaFile.size(); ++size) {
    EXPECT_THAT(offsets(kJavaFile.substr(0, size)), ElementsAre(HasSubstr("no HashMap<byte[],byte[]>"))) << size;
  }
}

TEST(ConnectOffsetsTest, reads_a_distributed_workers_topic_of_which_the_last_record_counts) {
  EXPECT_THAT(
      offsets("[\"c\",{\"server\":\"p\"}]\t{\"pos\":4}\nnoise\n"
              "{\"schema\":null,\"payload\":[\"c\",{\"server\":\"p\"}]}\t{\"schema\":null,\"payload\":{\"pos\":6}}\n"
              "[\"d\",{\"server\":\"q\"}]\t{\"pos\":5}\n[\"d\",{\"server\":\"q\"}]\tnull\n"),
      ElementsAre(R"(c p {"pos":6})"));
}

TEST(ConnectOffsetsTest, reads_the_answer_of_the_rest_api) {
  EXPECT_THAT(offsets(R"({"offsets":[{"partition":{"server":"p"},"offset":{"pos":4}}]})"),
              ElementsAre(R"( p {"pos":4})"));
  EXPECT_THAT(offsets("hello"), ElementsAre("the file holds no offsets of Kafka Connect"));
}

TEST(ConnectOffsetsTest, a_mysql_offset_is_a_gtid_set_or_a_place_in_a_file) {
  const auto gtids = take_over(R"({"ts_sec":1,"file":"bin.3","pos":154,"gtids":"u:1-7","server_id":1})", false);
  EXPECT_THAT(gtids.value().options, ElementsAre(Pair("scan.startup.mode", "specific-offset"),
                                                 Pair("scan.startup.specific-offset.gtid-set", "u:1-7")));
  EXPECT_EQ(gtids.value().warning, "");
  const auto file = take_over(
      R"({"file":"bin.3","pos":154,"gtids":null,"row":1,"event":2,"snapshot_completed":true,"snapshot":true})", false);
  EXPECT_THAT(file.value().options, ElementsAre(Pair("scan.startup.mode", "specific-offset"),
                                                Pair("scan.startup.specific-offset.file", "bin.3"),
                                                Pair("scan.startup.specific-offset.pos", "154")));
  EXPECT_EQ(file.value().warning, "the connector stopped inside a transaction, behind 2 events and 1 rows of it");
}

TEST(ConnectOffsetsTest, a_postgres_offset_is_its_last_commit) {
  EXPECT_THAT(
      take_over(R"({"lsn":90,"lsn_proc":88,"lsn_commit":4294967424,"txId":7})", true).value().options,
      ElementsAre(Pair("scan.startup.mode", "specific-offset"), Pair("scan.startup.specific-offset.lsn", "1/80")));
  EXPECT_THAT(take_over(R"({"lsn":16,"snapshot":true,"last_snapshot_record":true})", true).value().options,
              testing::Contains(Pair("scan.startup.specific-offset.lsn", "0/10")));
}

TEST(ConnectOffsetsTest, refuses_what_was_not_finished) {
  for (const char* offset :
       {R"({"lsn":16,"snapshot":"INITIAL","snapshot_completed":false})", R"({"file":"b.1","pos":4,"snapshot":true})"}) {
    EXPECT_THAT(take_over(offset, offset[2] == 'l').error().message(), HasSubstr("initial snapshot was not finished"));
  }
  EXPECT_THAT(take_over(R"({"lsn":1,"incremental_snapshot_collections":"[{\"id\":1}]"})", true).error().message(),
              HasSubstr("incremental snapshot"));
  EXPECT_THAT(take_over("{}", true).error().message(), HasSubstr("neither"));
  EXPECT_THAT(take_over("{}", false).error().message(), HasSubstr("neither"));
}

}  // namespace
}  // namespace sluice
