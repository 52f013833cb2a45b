// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_event.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

namespace sluice::mysql {
namespace {

constexpr size_t kChecksumSize = 4;
constexpr uint16_t kInUse = 0x1;  // set in a file that is being written; not part of the checksum

struct EventName {
  EventType type;
  std::string_view name;
  EventUse use;
};
constexpr EventName kEventNames[] = {
    {EventType::kStartV3, "START_EVENT_V3", EventUse::kUnknown},
    {EventType::kQuery, "QUERY_EVENT", EventUse::kUsed},
    {EventType::kStop, "STOP_EVENT", EventUse::kHarmless},
    {EventType::kRotate, "ROTATE_EVENT", EventUse::kUsed},
    // The values a statement uses. The statement itself, logged as text, is what the reader must notice.
    {EventType::kIntvar, "INTVAR_EVENT", EventUse::kHarmless},
    {EventType::kRand, "RAND_EVENT", EventUse::kHarmless},
    {EventType::kUserVar, "USER_VAR_EVENT", EventUse::kHarmless},
    {EventType::kLoad, "LOAD_EVENT", EventUse::kUnknown},
    {EventType::kSlave, "SLAVE_EVENT", EventUse::kUnknown},
    {EventType::kCreateFile, "CREATE_FILE_EVENT", EventUse::kUnknown},
    {EventType::kAppendBlock, "APPEND_BLOCK_EVENT", EventUse::kUnknown},
    {EventType::kExecLoad, "EXEC_LOAD_EVENT", EventUse::kUnknown},
    {EventType::kDeleteFile, "DELETE_FILE_EVENT", EventUse::kUnknown},
    {EventType::kNewLoad, "NEW_LOAD_EVENT", EventUse::kUnknown},
    {EventType::kFormatDescription, "FORMAT_DESCRIPTION_EVENT", EventUse::kUsed},
    {EventType::kXid, "XID_EVENT", EventUse::kUsed},
    {EventType::kBeginLoadQuery, "BEGIN_LOAD_QUERY_EVENT", EventUse::kUnknown},
    {EventType::kExecuteLoadQuery, "EXECUTE_LOAD_QUERY_EVENT", EventUse::kUnknown},
    {EventType::kTableMap, "TABLE_MAP_EVENT", EventUse::kUsed},
    {EventType::kWriteRowsV0, "WRITE_ROWS_EVENT_V0", EventUse::kUsed},
    {EventType::kUpdateRowsV0, "UPDATE_ROWS_EVENT_V0", EventUse::kUsed},
    {EventType::kDeleteRowsV0, "DELETE_ROWS_EVENT_V0", EventUse::kUsed},
    {EventType::kWriteRowsV1, "WRITE_ROWS_EVENT_V1", EventUse::kUsed},
    {EventType::kUpdateRowsV1, "UPDATE_ROWS_EVENT_V1", EventUse::kUsed},
    {EventType::kDeleteRowsV1, "DELETE_ROWS_EVENT_V1", EventUse::kUsed},
    {EventType::kIncident, "INCIDENT_EVENT", EventUse::kUsed},
    {EventType::kHeartbeat, "HEARTBEAT_LOG_EVENT", EventUse::kUsed},
    {EventType::kIgnorable, "IGNORABLE_LOG_EVENT", EventUse::kHarmless},
    {EventType::kRowsQuery, "ROWS_QUERY_LOG_EVENT", EventUse::kHarmless},
    {EventType::kWriteRowsV2, "WRITE_ROWS_EVENT", EventUse::kUsed},
    {EventType::kUpdateRowsV2, "UPDATE_ROWS_EVENT", EventUse::kUsed},
    {EventType::kDeleteRowsV2, "DELETE_ROWS_EVENT", EventUse::kUsed},
    {EventType::kGtid, "GTID_LOG_EVENT", EventUse::kUsed},
    {EventType::kAnonymousGtid, "ANONYMOUS_GTID_LOG_EVENT", EventUse::kUsed},
    {EventType::kPreviousGtids, "PREVIOUS_GTIDS_LOG_EVENT", EventUse::kUsed},
    {EventType::kTransactionContext, "TRANSACTION_CONTEXT_EVENT", EventUse::kHarmless},
    {EventType::kViewChange, "VIEW_CHANGE_EVENT", EventUse::kHarmless},
    {EventType::kXaPrepare, "XA_PREPARE_LOG_EVENT", EventUse::kUsed},
    {EventType::kPartialUpdateRows, "PARTIAL_UPDATE_ROWS_EVENT", EventUse::kUsed},
    {EventType::kTransactionPayload, "TRANSACTION_PAYLOAD_EVENT", EventUse::kUsed},
    {EventType::kHeartbeatV2, "HEARTBEAT_LOG_EVENT_V2", EventUse::kUsed},
    {EventType::kGtidTagged, "GTID_TAGGED_LOG_EVENT", EventUse::kUsed},
    {EventType::kMariadbAnnotateRows, "ANNOTATE_ROWS_EVENT", EventUse::kHarmless},
    {EventType::kMariadbBinlogCheckpoint, "BINLOG_CHECKPOINT_EVENT", EventUse::kHarmless},
    {EventType::kMariadbGtid, "GTID_EVENT", EventUse::kUsed},
    {EventType::kMariadbGtidList, "GTID_LIST_EVENT", EventUse::kUsed},
    {EventType::kMariadbStartEncryption, "START_ENCRYPTION_EVENT", EventUse::kUnknown},
    {EventType::kMariadbQueryCompressed, "QUERY_COMPRESSED_EVENT", EventUse::kUsed},
    {EventType::kMariadbWriteRowsCompressedV1, "WRITE_ROWS_COMPRESSED_EVENT_V1", EventUse::kUsed},
    {EventType::kMariadbUpdateRowsCompressedV1, "UPDATE_ROWS_COMPRESSED_EVENT_V1", EventUse::kUsed},
    {EventType::kMariadbDeleteRowsCompressedV1, "DELETE_ROWS_COMPRESSED_EVENT_V1", EventUse::kUsed},
    {EventType::kMariadbWriteRowsCompressed, "WRITE_ROWS_COMPRESSED_EVENT", EventUse::kUsed},
    {EventType::kMariadbUpdateRowsCompressed, "UPDATE_ROWS_COMPRESSED_EVENT", EventUse::kUsed},
    {EventType::kMariadbDeleteRowsCompressed, "DELETE_ROWS_COMPRESSED_EVENT", EventUse::kUsed},
};

const EventName* find_event(EventType type) {
  for (const EventName& entry : kEventNames) {
    if (entry.type == type) return &entry;
  }
  return nullptr;
}

Error damaged(const Event& event, size_t offset) {
  return Error(ErrorCode::kCorrupt,
               fmt::format("decoding {} that ends at log position {}: damaged at byte {} of its {}",
                           event_type_name(event.header.type), event.header.next_position, offset, event.body.size()));
}

uint32_t checksum_of(Bytes bytes) { return static_cast<uint32_t>(crc32_z(0, bytes.data(), bytes.size())); }

bool checksum_matches(Bytes bytes, const EventHeader& header) {
  Bytes content = bytes.first(bytes.size() - kChecksumSize);
  auto expected = static_cast<uint32_t>(load_little_endian<4>(content.data() + content.size()));
  if (header.type != EventType::kFormatDescription || (header.flags & kInUse) == 0) {
    return checksum_of(content) == expected;
  }
  // The flag is cleared in the file when it is closed, without a new checksum.
  std::vector<uint8_t> copy(content.begin(), content.end());
  copy[17] = static_cast<uint8_t>(copy[17] & ~kInUse);
  return checksum_of(copy) == expected;
}

std::string xid_text(std::string_view global, std::string_view branch, uint32_t format) {
  auto hex = [](std::string_view bytes) {
    std::string text;
    for (char c : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(c));
    return text;
  };
  return fmt::format("X'{}',X'{}',{}", hex(global), hex(branch), format);
}

// Numbers of MySQL's serialization library: the count of trailing one bits of the first byte is the count of further
// bytes; the value follows the first zero bit.
uint64_t serialized_unsigned(ByteReader& reader) {
  uint8_t first = reader.u8();
  int more = 0;
  while (more < 8 && (first >> more & 1) != 0) ++more;
  Bytes rest = reader.bytes(static_cast<uint64_t>(more));
  if (reader.failed()) return 0;
  uint64_t high = 0;
  for (int i = more - 1; i >= 0; --i) high = high << 8 | rest[static_cast<size_t>(i)];
  if (more == 8) return high;
  uint64_t low = static_cast<uint64_t>(first) >> (more + 1);
  return more == 7 ? high : high << (7 - more) | low;
}

int64_t serialized_signed(ByteReader& reader) {
  uint64_t value = serialized_unsigned(reader);
  return static_cast<int64_t>(value >> 1 ^ (0 - (value & 1)));
}

Result<GtidEvent> parse_tagged_gtid(const Event& event) {
  ByteReader reader(event.body);
  GtidEvent gtid;
  serialized_unsigned(reader);  // version of the library's format
  uint64_t size = serialized_unsigned(reader);
  if (reader.failed() || size > event.body.size()) return damaged(event, reader.offset());
  serialized_unsigned(reader);  // last field that a reader must know; all below are known
  while (!reader.failed() && reader.offset() < size) {
    uint64_t field = serialized_unsigned(reader);
    switch (field) {
      case 0: serialized_unsigned(reader); break;  // flags
      case 1:
        for (uint8_t& byte : gtid.gtid.source.uuid) byte = static_cast<uint8_t>(serialized_unsigned(reader));
        break;
      case 2: gtid.gtid.number = static_cast<uint64_t>(serialized_signed(reader)); break;
      case 3: gtid.gtid.source.tag = reader.text(serialized_unsigned(reader)); break;
      case 4: gtid.last_committed = serialized_signed(reader); break;
      case 5: gtid.sequence_number = serialized_signed(reader); break;
      case 6: gtid.immediate_commit_us = serialized_unsigned(reader); break;
      case 7: gtid.original_commit_us = serialized_unsigned(reader); break;
      case 8: gtid.transaction_length = serialized_unsigned(reader); break;
      case 9:  // server versions
      case 10:
      case 11:
        serialized_unsigned(reader);
        break;  // commit group
      // A later field: its form is not known, and the library says that it may be ignored.
      default: size = 0; break;
    }
  }
  if (reader.failed() || gtid.gtid.number == 0 || gtid.gtid.source.tag.size() > 32) {
    return damaged(event, reader.offset());
  }
  if (gtid.original_commit_us == 0) gtid.original_commit_us = gtid.immediate_commit_us;
  return gtid;
}

// One status variable of a QUERY event; false if it is not known and so the rest cannot be read either.
bool read_status_variable(ByteReader& reader, QueryEvent& query) {
  switch (reader.u8()) {
    case 0: reader.skip(4); return true;  // flags2
    case 1: query.sql_mode = reader.u64(); return true;
    case 2: reader.skip(reader.u8() + uint64_t{1}); return true;  // catalog with a zero byte
    case 3: reader.skip(4); return true;                          // auto_increment
    case 4:
      query.client_collation = reader.u16();
      reader.skip(2);
      query.server_collation = reader.u16();
      return true;
    case 5:                                         // time zone
    case 6: reader.skip(reader.u8()); return true;  // catalog
    case 7: reader.skip(2); return true;            // lc_time_names
    case 8: query.database_collation = reader.u16(); return true;
    case 9: reader.skip(8); return true;   // tables updated
    case 10: reader.skip(4); return true;  // length at the first source
    case 11:                               // invoker: user, host
      reader.skip(reader.u8());
      reader.skip(reader.u8());
      return true;
    case 12: {  // databases
      uint8_t count = reader.u8();
      for (uint8_t i = 0; count != 254 && i < count && !reader.failed(); ++i) {
        while (!reader.failed() && reader.u8() != 0) continue;
      }
      return true;
    }
    case 13: reader.skip(3); return true;   // microseconds
    case 16: reader.skip(1); return true;   // explicit_defaults_for_timestamp
    case 17: reader.skip(8); return true;   // XID of a DDL
    case 18: reader.skip(2); return true;   // default collation of utf8mb4
    case 19:                                // sql_require_primary_key
    case 20: reader.skip(1); return true;   // default_table_encryption
    case 128: reader.skip(3); return true;  // MariaDB: microseconds
    case 129: reader.skip(8); return true;  // MariaDB: XID of a DDL
    default: return false;
  }
}

size_t post_header_length(const BinlogFormat& format, EventType type, size_t usual) {
  uint8_t told = format.post_header_lengths[static_cast<uint8_t>(type)];
  return told == 0 ? usual : told;
}

// Offset of the part that MariaDB compresses: SQL of a query, the rows behind the column bitmaps. 0 if damaged.
size_t compressed_offset(const Event& event, const BinlogFormat& format, EventType plain) {
  ByteReader reader(event.body);
  if (plain == EventType::kQuery) {
    reader.skip(8);
    uint8_t database_length = reader.u8();
    reader.skip(2);
    uint16_t status_length = reader.u16();
    reader.skip(post_header_length(format, EventType::kQuery, 13) - 13);
    reader.skip(uint64_t{status_length} + database_length + 1);
  } else {
    bool v2 = static_cast<uint8_t>(plain) >= static_cast<uint8_t>(EventType::kWriteRowsV2);
    reader.skip(post_header_length(format, plain, v2 ? 10 : 8) - (v2 ? 2 : 0));
    if (v2) {
      uint16_t extra = reader.u16();
      if (extra < 2) return 0;
      reader.skip(extra - 2u);
    }
    uint64_t columns = reader.packed();
    bool update = plain == EventType::kUpdateRowsV1 || plain == EventType::kUpdateRowsV2;
    if (columns > 4096) return 0;
    reader.skip((columns + 7) / 8 * (update ? 2 : 1));
  }
  return reader.failed() ? 0 : reader.offset();
}

EventType plain_type(EventType type) {
  auto number = static_cast<uint8_t>(type);
  if (type == EventType::kMariadbQueryCompressed) return EventType::kQuery;
  if (number >= 166 && number <= 168) return static_cast<EventType>(number - 166 + 23);
  if (number >= 169 && number <= 171) return static_cast<EventType>(number - 169 + 30);
  return type;
}

}  // namespace

std::string event_type_name(EventType type) {
  const EventName* entry = find_event(type);
  return entry != nullptr ? std::string(entry->name) : fmt::format("event type {}", static_cast<uint8_t>(type));
}

EventUse event_use(const EventHeader& header) {
  const EventName* entry = find_event(header.type);
  EventUse use = entry != nullptr ? entry->use : EventUse::kUnknown;
  if (use == EventUse::kUnknown && (header.flags & EventHeader::kIgnorable) != 0) return EventUse::kHarmless;
  return use;
}

Result<Event> parse_event(Bytes bytes, const BinlogFormat& format, bool verify_checksum) {
  if (bytes.size() < kEventHeaderSize) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("decoding a log event: {} bytes are not even its header", bytes.size()));
  }
  ByteReader reader(bytes);
  Event event;
  EventHeader& header = event.header;
  header.timestamp = reader.u32();
  header.type = static_cast<EventType>(reader.u8());
  header.server_id = reader.u32();
  header.size = reader.u32();
  header.next_position = reader.u32();
  header.flags = reader.u16();
  event.body = reader.rest();
  if (header.size != bytes.size()) {
    return Error(ErrorCode::kCorrupt,
                 fmt::format("decoding {} that ends at log position {}: it says {} bytes and has {}",
                             event_type_name(header.type), header.next_position, header.size, bytes.size()));
  }
  bool checksum = format.checksum;
  bool verify = verify_checksum;
  if (header.type == EventType::kFormatDescription) {
    // Always has room for one; its own algorithm byte in front says whether it counts.
    checksum = true;
    verify = verify && bytes.size() > kEventHeaderSize + kChecksumSize && bytes[bytes.size() - kChecksumSize - 1] == 1;
  } else if (header.type == EventType::kRotate && header.artificial()) {
    // Made up by the server in front of the description that would tell.
    checksum = event.body.size() > kChecksumSize && checksum_matches(bytes, header);
    verify = false;
  }
  if (!checksum) return event;
  if (event.body.size() < kChecksumSize) return damaged(event, 0);
  if (verify && !checksum_matches(bytes, header)) {
    return Error(
        ErrorCode::kCorrupt,
        fmt::format("decoding {} that ends at log position {}: its checksum does not match",
                    event_type_name(header.type), header.next_position),
        "Check the source's disk and network; SHOW BINLOG EVENTS on the source tells whether its file is damaged.");
  }
  event.body = event.body.first(event.body.size() - kChecksumSize);
  return event;
}

