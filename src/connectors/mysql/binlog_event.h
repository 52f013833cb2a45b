// SPDX-License-Identifier: Apache-2.0
// Events of the binary logs of MySQL and MariaDB, except table maps and rows (binlog_table_map.h, binlog_rows.h).
// Everything here is a pure function over the bytes of one event as the server sends it, without the leading status
// byte of the network packet. No length in the bytes is trusted; damage is kCorrupt and names type and offset.
// Views in the results point into the event's bytes.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "connectors/mysql/byte_reader.h"
#include "connectors/mysql/gtid.h"

namespace sluice::mysql {

enum class EventType : uint8_t {
  kUnknown = 0,
  kStartV3 = 1,
  kQuery = 2,
  kStop = 3,
  kRotate = 4,
  kIntvar = 5,
  kLoad = 6,
  kSlave = 7,
  kCreateFile = 8,
  kAppendBlock = 9,
  kExecLoad = 10,
  kDeleteFile = 11,
  kNewLoad = 12,
  kRand = 13,
  kUserVar = 14,
  kFormatDescription = 15,
  kXid = 16,
  kBeginLoadQuery = 17,
  kExecuteLoadQuery = 18,
  kTableMap = 19,
  kWriteRowsV0 = 20,
  kUpdateRowsV0 = 21,
  kDeleteRowsV0 = 22,
  kWriteRowsV1 = 23,
  kUpdateRowsV1 = 24,
  kDeleteRowsV1 = 25,
  kIncident = 26,
  kHeartbeat = 27,
  kIgnorable = 28,
  kRowsQuery = 29,
  kWriteRowsV2 = 30,
  kUpdateRowsV2 = 31,
  kDeleteRowsV2 = 32,
  kGtid = 33,
  kAnonymousGtid = 34,
  kPreviousGtids = 35,
  kTransactionContext = 36,
  kViewChange = 37,
  kXaPrepare = 38,
  kPartialUpdateRows = 39,
  kTransactionPayload = 40,
  kHeartbeatV2 = 41,
  kGtidTagged = 42,
  kMariadbAnnotateRows = 160,
  kMariadbBinlogCheckpoint = 161,
  kMariadbGtid = 162,
  kMariadbGtidList = 163,
  kMariadbStartEncryption = 164,
  kMariadbQueryCompressed = 165,
  kMariadbWriteRowsCompressedV1 = 166,
  kMariadbUpdateRowsCompressedV1 = 167,
  kMariadbDeleteRowsCompressedV1 = 168,
  kMariadbWriteRowsCompressed = 169,
  kMariadbUpdateRowsCompressed = 170,
  kMariadbDeleteRowsCompressed = 171,
};
// "WRITE_ROWS_EVENT_V2", or "event type 99".
std::string event_type_name(EventType type);

enum class EventUse : uint8_t {
  kUsed,      // the reader acts on it
  kHarmless,  // says nothing about rows, schemas or transactions, or carries the IGNORABLE flag
  kUnknown,   // the reader must stop: skipping it could lose data
};

struct EventHeader {
  uint32_t timestamp = 0;  // seconds UTC; 0 in artificial events
  EventType type = EventType::kUnknown;
  uint32_t server_id = 0;
  uint32_t size = 0;           // whole event with header and checksum
  uint32_t next_position = 0;  // 0 in artificial events and inside a transaction payload
  uint16_t flags = 0;

  static constexpr uint16_t kArtificial = 0x20;
  static constexpr uint16_t kIgnorable = 0x80;
  bool artificial() const { return (flags & kArtificial) != 0; }
};
inline constexpr size_t kEventHeaderSize = 19;

EventUse event_use(const EventHeader& header);
inline bool is_rows_event(EventType type) {
  auto number = static_cast<uint8_t>(type);
  return (number >= 20 && number <= 25) || (number >= 30 && number <= 32) || number == 39 ||
         (number >= 166 && number <= 171);
}

// What the FORMAT_DESCRIPTION event at the start of each file says about the events behind it.
struct BinlogFormat {
  std::string server_version;  // "10.11.6-MariaDB-log"; empty until a description was read
  bool mariadb = false;
  bool checksum = false;                           // the last 4 bytes of each event are its CRC32
  std::array<uint8_t, 256> post_header_lengths{};  // 0: not told
};

struct Event {
  EventHeader header;
  Bytes body;  // without header and checksum
};

// Splits one event. FORMAT_DESCRIPTION carries its own checksum rule, so it is read right whatever `format` says.
// `verify_checksum` false skips the CRC (TLS and a local socket already protect the bytes).
Result<Event> parse_event(Bytes bytes, const BinlogFormat& format, bool verify_checksum = true);

Result<BinlogFormat> parse_format_description(const Event& event);

struct RotateEvent {
  uint64_t position = 4;
  std::string_view file;
};
Result<RotateEvent> parse_rotate(const Event& event);

struct QueryEvent {
  uint32_t thread_id = 0;
  uint16_t error_code = 0;
  std::string_view database;  // default database, may be empty
  std::string_view sql;       // bytes in the client's character set
  // From the status variables; absent ones keep these values.
  uint64_t sql_mode = 0;
  uint16_t client_collation = 0;    // collation id of character_set_client: the encoding of `sql`
  uint16_t server_collation = 0;    // collation_server
  uint16_t database_collation = 0;  // only if the session's differs from the database's

