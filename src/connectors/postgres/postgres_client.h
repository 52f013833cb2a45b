// SPDX-License-Identifier: Apache-2.0
// What ordinary and replication connections to a PostgreSQL server share: connecting, waiting, results, errors.
//
// Owned and used by one thread at a time; never blocks for longer than a quarter second without looking at the context.
// A session speaks UTF-8 and lives in UTC.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
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

class PostgresClient {
 public:
  ~PostgresClient();
  PostgresClient(const PostgresClient&) = delete;
  PostgresClient& operator=(const PostgresClient&) = delete;

  // Several statements without parameters and without results.
  Result<> execute(Context& context, const std::string& sql);
  int server_version() const;  // 150003
  // SQLSTATE of the last error a server reported, five characters.
  const std::string& last_state() const { return last_state_; }

 protected:
  enum class Mode : uint8_t { kOrdinary, kReplication };
  PostgresClient() = default;
  Result<> open(Context& context, const PostgresConnectOptions& options, Mode mode);
  Result<> wait(Context& context, bool for_write);
  Result<> flush(Context& context);
  // Holds null at the end of a command's results.
  Result<PostgresResult> next_result(Context& context);
  Result<> finish_command(Context& context);
  Error error_of(const pg_result* result) const;
  Error broken(const Context& context, std::string_view doing) const;

  pg_conn* connection_ = nullptr;
  mutable std::string last_state_;
};

}  // namespace sluice
