// SPDX-License-Identifier: Apache-2.0
// Private database servers for tests. Each has a folder, a port on 127.0.0.1 and a Unix socket of its own, answers when
// start() returns, and is gone with its files when the object is. All calls may come from any thread, except those
// that start or stop the server: one thread at a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "support/port.h"
#include "support/process.h"
#include "support/temp_folder.h"

namespace sluice::support {

using SqlRow = std::vector<std::optional<std::string>>;
using SqlRows = std::vector<SqlRow>;

// A session, for tests that need its state (an open transaction, a variable). One thread.
class SqlSession {
 public:
  virtual ~SqlSession() = default;
  // One or several statements; all results are read.
  virtual Result<> execute(std::string_view sql) = 0;
  // The rows of the last result.
  virtual Result<SqlRows> query(std::string_view sql) = 0;
};

class DatabaseServer {
 public:
  virtual ~DatabaseServer() = default;
  DatabaseServer(const DatabaseServer&) = delete;
  DatabaseServer& operator=(const DatabaseServer&) = delete;

  const std::string& kind() const { return kind_; }  // "mariadb", "mysql", "postgres": the `type` that reaches it
  static std::string host() { return "127.0.0.1"; }
  int port() const { return lease_.port(); }
  // MariaDB, MySQL: the socket file. PostgreSQL: the folder, as libpq's host wants it.
  virtual std::string socket() const = 0;
  const std::string& username() const { return username_; }  // may do anything; logs in over TCP with the password
  const std::string& password() const { return password_; }
  pid_t pid() const { return process_->pid(); }
  std::string log() const { return process_->err(); }

  virtual Result<std::unique_ptr<SqlSession>> connect(std::string_view database = {}) const = 0;
  // In a session of their own.
  Result<> execute(std::string_view sql, std::string_view database = {}) const;
  Result<SqlRows> query(std::string_view sql, std::string_view database = {}) const;
  // The single value of a query; an error if there is not exactly one row or it is NULL.
  Result<std::string> value(std::string_view sql, std::string_view database = {}) const;

  bool running() { return process_->running(); }
  // These concern the server with all its processes.
  void kill9();
  void pause();
  void resume();
  void stop();  // in an orderly way
  // Stops it if it runs, starts it again on the same folder and port, waits until it answers.
  Result<> restart();
  // The same with other server arguments from now on.
  Result<> restart_with(std::vector<std::string> arguments);

 protected:
  DatabaseServer(std::string kind, std::string username, std::vector<std::string> arguments)
      : kind_(std::move(kind)), username_(std::move(username)), arguments_(std::move(arguments)) {}
  virtual ProcessOptions launch_options() const = 0;
  virtual int stop_signal() const;
  virtual Result<> try_to_connect() const = 0;  // over TCP with the password, as users do
  Result<> launch();
  // Processes the server has started; PostgreSQL serves each client in one.
  virtual std::vector<pid_t> children() const { return {}; }

  const std::string kind_;
  const std::string username_;
  const std::string password_ = "Secret-7x";
  std::vector<std::string> arguments_;  // added to the server's command line
  PortLease lease_;
  std::unique_ptr<Process> process_;
};

}  // namespace sluice::support