Result<BinlogFormat> parse_format_description(const Event& event) {
  ByteReader reader(event.body);
  uint16_t version = reader.u16();
  std::string_view server = reader.text(50);
  reader.skip(4);
  uint8_t header_size = reader.u8();
  Bytes rest = reader.rest();
  if (reader.failed() || rest.empty()) return damaged(event, reader.offset());
  BinlogFormat format;
  format.server_version = server.substr(0, server.find('\0'));
  if (version != 4 || header_size != kEventHeaderSize) {
    return Error(ErrorCode::kUnsupported,
                 fmt::format("reading the log of server {}: log format {} with headers of {} bytes is not known",
                             format.server_version, version, header_size));
  }
  format.mariadb = format.server_version.find("MariaDB") != std::string::npos;
  Bytes lengths = rest.first(rest.size() - 1);
  for (size_t i = 0; i < lengths.size() && i < 255; ++i) format.post_header_lengths[i + 1] = lengths[i];
  switch (rest.back()) {
    case 0: break;
    case 1: format.checksum = true; break;
    default:
      return Error(ErrorCode::kUnsupported,
                   fmt::format("reading the log of server {}: checksum algorithm {} is not known",
                               format.server_version, rest.back()));
  }
  return format;
}

Result<RotateEvent> parse_rotate(const Event& event) {
  ByteReader reader(event.body);
  RotateEvent rotate;
  rotate.position = reader.u64();
  rotate.file = as_text(reader.rest());
  if (reader.failed() || rotate.file.empty()) return damaged(event, reader.offset());
  return rotate;
}

