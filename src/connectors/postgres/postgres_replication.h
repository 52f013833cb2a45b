// SPDX-License-Identifier: Apache-2.0
// A connection in replication mode ("replication=database"): replication commands, and the stream of a logical slot.
// https://www.postgresql.org/docs/current/protocol-replication.html
//
// Used by one thread at a time; never blocks for longer than a quarter second without looking at the context. After an
// error throw it away.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"
#include "connectors/postgres/postgres_connection.h"
#include "connectors/postgres/postgres_lsn.h"

namespace sluice {

// What the server sent: the payload of XLogData, or of a keepalive.
struct ReplicationMessage {
  bool keepalive = false;
  // XLogData: where the payload's record begins (0 for most pgoutput messages within a transaction). Keepalive: the
  // server has sent everything of interest before `end`.
  Lsn start;
  Lsn end;
  int64_t server_time_us = 0;    // since 1970 UTC
  bool reply_requested = false;  // keepalive only
  std::string_view payload;      // valid until the next receive()
};

class ReplicationConnection {
 public:
  static Result<std::unique_ptr<ReplicationConnection>> connect(Context& context,
                                                                const PostgresConnectOptions& options);
  ~ReplicationConnection();
  ReplicationConnection(const ReplicationConnection&) = delete;
  ReplicationConnection& operator=(const ReplicationConnection&) = delete;

  // One replication command or simple query; its first result set.
  Result<PostgresResult> command(Context& context, const std::string& sql);
  const std::string& last_state() const;

  // START_REPLICATION … LOGICAL; then only the calls below.
  Result<> start(Context& context, const std::string& slot, Lsn from,
                 const std::vector<std::pair<std::string, std::string>>& options);
  // The next message, waiting at most `timeout`; nothing if none came.
  Result<std::optional<ReplicationMessage>> receive(Context& context, std::chrono::milliseconds timeout);
  // When receive() gave nothing: what becomes readable when there is more. rest() says that it will be waited for.
  int descriptor() const;
  void rest();
  // Tells the server what has been received and what is durable. `ask` has it answer with a keepalive.
  Result<> send_status(Context& context, Lsn received, Lsn durable, bool ask);

 private:
  ReplicationConnection() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
