// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_replication.h"

#include <endian.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/clock.h"

namespace sluice {
namespace {

// The server ends a stream whose client is silent for longer; a target that is slow for this long must not cost us the
// stream. A longer time that the server is set to stays, and so does none (0).
constexpr const char* kPatience =
    "SELECT set_config('wal_sender_timeout', '5min', false) FROM pg_settings "
    "WHERE name = 'wal_sender_timeout' AND setting::int BETWEEN 1 AND 299999";
constexpr int64_t kPostgresEpochUs = 946'684'800'000'000;  // 2000-01-01, since 1970
constexpr size_t kDataHeader = 25;
constexpr size_t kKeepaliveSize = 18;
constexpr std::chrono::milliseconds kWaitSlice{200};
// The server sends each change on its own. When it has done so for this long without a rest, its changes are looked for
// once in a while instead of waking up for each.
constexpr std::chrono::milliseconds kBusy{10};
constexpr std::chrono::milliseconds kRest{5};
constexpr std::chrono::milliseconds kWhile{2};

uint64_t number_at(const char* bytes) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return be64toh(value);
}

void append_number(uint64_t value, std::string& out) {
  const uint64_t big_endian = htobe64(value);
  out.append(reinterpret_cast<const char*>(&big_endian), sizeof big_endian);
}

Result<ReplicationMessage> parse(std::string_view bytes) {
  ReplicationMessage message;
  if (bytes.size() >= kDataHeader && bytes[0] == 'w') {
    message.start = Lsn{number_at(bytes.data() + 1)};
    message.end = Lsn{number_at(bytes.data() + 9)};
    message.server_time_us = static_cast<int64_t>(number_at(bytes.data() + 17)) + kPostgresEpochUs;
    message.payload = bytes.substr(kDataHeader);
    return message;
  }
  if (bytes.size() == kKeepaliveSize && bytes[0] == 'k') {
    message.keepalive = true;
    message.end = Lsn{number_at(bytes.data() + 1)};
    message.server_time_us = static_cast<int64_t>(number_at(bytes.data() + 9)) + kPostgresEpochUs;
    message.reply_requested = bytes[17] != 0;
    return message;
  }
  return Error(ErrorCode::kCorrupt, fmt::format("the source server sent a replication message of {} bytes that is "
                                                "neither data nor a keepalive",
                                                bytes.size()));
}

// What an error means when it ends a stream or refuses to begin one.
Error stream_error(Error error, std::string_view state) {
  const auto speaks_of = [&error](std::string_view word) { return error.message().find(word) != std::string::npos; };
  if (state == "58P01" || (state == "55000" && speaks_of("slot"))) {
    return Error(ErrorCode::kPositionLost, error.message(),
                 "The server no longer keeps the log that the slot needs. Raise max_slot_wal_keep_size, drop the slot "
                 "and start the job with --reset to copy again.");
  }
  if (state == "42704" && speaks_of("publication")) {
    return Error(ErrorCode::kConfig, error.message(),
                 "Create the publication again with all captured tables. Changes made while it was missing are not "
                 "sent: start the job with --reset if there were any.");
  }
  if (state == "42704" && speaks_of("slot")) {
    return Error(ErrorCode::kPositionLost, error.message(),
                 "The replication slot is gone, and with it the changes since. Start the job with --reset to copy "
                 "again.");
  }
  return error;
}

}  // namespace

struct ReplicationConnection::State : PostgresClient {
  using PostgresClient::connection_;
  char* received = nullptr;  // what the last message lies in
  bool busy = false;         // a command is running at the server
  MonotonicTime rested;      // when the server last sent something after a rest
  bool resting = false;      // somebody else waits for the server