Result<QueryEvent> parse_query(const Event& event, const BinlogFormat& format) {
  ByteReader reader(event.body);
  QueryEvent query;
  query.thread_id = reader.u32();
  reader.skip(4);
  uint8_t database_length = reader.u8();
  query.error_code = reader.u16();
  uint16_t status_length = reader.u16();
  reader.skip(std::max<size_t>(post_header_length(format, EventType::kQuery, 13), 13) - 13);
  ByteReader status(reader.bytes(status_length));
  while (!status.at_end() && read_status_variable(status, query)) continue;
  query.database = reader.text(database_length);
  if (reader.u8() != 0 || reader.failed() || status.failed()) return damaged(event, reader.offset());
  query.sql = as_text(reader.rest());
  return query;
}

Result<GtidEvent> parse_gtid(const Event& event) {
  if (event.header.type == EventType::kGtidTagged) return parse_tagged_gtid(event);
  ByteReader reader(event.body);
  GtidEvent gtid;
  gtid.anonymous = event.header.type == EventType::kAnonymousGtid;
  reader.skip(1);
  Bytes uuid = reader.bytes(gtid.gtid.source.uuid.size());
  std::copy(uuid.begin(), uuid.end(), gtid.gtid.source.uuid.begin());
  gtid.gtid.number = reader.u64();
  if (reader.failed() || (!gtid.anonymous && gtid.gtid.number == 0)) return damaged(event, reader.offset());
  if (reader.at_end() || reader.u8() != 2) return gtid;
  gtid.last_committed = static_cast<int64_t>(reader.u64());
  gtid.sequence_number = static_cast<int64_t>(reader.u64());
  if (reader.failed()) return damaged(event, reader.offset());
  if (reader.left() < 7) return gtid;
  constexpr uint64_t kHasOriginal = uint64_t{1} << 55;
  auto timestamp = [&reader] {
    uint64_t low = reader.u48();
    return low | static_cast<uint64_t>(reader.u8()) << 48;
  };
  uint64_t immediate = timestamp();
  gtid.immediate_commit_us = immediate & ~kHasOriginal;
  gtid.original_commit_us = (immediate & kHasOriginal) != 0 ? timestamp() : gtid.immediate_commit_us;
  if (!reader.at_end()) gtid.transaction_length = reader.packed();
  if (reader.failed()) return damaged(event, reader.offset());
  return gtid;
}