  bool ansi_quotes() const { return (sql_mode & 0x4) != 0; }
  bool no_backslash_escapes() const { return (sql_mode & 0x100000) != 0; }
};
Result<QueryEvent> parse_query(const Event& event, const BinlogFormat& format);

// GTID, ANONYMOUS_GTID and GTID_TAGGED events of MySQL.
struct GtidEvent {
  bool anonymous = false;
  Gtid gtid;
  int64_t last_committed = 0;
  int64_t sequence_number = 0;
  uint64_t immediate_commit_us = 0;  // microseconds since 1970 UTC; 0 if not told (before 8.0)
  uint64_t original_commit_us = 0;
  uint64_t transaction_length = 0;  // bytes including this event; 0 if not told
};
Result<GtidEvent> parse_gtid(const Event& event);

// PREVIOUS_GTIDS: everything in the files before this one.
Result<GtidSet> parse_previous_gtids(const Event& event);

// MariaDB's GTID event. It also stands for BEGIN unless standalone.
struct MariadbGtidEvent {
  MariadbGtid gtid;
  uint8_t flags = 0;
  uint8_t more_flags = 0;
  std::string xid;  // of prepared_xa() and completed_xa(), as XaPrepareEvent::xid

  bool standalone() const { return (flags & 0x01) != 0; }     // one statement without COMMIT or XID behind it
  bool transactional() const { return (flags & 0x04) != 0; }  // only transactional engines
  bool ddl() const { return (flags & 0x20) != 0; }
  bool prepared_xa() const { return (flags & 0x40) != 0; }   // XA PREPARE: rows follow, the commit comes later
  bool completed_xa() const { return (flags & 0x80) != 0; }  // XA COMMIT or XA ROLLBACK of an earlier one
  // An ALTER TABLE that begins, or fails after it has begun (binlog_alter_two_phase). One that is done is logged again.
  bool undone_alter() const { return (more_flags & (0x02 | 0x08)) != 0; }
};
Result<MariadbGtidEvent> parse_mariadb_gtid(const Event& event);

Result<std::vector<MariadbGtid>> parse_mariadb_gtid_list(const Event& event);

Result<uint64_t> parse_xid(const Event& event);

// XA PREPARE or XA COMMIT ... ONE PHASE at the end of a transaction.
struct XaPrepareEvent {
  bool one_phase = false;
  std::string xid;  // as the server prints it: X'6162',X'',1
};
Result<XaPrepareEvent> parse_xa_prepare(const Event& event);

// ROWS_QUERY (MySQL) and ANNOTATE_ROWS (MariaDB): the statement that made the rows, for people.
Result<std::string_view> parse_rows_query(const Event& event);

struct IncidentEvent {
  uint16_t number = 0;
  std::string_view message;
};
Result<IncidentEvent> parse_incident(const Event& event);

// Where the source stands, version 1 and 2.
struct HeartbeatEvent {
  std::string_view file;
  uint64_t position = 0;
};
Result<HeartbeatEvent> parse_heartbeat(const Event& event);

// Turns MariaDB's compressed events (zlib) into the plain event of the same meaning; other events pass unchanged.
// `buffer` holds the result's body and keeps its memory between calls.
Result<Event> expand_compressed(const Event& event, const BinlogFormat& format, std::vector<uint8_t>& buffer);

// The events inside a TRANSACTION_PAYLOAD (zstd or none), one at a time, so that a large transaction is never in memory
// as a whole. The payload's bytes must outlive the reader; an event lives until the next call.
class PayloadReader {
 public:
  static Result<std::unique_ptr<PayloadReader>> open(const Event& payload);
  PayloadReader(const PayloadReader&) = delete;
  PayloadReader& operator=(const PayloadReader&) = delete;
  ~PayloadReader();

  // False at the end.
  Result<bool> next(Event& event);

 private:
  PayloadReader();
  Result<bool> fill(size_t wanted);

  struct Stream;
  std::unique_ptr<Stream> stream_;
  std::vector<uint8_t> buffer_;  // bytes decompressed and not yet handed out start at begin_
  size_t begin_ = 0;
};

}  // namespace sluice::mysql
