// SPDX-License-Identifier: Apache-2.0
// One connection to a PostgreSQL server over libpq: statements, pipelines, COPY in, streamed results.
//
// Owned and used by one thread at a time; never blocks for longer than a quarter second without looking at the context.
// A session speaks UTF-8 and lives in UTC. After a kConnect error, or any error inside a pipeline, throw it away.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace sluice {

struct PostgresConnectOptions {
  std::string hostname;  // a name, an address or the folder of a Unix socket
  int64_t port = 5432;
  std::string username;
  std::string password;
  std::string database;
  std::chrono::milliseconds connect_timeout{30000};
  std::string tls_mode = "prefer";  // libpq's sslmode
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
};

class PostgresResult {
 public:
  explicit PostgresResult(pg_result* result) : result_(result) {}
  PostgresResult(PostgresResult&& other) noexcept;
  PostgresResult& operator=(PostgresResult&& other) noexcept;
  ~PostgresResult();
  int rows() const;
  bool is_null(int row, int column) const;
  std::string_view at(int row, int column) const;
  uint64_t affected() const;
  pg_result* get() const { return result_; }

 private:
  pg_result* result_;
};

using PostgresParameters = std::vector<std::optional<std::string>>;

class PostgresConnection {
 public:
  static Result<std::unique_ptr<PostgresConnection>> connect(Context& context, const PostgresConnectOptions& options);
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // One statement, with text parameters.
  Result<PostgresResult> query(Context& context, const std::string& sql, const PostgresParameters& parameters = {});
  // Several statements without parameters and without results.
  Result<> execute(Context& context, const std::string& sql);

  // Pipelines: send, send, ..., then sync() reads all answers; the first error is the result. A statement that must
  // concern a certain row divides by zero if it does not (see counted()), which fails the transaction at the server
  // without another round trip; `if_missing` says what that means. `doing` names the work in errors.
  enum class IfMissing : uint8_t { kImpossible, kFenced, kMissingRow };
  struct Sent {
    IfMissing if_missing = IfMissing::kImpossible;
    std::string doing;
  };
  Result<> send(const std::string& sql, std::span<const char* const> parameters, Sent sent);
  Result<> send_prepare(const std::string& name, const std::string& sql);
  Result<> send_prepared(const std::string& name, std::span<const char* const> parameters, Sent sent);
  bool in_pipeline() const { return pipeline_; }
  Result<> sync(Context& context);
  // The statement (with RETURNING 1 added) made to fail unless it concerns `rows` rows.
  static std::string counted(std::string_view statement, std::string_view rows);

  // COPY … FROM STDIN: begin, any number of pieces, end; `end` returns the rows copied.
  Result<> begin_copy(Context& context, const std::string& sql);
  Result<> copy_data(Context& context, std::string_view bytes);
  Result<uint64_t> end_copy(Context& context);

  // A query whose rows arrive one result at a time; nullopt at the end.
  Result<> begin_rows(Context& context, const std::string& sql, const PostgresParameters& parameters);
  Result<std::optional<PostgresResult>> next_row(Context& context);

  int server_version() const;  // 150003
  // SQLSTATE of the last error a server reported, five characters.
  const std::string& last_state() const { return last_state_; }

  static std::string quote_identifier(std::string_view name);
  static std::string quote_literal(std::string_view value);
  static std::string qualified(std::string_view schema, std::string_view table);

 private:
  PostgresConnection() = default;
  Result<> wait(Context& context, bool for_write);
  Result<> flush(Context& context);
  // Holds null at the end of a command's results.
  Result<PostgresResult> next_result(Context& context);
  Result<> finish_command(Context& context);
  Result<> enter_pipeline();
  Error error_of(const pg_result* result) const;
  Error broken(const Context& context, std::string_view doing) const;

  pg_conn* connection_ = nullptr;
  bool pipeline_ = false;
  mutable std::string last_state_;
  std::vector<Sent> pending_;
};

}  // namespace sluice
