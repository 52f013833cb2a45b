// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_client.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>

#include <charconv>
#include <utility>

#include "base/clock.h"
#include "connector/relational_writing.h"

namespace sluice {
namespace {

constexpr int kWaitSliceMs = 200;

constexpr const char* kSessionSettings =
    "SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1; "
    "SET bytea_output = 'hex'; SET lc_monetary = 'C'; SET standard_conforming_strings = on; SET statement_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; SET default_transaction_isolation = 'read committed'; "
    // A commit that we report must be durable; stronger settings than 'on' stay.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

ErrorCode code_of(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  if (kind == "08" || state == "57P01" || state == "57P02" || state == "57P03" || state == "57P05") {
    return ErrorCode::kConnect;
  }
  if (kind == "40" || kind == "53" || state == "55P03" || state == "57014" || state == "25006" || state == "55006") {
    return ErrorCode::kTransient;
  }
  if (kind == "28" || state == "42501") return ErrorCode::kAccess;
  if (state == "3D000") return ErrorCode::kConfig;
  if (kind == "22" || state == "23502" || state == "23514") return ErrorCode::kData;
  return ErrorCode::kTarget;
}

// Messages about data quote the value; the quotes are kept, what is in them is not.
std::string without_values(std::string_view message, std::string_view state) {
  if (!state.starts_with("22") && state != "42601") return std::string(message);
  const auto open = message.find('"');
  if (open == std::string_view::npos) return std::string(message);
  const auto close = message.rfind('"');
  return fmt::format("{}\"...{}", message.substr(0, open), close > open ? message.substr(close) : "\"");
}

// "COPY orders, line 3, column amount: ..." names the column that the message does not.
std::string copied_column(std::string_view context) {
  if (!context.starts_with("COPY ")) return {};
  const auto column = context.find(", column ");
  if (column == std::string_view::npos) return {};
  const std::string_view rest = context.substr(column + 9);
  return fmt::format(" in column '{}'", rest.substr(0, rest.find(':')));
}

std::string_view field(const PGresult* result, int code) {
  const char* text = PQresultErrorField(result, code);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

}  // namespace

PostgresResult::PostgresResult(PostgresResult&& other) noexcept : result_(std::exchange(other.result_, nullptr)) {}
PostgresResult& PostgresResult::operator=(PostgresResult&& other) noexcept {
  std::swap(result_, other.result_);
  return *this;
}
PostgresResult::~PostgresResult() { PQclear(result_); }
int PostgresResult::rows() const { return PQntuples(result_); }
bool PostgresResult::is_null(int row, int column) const { return PQgetisnull(result_, row, column) != 0; }
std::string_view PostgresResult::at(int row, int column) const {
  return {PQgetvalue(result_, row, column), static_cast<size_t>(PQgetlength(result_, row, column))};
}
uint64_t PostgresResult::affected() const {
  const std::string_view text = PQcmdTuples(result_);
  uint64_t rows = 0;
  std::from_chars(text.data(), text.data() + text.size(), rows);
  return rows;
}

Result<> PostgresClient::open(Context& context, const PostgresConnectOptions& options, Mode mode) {
  const std::string port = std::to_string(options.port);
  std::vector<const char*> keys;
  std::vector<const char*> values;
  const auto add = [&keys, &values](const char* key, const std::string& value) {
    if (value.empty()) return;
    keys.push_back(key);
    values.push_back(value.c_str());
  };
  const std::string name = "sluice";
  const std::string encoding = "UTF8";
  const std::string replication = mode == Mode::kReplication ? "database" : "";
  add("host", options.hostname);
  add("port", port);
  add("user", options.username);
  add("password", options.password);
  add("dbname", options.database);
  add("sslmode", options.tls_mode);
  add("sslrootcert", options.tls_ca);
  add("sslcert", options.tls_cert);
  add("sslkey", options.tls_key);
  add("application_name", name);
  add("client_encoding", encoding);
  add("replication", replication);
  // A server that vanished without a word is noticed within a minute.
  for (const auto& [key, value] : {std::pair("keepalives_idle", "20"), std::pair("keepalives_interval", "10"),
                                   std::pair("keepalives_count", "4"), std::pair("tcp_user_timeout", "60000")}) {
    keys.push_back(key);
    values.push_back(value);
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  connection_ = PQconnectStartParams(keys.data(), values.data(), 0);
  const std::string doing = fmt::format("connecting to {}:{}", options.hostname, options.port);
  if (connection_ == nullptr) return Error(ErrorCode::kInternal, "cannot create a PostgreSQL client");
  const MonotonicTime deadline = monotonic_now() + options.connect_timeout;
  for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection_)) {
    if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while connecting");
    if (state == PGRES_POLLING_FAILED || PQstatus(connection_) == CONNECTION_BAD) {
      return broken(context, doing);
    }
    if (monotonic_now() > deadline) return Error(ErrorCode::kConnect, doing + ": no answer in time");
    pollfd entry{PQsocket(connection_), static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    while (poll(&entry, 1, kWaitSliceMs) == 0) {
      if (context.stop_requested() || monotonic_now() > deadline) break;
    }
  }
  PQsetnonblocking(connection_, 1);
  PQsetNoticeProcessor(connection_, [](void*, const char*) {}, nullptr);
  return execute(context, kSessionSettings);
}

PostgresClient::~PostgresClient() { PQfinish(connection_); }

Result<> PostgresClient::wait(Context& context, bool for_write) {
  for (;;) {
    if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped while waiting for the server");
    pollfd entry{PQsocket(connection_), static_cast<short>(for_write ? POLLIN | POLLOUT : POLLIN), 0};
    if (entry.fd < 0) return broken(context, "waiting for the server");
    const int ready = poll(&entry, 1, kWaitSliceMs);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return broken(context, "waiting for the server");
    // While we write, the server may be blocked until we read.
    if ((entry.revents & POLLIN) != 0 && PQconsumeInput(connection_) == 0) return broken(context, "reading");
    return {};
  }
}

Result<> PostgresClient::flush(Context& context) {
  for (;;) {
    const int left = PQflush(connection_);
    if (left == 0) return {};
    if (left < 0) return broken(context, "sending to the server");
    RETURN_IF_ERROR(wait(context, true));
  }
}

Result<PostgresResult> PostgresClient::next_result(Context& context) {
  RETURN_IF_ERROR(flush(context));
  while (PQisBusy(connection_) != 0) RETURN_IF_ERROR(wait(context, false));
  return PostgresResult(PQgetResult(connection_));
}

Result<> PostgresClient::finish_command(Context& context) {
  std::optional<Error> error;
  for (;;) {
    ASSIGN_OR_RETURN(PostgresResult result, next_result(context));
    if (result.get() == nullptr) break;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_FATAL_ERROR && !error) error = error_of(result.get());
    if (PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (error) return std::move(*error);
  return {};
}

Result<> PostgresClient::execute(Context& context, const std::string& sql) {
  SLUICE_CHECK(PQpipelineStatus(connection_) == PQ_PIPELINE_OFF);
  if (PQsendQuery(connection_, sql.c_str()) == 0) return broken(context, "sending a statement");
  return finish_command(context);
}

int PostgresClient::server_version() const { return PQserverVersion(connection_); }

Error PostgresClient::error_of(const pg_result* result) const {
  last_state_ = std::string(field(result, PG_DIAG_SQLSTATE));
  if (last_state_.empty()) {
    // Made by libpq itself: the connection broke.
    std::string text = PQerrorMessage(connection_);
    while (text.ends_with('\n')) text.pop_back();
    return Error(ErrorCode::kConnect, text);
  }
  std::string message = without_values(field(result, PG_DIAG_MESSAGE_PRIMARY), last_state_);
  message += copied_column(field(result, PG_DIAG_CONTEXT));
  if (last_state_ == "42P10") {
    return Error(ErrorCode::kTarget, message,
                 "Give the target table a primary key or unique constraint on the source's key columns.");
  }
  std::string text = fmt::format("{} (SQLSTATE {})", message, last_state_);
  if (last_state_ == "23505") return Error(ErrorCode::kTarget, std::move(text), std::string(kUniqueKeyAdvice));
  return Error(code_of(last_state_), std::move(text));
}

Error PostgresClient::broken(const Context& context, std::string_view doing) const {
  if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped by request");
  std::string text = PQerrorMessage(connection_);
  while (text.ends_with('\n')) text.pop_back();
  // libpq gives no SQLSTATE for a refused login.
  const bool refused = text.find("authentication failed") != std::string::npos ||
                       text.find("no pg_hba.conf entry") != std::string::npos ||
                       text.find("role \"") != std::string::npos ||
                       text.find("no password supplied") != std::string::npos;
  const bool no_database = text.find("database \"") != std::string::npos && text.ends_with("does not exist");
  const ErrorCode code = no_database ? ErrorCode::kConfig : refused ? ErrorCode::kAccess : ErrorCode::kConnect;
  return Error(code, text, no_database ? "Create the database, or correct its name in the configuration." : "")
      .context(doing);
}

}  // namespace sluice