  State() = default;
  ~State() {
    PQfreemem(received);
    if (!busy) return;
    // The server does not look whether we are still there while it waits to create a slot.
    if (PGcancel* const cancel = PQgetCancel(connection_); cancel != nullptr) {
      char error[256];
      PQcancel(cancel, error, sizeof error);
      PQfreeCancel(cancel);
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Result<> connect(Context& context, const PostgresConnectOptions& options) {
    return open(context, options, Mode::kReplication);
  }

  // Sends a command; its first result.
  Result<PostgresResult> begin(Context& context, const std::string& sql) {
    if (PQsendQuery(connection_, sql.c_str()) == 0) return broken(context, "sending a command");
    busy = true;
    auto result = next_result(context);
    if (result || !context.stop_requested()) busy = false;
    return result;
  }

  Result<> finish(Context& context) { return finish_command(context); }
  Error error(const pg_result* result) const { return error_of(result); }
  Error lost(const Context& context, std::string_view doing) const { return broken(context, doing); }

  // Why the stream ended.
  Error ended(Context& context) {
    auto result = next_result(context);
    if (!result) return std::move(result).error();
    if (result->get() != nullptr && PQresultStatus(result->get()) == PGRES_FATAL_ERROR) {
      Error why = error_of(result->get());
      return stream_error(std::move(why), last_state_);
    }
    return Error(ErrorCode::kConnect, "the source server ended its stream");
  }

  Result<> send(Context& context, std::string_view bytes) {
    for (;;) {
      const int sent = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
      if (sent < 0) return broken(context, "confirming to the server");
      if (sent > 0) return flush(context);
      RETURN_IF_ERROR(wait(context, true));
    }
  }

  // Reads what has come, if anything has.
  Result<> take_in(const Context& context) {
    if (PQconsumeInput(connection_) == 0) return broken(context, "reading the stream");
    return {};
  }

  // Waits until bytes come or the time is over, and reads them; false if none came.
  Result<bool> wait_readable(Context& context, std::chrono::milliseconds timeout) {
    const MonotonicTime begun = monotonic_now();
    const MonotonicTime end = begun + timeout;
    if (std::exchange(resting, false)) rested = begun;
    if (timeout >= kWhile && begun - rested >= kBusy) (void)context.wait_for(kWhile);
    for (;;) {
      if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while waiting for the server");
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - monotonic_now());
      const auto slice = std::clamp(left, std::chrono::milliseconds(0), kWaitSlice);
      pollfd entry{PQsocket(connection_), POLLIN, 0};
      if (entry.fd < 0) return broken(context, "waiting for the server");
      const int ready = ::poll(&entry, 1, static_cast<int>(slice.count()));
      if (ready < 0 && errno != EINTR) return broken(context, "waiting for the server");
      if (ready > 0) {
        RETURN_IF_ERROR(take_in(context));
        if (const MonotonicTime now = monotonic_now(); now - begun >= kRest) rested = now;
        return true;
      }
      if (left <= slice) {
        if (timeout >= kRest) rested = monotonic_now();
        return false;
      }
    }
  }
};

ReplicationConnection::~ReplicationConnection() = default;

Result<std::unique_ptr<ReplicationConnection>> ReplicationConnection::connect(Context& context,
                                                                              const PostgresConnectOptions& options) {
  std::unique_ptr<ReplicationConnection> connection(new ReplicationConnection());
  connection->state_ = std::make_unique<State>();
  RETURN_IF_ERROR(connection->state_->connect(context, options));
  RETURN_IF_ERROR(connection->command(context, kPatience));
  return connection;
}

const std::string& ReplicationConnection::last_state() const { return state_->last_state(); }

Result<PostgresResult> ReplicationConnection::command(Context& context, const std::string& sql) {
  ASSIGN_OR_RETURN(PostgresResult result, state_->begin(context, sql));
  const ExecStatusType status = PQresultStatus(result.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
    Error error = state_->error(result.get());
    (void)state_->finish(context);
    return error;
  }
  RETURN_IF_ERROR(state_->finish(context));
  return result;
}

Result<> ReplicationConnection::start(Context& context, const std::string& slot, Lsn from,
                                      const std::vector<std::pair<std::string, std::string>>& options) {
  std::string sql =
      fmt::format("START_REPLICATION SLOT {} LOGICAL {}", PostgresConnection::quote_identifier(slot), from.text());
  const char* separator = " (";
  for (const auto& [name, value] : options) {
    sql += fmt::format("{}{} {}", separator, PostgresConnection::quote_identifier(name),
                       PostgresConnection::quote_literal(value));
    separator = ", ";
  }
  if (!options.empty()) sql += ")";
  ASSIGN_OR_RETURN(const PostgresResult result, state_->begin(context, sql));
  if (PQresultStatus(result.get()) == PGRES_COPY_BOTH) return {};
  Error error = state_->error(result.get());
  (void)state_->finish(context);
  return stream_error(std::move(error), last_state());
}

Result<std::optional<ReplicationMessage>> ReplicationConnection::receive(Context& context,
                                                                         std::chrono::milliseconds timeout) {
  PQfreemem(state_->received);
  state_->received = nullptr;
  for (bool looked = false;;) {
    const int size = PQgetCopyData(state_->connection_, &state_->received, 1);
    if (size > 0) {
      ASSIGN_OR_RETURN(auto message, parse({state_->received, static_cast<size_t>(size)}));
      return std::optional(message);
    }
    if (size == -1) return state_->ended(context);
    if (size == -2) return state_->lost(context, "reading the stream");
    bool more = !looked;
    if (timeout.count() > 0) {
      ASSIGN_OR_RETURN(more, state_->wait_readable(context, timeout));
    } else if (more) {
      RETURN_IF_ERROR(state_->take_in(context));
      looked = true;
    }
    if (!more) return std::optional<ReplicationMessage>();
  }
}

int ReplicationConnection::descriptor() const { return PQsocket(state_->connection_); }

void ReplicationConnection::rest() { state_->resting = true; }

Result<> ReplicationConnection::send_status(Context& context, Lsn received, Lsn durable, bool ask) {
  std::string status = "r";
  append_number(received.value, status);
  append_number(durable.value, status);
  append_number(durable.value, status);
  append_number(static_cast<uint64_t>(wall_clock_ms() * 1000 - kPostgresEpochUs), status);
  status.push_back(ask ? 1 : 0);
  return state_->send(context, status);
}

}  // namespace sluice