Result<GtidSet> parse_previous_gtids(const Event& event) { return GtidSet::decode(event.body); }

Result<MariadbGtidEvent> parse_mariadb_gtid(const Event& event) {
  ByteReader reader(event.body);
  MariadbGtidEvent gtid;
  gtid.gtid.server = event.header.server_id;
  gtid.gtid.sequence = reader.u64();
  gtid.gtid.domain = reader.u32();
  gtid.flags = reader.u8();
  if (reader.failed()) return damaged(event, reader.offset());
  constexpr uint8_t kGroupCommitId = 0x02;
  if ((gtid.flags & kGroupCommitId) != 0) reader.skip(8);
  if (gtid.prepared_xa() || gtid.completed_xa()) {
    uint32_t format = reader.u32();
    uint8_t global = reader.u8();
    uint8_t branch = reader.u8();
    std::string_view data = reader.text(uint64_t{global} + branch);
    if (!reader.failed()) gtid.xid = xid_text(data.substr(0, global), data.substr(global), format);
  }
  if (!reader.failed() && !reader.at_end()) gtid.more_flags = reader.u8();
  if (reader.failed()) return damaged(event, reader.offset());
  return gtid;
}

Result<std::vector<MariadbGtid>> parse_mariadb_gtid_list(const Event& event) {
  ByteReader reader(event.body);
  uint32_t count = reader.u32() & 0x0fffffff;
  std::vector<MariadbGtid> list;
  if (reader.failed() || reader.left() / 16 < count) return damaged(event, reader.offset());
  for (uint32_t i = 0; i < count; ++i) {
    MariadbGtid gtid;
    gtid.domain = reader.u32();
    gtid.server = reader.u32();
    gtid.sequence = reader.u64();
    list.push_back(gtid);
  }
  return list;
}

