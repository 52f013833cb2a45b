// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/startup_position.h"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "connectors/mysql/binlog_connection.h"
#include "connectors/mysql/mysql_server.h"

namespace sluice::mysql {
namespace {

constexpr std::chrono::milliseconds kPollWait{200};
// A replica id for a few seconds, outside the range that jobs draw theirs from.
constexpr uint32_t kScanServerId = 6501;

bool starts_transaction(EventType type) {
  return type == EventType::kGtid || type == EventType::kAnonymousGtid || type == EventType::kGtidTagged ||
         type == EventType::kMariadbGtid;
}

// Walks the log from the start of a file to the first transaction at or after a time, or to `end`, and knows the GTIDs
// it has seen there (on MySQL only the events of the file tell them).
class LogScan {
 public:
  LogScan(BinlogPosition from, BinlogPosition end, int64_t wanted_ms)
      : reached_(std::move(from)), end_(std::move(end)), wanted_ms_(wanted_ms) {}

  Result<BinlogPosition> run(Context& context, BinlogConnection& log) {
    while (!context.stop_requested()) {
      if (!file_offset_before(reached_.file, reached_.offset, end_.file, end_.offset)) return reached_;
      ASSIGN_OR_RETURN(const auto bytes, log.next(context, kPollWait));
      if (!bytes) continue;
      ASSIGN_OR_RETURN(const Event event, parse_event(*bytes, format_, false));
      ASSIGN_OR_RETURN(const bool found, see(event));
      if (found) return reached_;
    }
    return Error(ErrorCode::kStopped, "stopped while looking for the start time");
  }

 private:
  Result<bool> see(const Event& event) {
    const EventHeader& header = event.header;
    if (header.type == EventType::kFormatDescription) {
      ASSIGN_OR_RETURN(format_, parse_format_description(event));
    } else if (header.type == EventType::kRotate) {
      ASSIGN_OR_RETURN(const RotateEvent rotate, parse_rotate(event));
      reached_.file = rotate.file;
      reached_.offset = rotate.position;
      return false;
    } else if (header.type == EventType::kPreviousGtids) {
      ASSIGN_OR_RETURN(reached_.gtid_set, parse_previous_gtids(event));
    } else if (starts_transaction(header.type)) {
      // The header has the second in which the statement began.
      int64_t committed_ms = static_cast<int64_t>(header.timestamp) * 1000 + 999;
      if (header.type == EventType::kMariadbGtid) {
        if (committed_ms >= wanted_ms_) return true;
        ASSIGN_OR_RETURN(const MariadbGtidEvent gtid, parse_mariadb_gtid(event));
        reached_.gtid_pos.add(gtid.gtid);
      } else {
        ASSIGN_OR_RETURN(const GtidEvent gtid, parse_gtid(event));
        if (gtid.immediate_commit_us != 0) committed_ms = static_cast<int64_t>(gtid.immediate_commit_us / 1000);
        if (committed_ms >= wanted_ms_) return true;
        if (!gtid.anonymous) reached_.gtid_set.add(gtid.gtid);
      }
    }
    if (header.next_position != 0 && !header.artificial()) reached_.offset = header.next_position;
    return false;
  }

  BinlogPosition reached_;
  const BinlogPosition end_;
  const int64_t wanted_ms_;
  BinlogFormat format_;
};

// When the first event of a log file was written, milliseconds; 0 if it cannot be told.
Result<int64_t> file_time(Context& context, const BinlogConnectionOptions& options, const std::string& file) {
  BinlogPosition start;
  start.file = file;
  ASSIGN_OR_RETURN(auto log, BinlogConnection::open(context, options, start));
  BinlogFormat format;
  for (int events = 0; events < 4; ++events) {
    ASSIGN_OR_RETURN(const auto bytes, log->next(context, kPollWait));
    if (!bytes) continue;
    ASSIGN_OR_RETURN(const Event event, parse_event(*bytes, format, false));
    if (event.header.type == EventType::kFormatDescription) return static_cast<int64_t>(event.header.timestamp) * 1000;
  }
  return int64_t{0};
}

Result<BinlogPosition> scan_file(Context& context, MysqlConnection& connection, const BinlogConnectionOptions& connect,
                                 const std::string& file, const BinlogPosition& end, int64_t wanted_ms) {
  BinlogPosition from;
  from.file = file;
  ASSIGN_OR_RETURN(auto log, BinlogConnection::open(context, connect, from));
  ASSIGN_OR_RETURN(from, complete_position(context, connection, std::move(from)));
  return LogScan(std::move(from), end, wanted_ms).run(context, *log);
}

BinlogConnectionOptions scan_options(const MysqlSourceOptions& options) {
  return {.connection = options.connection(), .server_id = kScanServerId, .heartbeat = std::chrono::seconds(1)};
}

Result<BinlogPosition> position_at_time(Context& context, MysqlConnection& connection,
                                        const MysqlSourceOptions& options) {
  const BinlogConnectionOptions connect = scan_options(options);
  ASSIGN_OR_RETURN(const BinlogPosition end, current_binlog_position(context, connection));
  ASSIGN_OR_RETURN(BinlogPosition from, earliest_binlog_position(context, connection));
  ASSIGN_OR_RETURN(const auto files, connection.query(context, "SHOW BINARY LOGS"));
  // The last file that was begun before the time.
  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    const std::string name = (*file)[0].value_or("");
    ASSIGN_OR_RETURN(const int64_t begun, file_time(context, connect, name));
    if (begun == 0 || begun > *options.startup_timestamp_ms) continue;
    from = BinlogPosition();
    from.file = name;
    break;
  }
  return scan_file(context, connection, connect, from.file, end, *options.startup_timestamp_ms);
}

Result<BinlogPosition> specific_position(Context& context, MysqlConnection& connection,
                                         const MysqlSourceOptions& options) {
  BinlogPosition position;
  if (options.startup_gtid_set) {
    if (connection.is_mariadb()) {
      ASSIGN_OR_RETURN(position.gtid_pos, MariadbGtidPosition::parse(*options.startup_gtid_set));
    } else {
      // What is purged cannot be asked for, and need not be if the set has it.
      ASSIGN_OR_RETURN(position.gtid_set, GtidSet::parse(*options.startup_gtid_set));
    }
    return position;
  }
  position.file = *options.startup_file;
  position.offset = static_cast<uint64_t>(*options.startup_pos);
  if (connection.is_mariadb()) return complete_position(context, connection, std::move(position));
  return scan_file(context, connection, scan_options(options), position.file, position,
                   std::numeric_limits<int64_t>::max());
}

}  // namespace

Result<BinlogPosition> startup_position(Context& context, MysqlConnection& connection,
                                        const MysqlSourceOptions& options) {
  if (options.startup_mode == "earliest-offset") return earliest_binlog_position(context, connection);
  if (options.startup_mode == "specific-offset") return specific_position(context, connection, options);
  if (options.startup_mode == "timestamp") return position_at_time(context, connection, options);
  return current_binlog_position(context, connection);
}

}  // namespace sluice::mysql
