// SPDX-License-Identifier: Apache-2.0
// A connection on which a server sends its binary log, event by event. One thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "connectors/mysql/binlog_event.h"
#include "connectors/mysql/mysql_connection.h"
#include "connectors/mysql/mysql_position.h"

namespace sluice::mysql {

struct BinlogConnectionOptions {
  MysqlConnectOptions connection;
  uint32_t server_id = 0;
  std::chrono::milliseconds heartbeat{30000};
};

class BinlogConnection {
 public:
  // Asks for everything behind `start`: by GTID if it has any, else by file and offset.
  static Result<std::unique_ptr<BinlogConnection>> open(Context& context, const BinlogConnectionOptions& options,
                                                        const BinlogPosition& start);

  // The bytes of the next event, without the packet's status byte; nothing if none comes within `wait`. Valid until the
  // next call. A server that is silent for three heartbeats, or hangs up, is kConnect; a purged log is kPositionLost.
  Result<std::optional<Bytes>> next(Context& context, std::chrono::milliseconds wait);

  // While next() has nothing: what becomes readable when there is more, and when next() must be asked all the same.
  int descriptor() const;
  std::chrono::milliseconds patience() const;

  bool is_mariadb() const { return connection_->is_mariadb(); }

 private:
  BinlogConnection(std::unique_ptr<MysqlConnection> connection, std::chrono::milliseconds heartbeat)
      : connection_(std::move(connection)), heartbeat_(heartbeat), last_event_(monotonic_now()) {}

  std::unique_ptr<MysqlConnection> connection_;
  const std::chrono::milliseconds heartbeat_;
  MonotonicTime last_event_;
};

}  // namespace sluice::mysql