Result<uint64_t> parse_xid(const Event& event) {
  ByteReader reader(event.body);
  uint64_t xid = reader.u64();
  if (reader.failed()) return damaged(event, reader.offset());
  return xid;
}

Result<XaPrepareEvent> parse_xa_prepare(const Event& event) {
  ByteReader reader(event.body);
  XaPrepareEvent prepare;
  prepare.one_phase = reader.u8() != 0;
  uint32_t format = reader.u32();
  uint32_t global = reader.u32();
  uint32_t branch = reader.u32();
  std::string_view data = reader.text(uint64_t{global} + branch);
  if (reader.failed()) return damaged(event, reader.offset());
  prepare.xid = xid_text(data.substr(0, global), data.substr(global), format);
  return prepare;
}

Result<std::string_view> parse_rows_query(const Event& event) {
  ByteReader reader(event.body);
  // MySQL puts a length byte in front, which is cut off at 255 and therefore of no use.
  if (event.header.type == EventType::kRowsQuery) reader.skip(1);
  if (reader.failed()) return damaged(event, reader.offset());
  return as_text(reader.rest());
}

Result<IncidentEvent> parse_incident(const Event& event) {
  ByteReader reader(event.body);
  IncidentEvent incident;
  incident.number = reader.u16();
  incident.message = reader.text(reader.u8());
  if (reader.failed()) return damaged(event, reader.offset());
  return incident;
}

