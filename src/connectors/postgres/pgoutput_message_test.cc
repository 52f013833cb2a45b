// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/pgoutput_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "connectors/postgres/pgoutput_test_data.h"

namespace sluice {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

PgoutputMessage parsed(std::string payload, bool in_stream = false) {
  static std::deque<std::string> kept;  // the message points into it
  kept.push_back(std::move(payload));
  PgoutputMessage message;
  const auto done = parse_pgoutput(kept.back(), in_stream, message);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().describe());
  return message;
}

TEST(PgoutputMessage, begin_and_commit_tell_the_place_of_the_commit_record) {
  const auto begin = parsed(Payload('B').u64(0x1B374D848).u64(0).u32(731).bytes);
  EXPECT_EQ(begin.kind, PgoutputKind::kBegin);
  EXPECT_EQ(begin.commit.text(), "1/B374D848");
  EXPECT_EQ(begin.commit_time_us, 946'684'800'000'000);
  EXPECT_EQ(begin.xid, 731u);
  const auto commit = parsed(Payload('C').u8(0).u64(8).u64(48).u64(1'000'000).bytes);
  EXPECT_EQ(commit.commit.value, 8u);
  EXPECT_EQ(commit.end.value, 48u);
  EXPECT_EQ(commit.commit_time_us, 946'684'801'000'000);
}

TEST(PgoutputMessage, a_relation_has_names_of_any_letters) {
  const auto message = parsed(Payload('R')
                                  .u32(5)
                                  .text("café")
                                  .text("表")
                                  .u8('f')
                                  .u16(2)
                                  .u8(1)
                                  .text("ключ")
                                  .u32(23)
                                  .u32(~0U)
                                  .u8(0)
                                  .text("v")
                                  .u32(1043)
                                  .u32(24)
                                  .bytes);
  EXPECT_EQ(message.shape.id.text(), "café.表");
  EXPECT_EQ(message.shape.identity, 'f');
  EXPECT_THAT(message.shape.columns,
              ElementsAre(PgoutputColumn{true, "ключ", 23, -1}, PgoutputColumn{false, "v", 1043, 24}));
  EXPECT_EQ(parsed(Payload('R').u32(5).text("").text("t").u8('d').u16(0).bytes).shape.id.schema, "pg_catalog");
}

TEST(PgoutputMessage, rows_have_nulls_texts_and_values_that_did_not_change) {
  const auto update = parsed(Payload('U')
                                 .u32(5)
                                 .u8('K')
                                 .row({Field::of("1"), Field::null()})
                                 .u8('N')
                                 .row({Field::of("2"), Field::same()})
                                 .bytes);
  EXPECT_EQ(update.relation, 5u);
  EXPECT_EQ(update.old_kind, 'K');
  EXPECT_EQ(update.old_row[0].text, "1");
  EXPECT_EQ(update.old_row[1].kind, PgoutputValue::kNull);
  EXPECT_EQ(update.new_row[0].text, "2");
  EXPECT_EQ(update.new_row[1].kind, PgoutputValue::kUnchanged);
  const auto erase = parsed(Payload('D').u32(5).u8('O').row({Field::of(""), Field::of("x")}).bytes);
  EXPECT_EQ(erase.old_kind, 'O');
  EXPECT_EQ(erase.old_row[0].kind, PgoutputValue::kText);
  EXPECT_TRUE(erase.new_row.empty());
  EXPECT_EQ(parsed(Payload('I').u32(9).u8('N').row({Field::of("a")}).bytes).new_row[0].text, "a");
}

