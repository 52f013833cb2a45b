// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/binlog_connection.h"

#include <fmt/format.h>
#include <mysql.h>

#include <algorithm>

namespace sluice::mysql {
namespace {

constexpr uint8_t kPacketEnd = 0xfe;
constexpr uint8_t kPacketError = 0xff;
constexpr unsigned kErrorReadingBinlog = 1236;
// MySQL's; MariaDB's client library does not name it.
constexpr auto kComBinlogDumpGtid = static_cast<enum_server_command>(30);

void append_le(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::chrono::milliseconds longest_silence(std::chrono::milliseconds heartbeat) {
  return heartbeat.count() > 0 ? 3 * heartbeat + std::chrono::seconds(5) : std::chrono::milliseconds(0);
}

Result<> prepare_session(Context& context, MysqlConnection& connection, const BinlogConnectionOptions& options) {
  // Without these the server would strip checksums or refuse to send events it thinks we do not know.
  const auto heartbeat_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(options.heartbeat).count();
  std::string set = fmt::format(
      "SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum, "
      "@master_heartbeat_period = {0}, @source_heartbeat_period = {0}",
      heartbeat_ns);
  if (connection.is_mariadb()) set += ", @mariadb_slave_capability = 4";
  RETURN_IF_ERROR(connection.execute(context, set));
  if (!connection.is_mariadb()) {
    // A stable name for this replica in SHOW REPLICAS.
    RETURN_IF_ERROR(connection.execute(context, fmt::format("SET @replica_uuid = '51c1ce00-0000-0000-0000-{:012x}', "
                                                            "@slave_uuid = @replica_uuid",
                                                            options.server_id)));
  }
  return {};
}

Result<> send_dump(MysqlConnection& connection, std::string_view command_bytes, enum_server_command command) {
  MYSQL* mysql = connection.handle();
  if (mysql->methods->db_command(mysql, command, command_bytes.data(), command_bytes.size(), 1, nullptr) != 0) {
    return connection.last_error("asking for the binary log");
  }
  return {};
}

Result<> start_mariadb(Context& context, MysqlConnection& connection, const BinlogConnectionOptions& options,
                       const BinlogPosition& start) {
  const bool by_gtid = !start.gtid_pos.empty();
  if (by_gtid) {
    RETURN_IF_ERROR(
        connection.execute(context, fmt::format("SET @slave_connect_state = '{}', @slave_gtid_strict_mode = 0, "
                                                "@slave_gtid_ignore_duplicates = 0",
                                                start.gtid_pos.text())));
  }
  std::string dump;
  append_le(dump, by_gtid ? 4 : start.offset, 4);
  append_le(dump, 0, 2);
  append_le(dump, options.server_id, 4);
  if (!by_gtid) dump += start.file;
  return send_dump(connection, dump, COM_BINLOG_DUMP);
}

Result<> start_mysql(MysqlConnection& connection, const BinlogConnectionOptions& options, const BinlogPosition& start) {
  std::string dump;
  if (start.gtid_set.empty()) {
    if (start.offset > UINT32_MAX) {
      return Error(ErrorCode::kUnsupported,
                   fmt::format("offset {} of {} does not fit the protocol", start.offset, start.file),
                   "Turn gtid_mode on, or lower max_binlog_size.");
    }
    append_le(dump, start.offset, 4);
    append_le(dump, 0, 2);
    append_le(dump, options.server_id, 4);
    dump += start.file;
    return send_dump(connection, dump, COM_BINLOG_DUMP);
  }
  constexpr uint16_t kThroughGtid = 4;
  const std::string gtids = start.gtid_set.encode();
  append_le(dump, kThroughGtid, 2);
  append_le(dump, options.server_id, 4);
  append_le(dump, 0, 4);  // no file name
  append_le(dump, 4, 8);
  append_le(dump, gtids.size(), 4);
  dump += gtids;
  return send_dump(connection, dump, kComBinlogDumpGtid);
}

// What the servers say when the place that was asked for is not in their log (any more).
bool tells_of_lost_log(std::string_view text) {
  constexpr std::array kWords = {"purged",          "not find",        "position > file size", "impossible position",
                                 "master's binlog", "source's binlog", "missing the GTID",     "more GTIDs"};
  return std::ranges::any_of(kWords, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

// A number that was drawn is drawn anew by the next attempt.
Error same_server_id(std::string_view text) {
  return Error(ErrorCode::kTransient,
               fmt::format("the source server sends its log to another program with this server-id instead: {}", text),
               "Give each program that reads from this server a server-id of its own.");
}

}  // namespace

Result<std::unique_ptr<BinlogConnection>> BinlogConnection::open(Context& context,
                                                                 const BinlogConnectionOptions& options,
                                                                 const BinlogPosition& start) {
  MysqlConnectOptions connect = options.connection;
  // A network that fails in the middle of an event is noticed by this, in between by the missing heartbeats.
  connect.read_timeout = longest_silence(options.heartbeat);
  ASSIGN_OR_RETURN(auto connection, MysqlConnection::connect(context, connect));
  RETURN_IF_ERROR(prepare_session(context, *connection, options));
  if (connection->is_mariadb()) {
    RETURN_IF_ERROR(start_mariadb(context, *connection, options, start));
  } else {
    RETURN_IF_ERROR(start_mysql(*connection, options, start));
  }
  return std::unique_ptr<BinlogConnection>(new BinlogConnection(std::move(connection), options.heartbeat));
}

Result<std::optional<Bytes>> BinlogConnection::next(Context& context, std::chrono::milliseconds wait) {
  ASSIGN_OR_RETURN(const bool readable, connection_->wait_readable(context, wait));
  if (!readable) {
    if (heartbeat_.count() > 0 && monotonic_now() - last_event_ > longest_silence(heartbeat_)) {
      return Error(ErrorCode::kConnect,
                   fmt::format("the source server sent nothing for {} s", 3 * heartbeat_.count() / 1000));
    }
    return std::optional<Bytes>();
  }
  MYSQL* mysql = connection_->handle();
  const unsigned long length = connection_->read_packet(context);
  if (length == packet_error) {
    constexpr unsigned kSameReplica = 4052;
    if (connection_->last_error_number() == kSameReplica) {
      return same_server_id(mysql_error(mysql));
    }
    if (connection_->last_error_number() != kErrorReadingBinlog)
      return connection_->last_error("reading the binary log");
    const std::string text = fmt::format("the source server refuses to send its log: {}", mysql_error(mysql));
    if (text.find("same server_") != std::string::npos) return same_server_id(mysql_error(mysql));
    if (text.find("max_allowed_packet") != std::string::npos) {
      return Error(ErrorCode::kConfig, text, "Raise max_allowed_packet at the source server.");
    }
    if (!tells_of_lost_log(text)) {
      return Error(ErrorCode::kCorrupt, text, "Look into the source server's error log: it cannot read its own log.");
    }
    return Error(ErrorCode::kPositionLost, text,
                 "If the log was purged, keep it longer (binlog_expire_logs_seconds) and start the job anew with "
                 "--reset, or set log.lost.behavior: resynchronize in the pipeline block.");
  }
  const uint8_t status = length > 0 ? mysql->net.read_pos[0] : kPacketError;
  if (status == kPacketEnd) return Error(ErrorCode::kConnect, "the source server ended its log");
  if (status == kPacketError) return connection_->last_error("reading the binary log");
  last_event_ = monotonic_now();
  return std::optional<Bytes>(Bytes(mysql->net.read_pos + 1, length - 1));
}

int BinlogConnection::descriptor() const { return static_cast<int>(mysql_get_socket(connection_->handle())); }

std::chrono::milliseconds BinlogConnection::patience() const {
  if (heartbeat_.count() == 0) return std::chrono::hours(1);
  const auto silence = std::chrono::ceil<std::chrono::milliseconds>(monotonic_now() - last_event_);
  return std::max(longest_silence(heartbeat_) - silence, std::chrono::milliseconds(0)) + std::chrono::milliseconds(1);
}

}  // namespace sluice::mysql