Result<HeartbeatEvent> parse_heartbeat(const Event& event) {
  HeartbeatEvent heartbeat;
  if (event.header.type == EventType::kHeartbeat) {
    heartbeat.file = as_text(event.body);
    heartbeat.position = event.header.next_position;
    return heartbeat;
  }
  ByteReader reader(event.body);
  while (!reader.at_end()) {
    uint64_t field = reader.packed();
    if (field == 0) break;
    ByteReader value(reader.bytes(reader.packed()));
    if (field == 1) heartbeat.file = as_text(value.rest());
    if (field == 2) heartbeat.position = value.packed();
    if (value.failed()) return damaged(event, reader.offset());
  }
  if (reader.failed() || heartbeat.file.empty()) return damaged(event, reader.offset());
  return heartbeat;
}

Result<Event> expand_compressed(const Event& event, const BinlogFormat& format, std::vector<uint8_t>& buffer) {
  EventType plain = plain_type(event.header.type);
  if (plain == event.header.type) return event;
  size_t offset = compressed_offset(event, format, plain);
  if (offset == 0) return damaged(event, 0);
  ByteReader reader(event.body.subspan(offset));
  uint8_t head = reader.u8();
  if ((head & 0xe0) != 0x80) return damaged(event, offset);  // the only algorithm is 0, zlib
  uint64_t size = 0;
  for (Bytes length = reader.bytes(head & 7); uint8_t byte : length) size = size << 8 | byte;
  // zlib shrinks to a thousandth at best; this bounds what a damaged length can make us allocate.
  if (reader.failed() || size > reader.left() * uint64_t{1100} + 64) return damaged(event, offset);
  buffer.resize(offset + static_cast<size_t>(size));
  std::copy_n(event.body.begin(), offset, buffer.begin());
  auto written = static_cast<uLongf>(size);
  Bytes rest = reader.rest();
  if (uncompress(buffer.data() + offset, &written, rest.data(), static_cast<uLong>(rest.size())) != Z_OK ||
      written != size) {
    return damaged(event, offset);
  }
  Event result = event;
  result.header.type = plain;
  result.body = buffer;
  return result;
}

}  // namespace sluice::mysql
