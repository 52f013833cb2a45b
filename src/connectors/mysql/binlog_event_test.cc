// SPDX-License-Identifier: Apache-2.0
// The bytes are events of MariaDB 10.11.19 and MySQL 9.7.4, read from their log files (19 bytes of header, body,
// CRC32).
#include "connectors/mysql/binlog_event.h"

#include <gtest/gtest.h>

#include "connectors/mysql/binlog_test_data.h"

namespace sluice::mysql {
namespace {

BinlogFormat checked_format() {
  BinlogFormat format;
  format.checksum = true;
  return format;
}

Event event_of(const std::vector<uint8_t>& bytes, const BinlogFormat& format = checked_format()) {
  auto event = parse_event(bytes, format);
  EXPECT_TRUE(event) << (event ? "" : event.error().describe());
  return *event;
}

TEST(BinlogEventTest, reads_the_description_of_both_servers) {
  auto bytes = from_hex(kMariadbDescription);
  BinlogFormat maria = parse_format_description(event_of(bytes, {})).value();
  EXPECT_EQ(maria.server_version, "10.11.19-MariaDB-0+deb12u1-log");
  EXPECT_TRUE(maria.mariadb && maria.checksum);
  EXPECT_EQ(maria.post_header_lengths[19], 8);
  bytes = from_hex(kMysqlDescription);
  BinlogFormat mysql = parse_format_description(event_of(bytes, {})).value();
  EXPECT_EQ(mysql.server_version, "9.7.4-2");
  EXPECT_FALSE(mysql.mariadb);
}

TEST(BinlogEventTest, notices_a_flipped_bit_unless_told_not_to) {
  auto bytes = from_hex(kMysqlQuery);
  bytes[40] ^= 1;
  auto event = parse_event(bytes, checked_format());
  ASSERT_FALSE(event);
  EXPECT_EQ(event.error().code(), ErrorCode::kCorrupt);
  EXPECT_TRUE(parse_event(bytes, checked_format(), false));
}

TEST(BinlogEventTest, reads_a_query_with_its_status_variables) {
  auto bytes = from_hex(kMysqlQuery);
  QueryEvent query = parse_query(event_of(bytes), {}).value();
  EXPECT_EQ(query.sql, "BEGIN");
  EXPECT_EQ(query.database, "fx");
  EXPECT_EQ(query.client_collation, 45);
  EXPECT_FALSE(query.ansi_quotes());
}

TEST(BinlogEventTest, reads_gtids_plain_and_tagged) {
  auto bytes = from_hex(kMysqlGtid);
  GtidEvent gtid = parse_gtid(event_of(bytes)).value();
  EXPECT_EQ(gtid.gtid.text(), "51e8dae1-e5ed-11f1-a70b-02fc00000001:56");
  EXPECT_EQ(gtid.sequence_number, 1);
  EXPECT_EQ(gtid.transaction_length, 79u + 81 + 97 + 63 + 31);
  bytes = from_hex(kMysqlTaggedGtid);
  gtid = parse_gtid(event_of(bytes)).value();
  EXPECT_EQ(gtid.gtid.text(), "51e8dae1-e5ed-11f1-a70b-02fc00000001:blue:1");
  EXPECT_GT(gtid.immediate_commit_us, 1'700'000'000'000'000u);
  bytes = from_hex(kMysqlPreviousGtids);
  EXPECT_EQ(parse_previous_gtids(event_of(bytes)).value().text(), "51e8dae1-e5ed-11f1-a70b-02fc00000001:1-55:blue:1-9");
  bytes = from_hex(kMariadbGtid);
  MariadbGtidEvent maria = parse_mariadb_gtid(event_of(bytes)).value();
  EXPECT_EQ(maria.gtid.text(), "0-12-83");
  EXPECT_FALSE(maria.standalone());
  bytes = from_hex(kMariadbGtidList);
  EXPECT_EQ(parse_mariadb_gtid_list(event_of(bytes)).value(), std::vector<MariadbGtid>({{0, 12, 82}}));
}

TEST(BinlogEventTest, unpacks_a_compressed_transaction) {
  auto bytes = from_hex(kMysqlPayload);
  auto reader = PayloadReader::open(event_of(bytes)).value();
  std::vector<EventType> types;
  Event inner;
  for (;;) {
    auto more = reader->next(inner);
    ASSERT_TRUE(more) << more.error().describe();
    if (!*more) break;
    types.push_back(inner.header.type);
  }
  EXPECT_EQ(types, (std::vector<EventType>{EventType::kQuery, EventType::kTableMap, EventType::kWriteRowsV2,
                                           EventType::kXid}));
}

TEST(BinlogEventTest, survives_every_cut_of_a_compressed_transaction) {
  auto bytes = from_hex(kMysqlPayload);
  Event whole = event_of(bytes);
  for (size_t size = 0; size < whole.body.size(); ++size) {
    Event cut = whole;
    cut.body = whole.body.first(size);
    auto reader = PayloadReader::open(cut);
    if (!reader) continue;
    Event inner;
    int events = 0;
    Result<bool> more = true;
    while ((more = (*reader)->next(inner)) && *more) ++events;
    EXPECT_FALSE(more && events == 4) << size;
  }
}

TEST(BinlogEventTest, expands_mariadbs_compressed_query) {
  auto bytes = from_hex(kMariadbCompressedQuery);
  std::vector<uint8_t> buffer;
  Event plain = expand_compressed(event_of(bytes, {}), {}, buffer).value();
  EXPECT_EQ(plain.header.type, EventType::kQuery);
  QueryEvent query = parse_query(plain, {}).value();
  EXPECT_EQ(query.database, "ty");
  EXPECT_EQ(query.sql.substr(0, 18), "create table nums ");
}

TEST(BinlogEventTest, stops_at_unknown_events_that_are_not_ignorable) {
  EventHeader header;
  header.type = static_cast<EventType>(99);
  EXPECT_EQ(event_use(header), EventUse::kUnknown);
  header.flags = EventHeader::kIgnorable;
  EXPECT_EQ(event_use(header), EventUse::kHarmless);
  header.flags = 0;
  header.type = EventType::kMariadbStartEncryption;
  EXPECT_EQ(event_use(header), EventUse::kUnknown);
  header.type = EventType::kPartialUpdateRows;
  EXPECT_EQ(event_use(header), EventUse::kUsed);
  EXPECT_EQ(event_type_name(static_cast<EventType>(99)), "event type 99");
}

TEST(BinlogEventTest, reads_both_heartbeats) {
  Event event;
  event.header.type = EventType::kHeartbeat;
  event.header.next_position = 4711;
  event.body = as_bytes("mysql-bin.000003");
  EXPECT_EQ(parse_heartbeat(event).value().position, 4711u);
  event.header.type = EventType::kHeartbeatV2;
  std::string body(
      "\x01\x05"
      "bin.1"
      "\x02\x03\xfc\x34\x12"
      "\x00",
      13);
  event.body = as_bytes(body);
  HeartbeatEvent heartbeat = parse_heartbeat(event).value();
  EXPECT_EQ(heartbeat.file, "bin.1");
  EXPECT_EQ(heartbeat.position, 0x1234u);
}

TEST(BinlogEventTest, takes_the_checksum_off_an_artificial_rotate) {
  // Made up by the server at the start of a dump: with or without checksum, before any description.
  auto body = from_hex("04000000000000006d6273696e2e303030303031");
  std::vector<uint8_t> bytes(19);
  bytes[4] = 4;
  bytes[9] = static_cast<uint8_t>(19 + body.size());
  bytes[17] = 0x20;
  bytes.insert(bytes.end(), body.begin(), body.end());
  EXPECT_EQ(parse_rotate(event_of(bytes, {})).value().file, "mbsin.000001");
  EXPECT_EQ(parse_rotate(event_of(bytes)).value().file, "mbsin.000001");
}

}  // namespace
}  // namespace sluice::mysql