TEST(PgoutputMessage, changes_in_a_stream_begin_with_their_transaction) {
  const auto insert = parsed(Payload('I').u32(77).u32(9).u8('N').row({Field::of("a")}).bytes, true);
  EXPECT_EQ(insert.xid, 77u);
  EXPECT_EQ(insert.relation, 9u);
  const auto truncate = parsed(Payload('T').u32(77).u32(2).u8(1).u32(9).u32(10).bytes, true);
  EXPECT_THAT(truncate.truncated, ElementsAre(9u, 10u));
  const auto head = parse_pgoutput_head(Payload('D').u32(77).u32(9).u8('K').bytes, true);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->xid, 77u);
  EXPECT_EQ(head->relation, 9u);
  EXPECT_EQ(parsed(Payload('S').u32(77).u8(1).bytes).xid, 77u);
  EXPECT_EQ(parsed(Payload('E').bytes).kind, PgoutputKind::kStreamStop);
  const auto commit = parsed(Payload('c').u32(77).u8(0).u64(8).u64(48).u64(0).bytes);
  EXPECT_EQ(commit.xid, 77u);
  EXPECT_EQ(commit.end.value, 48u);
  EXPECT_EQ(parsed(Payload('A').u32(77).u32(78).bytes).aborted_xid, 78u);
  EXPECT_EQ(parsed(Payload('A').u32(77).u32(78).u64(1).u64(2).bytes).aborted_xid, 78u);  // version 4
}

TEST(PgoutputMessage, every_shortened_message_is_damaged_and_never_read_past_its_end) {
  const std::vector<std::string> whole = {
      Payload('B').u64(1).u64(0).u32(7).bytes,
      Payload('C').u8(0).u64(8).u64(48).u64(0).bytes,
      Payload('R').u32(5).text("s").text("t").u8('d').u16(1).u8(1).text("id").u32(23).u32(~0U).bytes,
      Payload('U').u32(5).u8('O').row({Field::of("1")}).u8('N').row({Field::of("2")}).bytes,
      Payload('D').u32(5).u8('K').row({Field::of("1")}).bytes,
      Payload('T').u32(1).u8(0).u32(5).bytes,
      Payload('c').u32(7).u8(0).u64(8).u64(48).u64(0).bytes,
  };
  PgoutputMessage message;
  for (const std::string& payload : whole) {
    for (size_t size = 0; size < payload.size(); ++size) {
      const std::string cut(payload.substr(0, size));
      const auto done = parse_pgoutput(cut, false, message);
      ASSERT_FALSE(done.has_value()) << payload[0] << " of " << size;
      EXPECT_EQ(done.error().code(), ErrorCode::kCorrupt);
    }
    EXPECT_FALSE(parse_pgoutput(payload + "x", false, message).has_value()) << payload[0];
    EXPECT_TRUE(parse_pgoutput(payload, false, message).has_value()) << payload[0];
  }
}

TEST(PgoutputMessage, an_unknown_kind_stops_and_is_named) {
  PgoutputMessage message;
  for (const char kind : {'b', 'P', 'K', 'r', 'p', 'Z', '\x01'}) {
    const auto done = parse_pgoutput(std::string(1, kind) + "abc", false, message);
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code(), ErrorCode::kUnsupported);
  }
  EXPECT_THAT(parse_pgoutput("Zabc", false, message).error().message(), HasSubstr("'Z' (0x5a)"));
}

TEST(PgoutputMessage, logical_messages_are_read) {
  std::string payload = "M";
  payload += '\1';                                 // transactional
  payload += std::string("\0\0\0\0\0\0\1\20", 8);  // where it stands
  payload += std::string("audit\0\0\0\0\2hi", 12);
  PgoutputMessage message;
  ASSERT_TRUE(parse_pgoutput(payload, false, message).has_value());
  EXPECT_TRUE(message.transactional);
  EXPECT_EQ(message.commit.value, 0x110u);
  EXPECT_EQ(message.prefix, "audit");
  EXPECT_EQ(message.content, "hi");
  EXPECT_FALSE(parse_pgoutput(payload + "x", false, message).has_value());
  payload.pop_back();
  EXPECT_FALSE(parse_pgoutput(payload, false, message).has_value());
}

}  // namespace
}  // namespace sluice
