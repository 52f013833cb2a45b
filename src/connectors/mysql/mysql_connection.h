// SPDX-License-Identifier: Apache-2.0
// One connection to a MySQL or MariaDB server over libmariadb, used by the source and by the sink.
//
// Owned and used by one thread at a time. A session speaks utf8mb4 and lives in time zone '+00:00'; the server's limits
// of rows and time are not for it. Waiting for the
// server's answer ends within a quarter second after context.request_stop() (the connection is unusable then).
// After a kConnect error the object must be thrown away; nothing reconnects by itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

struct st_mysql;
struct st_mysql_res;

namespace sluice {

enum class MysqlTls : uint8_t { kDisabled, kPreferred, kRequired, kVerifyCa, kVerifyIdentity };

struct MysqlConnectOptions {
  std::string hostname;
  int64_t port = 3306;
  std::string username;
  std::string password;
  std::string database;  // may be empty
  std::string socket;    // a Unix socket; if not empty, hostname and port are not used
  std::chrono::milliseconds connect_timeout{30000};
  std::chrono::milliseconds read_timeout{0};  // longest silence of the server in the middle of an answer; 0 = no limit
  MysqlTls tls = MysqlTls::kPreferred;
  std::string tls_ca;  // file names, may be empty
  std::string tls_cert;
  std::string tls_key;
  bool found_rows = false;    // UPDATE counts matched rows, not changed ones
  bool local_infile = false;  // allow LOAD DATA LOCAL through load_data()
  bool plain_values = false;  // sql_mode leaves values as they are stored; only ANSI_QUOTES is kept of the server's
};

// One row of a result; views are valid until the next row is fetched or the result is destroyed.
class MysqlRow {
 public:
  MysqlRow() = default;
  MysqlRow(char** values, const unsigned long* lengths, unsigned fields)
      : values_(values), lengths_(lengths), fields_(fields) {}
  unsigned size() const { return fields_; }
  bool is_null(unsigned field) const { return values_[field] == nullptr; }
  // The text of the value, in the text protocol's form; empty for NULL.
  std::string_view operator[](unsigned field) const {
    return values_[field] == nullptr ? std::string_view() : std::string_view(values_[field], lengths_[field]);
  }

 private:
  char** values_ = nullptr;
  const unsigned long* lengths_ = nullptr;
  unsigned fields_ = 0;
};

// A result that was read whole into memory: for catalogs and settings.
using MysqlRows = std::vector<std::vector<std::optional<std::string>>>;

class MysqlConnection;

// A result whose rows come from the socket one by one (mysql_use_result). While it lives the connection can do
// nothing else. Destroying it before its end ends the connection, because the remaining rows could take hours.
class MysqlStream {
 public:
  MysqlStream(MysqlStream&& other) noexcept;
  MysqlStream& operator=(MysqlStream&& other) noexcept;
  ~MysqlStream();
  // False at the end of the result.
  Result<bool> next(Context& context, MysqlRow& row);
  unsigned fields() const { return fields_; }

 private:
  friend class MysqlConnection;
  MysqlStream(MysqlConnection* connection, st_mysql_res* result);
  void free();
  MysqlConnection* connection_;
  st_mysql_res* result_;
  unsigned fields_;
};

class MysqlConnection {
 public:
  static Result<std::unique_ptr<MysqlConnection>> connect(Context& context, const MysqlConnectOptions& options);
  ~MysqlConnection();
  MysqlConnection(const MysqlConnection&) = delete;
  MysqlConnection& operator=(const MysqlConnection&) = delete;

  // Runs a statement without a result; returns the affected (or, with found_rows, matched) rows.
  Result<uint64_t> execute(Context& context, std::string_view sql);
  Result<MysqlRows> query(Context& context, std::string_view sql);
  // The first value of the first row; nullopt if there is no row or it is NULL.
  Result<std::optional<std::string>> query_value(Context& context, std::string_view sql);
  Result<MysqlStream> stream(Context& context, std::string_view sql);
  // LOAD DATA LOCAL INFILE with `read` in the place of the file: it fills the buffer and returns the bytes, 0 at the
  // end.
  using InfileReader = std::function<size_t(std::span<char>)>;
  Result<uint64_t> load_data(Context& context, std::string_view sql, const InfileReader& read);

  bool is_mariadb() const { return mariadb_; }
  // 101119 for MariaDB 10.11.19, 90704 for MySQL 9.7.4.
  uint32_t version() const { return version_; }
  std::string_view version_text() const;
  uint64_t thread_id() const;  // for KILL

  // "'it''s'" in the session's rules, appended to sql; bytes that are not text as 0x… (empty: '').
  void append_quoted(std::string_view value, std::string& sql) const;
  static void append_hex_literal(std::string_view bytes, std::string& sql);
  // "`a``b`".
  static std::string quote_identifier(std::string_view name);

  // Waits until the socket has bytes or libmariadb holds unread ones; false after `timeout` or on a requested stop.
  Result<bool> wait_readable(Context& context, std::chrono::milliseconds timeout);
  // The server's last error as an Error, and the same for a number and text that came another way (binlog packets).
  Error last_error(std::string_view doing) const;
  static Error make_error(unsigned number, std::string_view text, std::string_view doing);
  unsigned last_error_number() const;

  // The next packet of a replication stream: its length, or libmariadb's packet_error; the bytes are the handle's.
  unsigned long read_packet(Context& context);
  // For replication commands. Never close it.
  st_mysql* handle() { return mysql_; }

 private:
  friend class MysqlStream;
  MysqlConnection() = default;
  Result<> set_up_session(Context& context, bool plain_values);
  Result<> run(Context& context, std::string_view sql);  // sends and reads the head of the answer

  st_mysql* mysql_ = nullptr;
  Context* context_ = nullptr;  // of the last call, for its error
  bool mariadb_ = false;
  uint32_t version_ = 0;
};

// "8.0.36-log" and "5.5.5-10.11.6-MariaDB" as 80036 and 101106.
uint32_t parse_mysql_version(std::string_view text);

}  // namespace sluice
