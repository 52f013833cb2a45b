// SPDX-License-Identifier: Apache-2.0
// The server's side of a conversation in MySQL's protocol: greeting, mysql_native_password, queries with text results,
// and the small questions that clients ask at their start. Bytes in, bytes out; no socket, so that it can be fuzzed.
//
// One thread. Everything that comes is foreign: sizes are limited, and what cannot be read ends the conversation.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tenants/statement.h"
#include "tenants/tenant_server.h"

namespace sluice {

struct MysqlDialogOptions {
  uint32_t connection = 0;
  std::string scramble;                 // 20 bytes of chance without NUL
  std::optional<std::string> password;  // none: whoever can connect may do everything
  std::function<Result<StatementResult>(const Statement&)> execute;
};

class MysqlDialog {
 public:
  explicit MysqlDialog(MysqlDialogOptions options) : options_(std::move(options)) {}

  // The server speaks first.
  std::string greeting();
  // Appends the answers to what came; false: the connection is to be closed behind them.
  bool receive(std::string_view bytes, std::string& out);
  bool logged_in() const { return state_ == State::kCommands; }

 private:
  enum class State : uint8_t { kLogin, kSwitched, kCommands };
  bool take(const std::string& packet, std::string& out);
  bool log_in(const std::string& packet, std::string& out);
  bool check_password(std::string_view answer, std::string& out);
  bool command(const std::string& packet, std::string& out);
  void query(const std::string& text, std::string& out);
  void run(const std::vector<Statement>& statements, std::string& out);
  void use(std::string_view database, std::string& out);
  void field_list(std::string_view table, std::string& out);

  void send(std::string_view payload, std::string& out);
  void send_ok(std::string& out, bool more = false);
  void send_end(std::string& out, bool more = false);
  void send_error(int code, std::string_view state, std::string_view message, std::string& out);
  void send_error(const Error& error, std::string& out);
  void send_rows(const ViewRows& rows, bool more, std::string& out);
  void send_columns(const ViewRows& rows, std::string& out);

  const MysqlDialogOptions options_;
  State state_ = State::kLogin;
  std::string pending_;
  uint8_t sequence_ = 0;  // of the next packet
  uint32_t capabilities_ = 0;
  std::string user_, database_;
  std::vector<std::string> notes_;  // of the last statement, for SHOW WARNINGS
};

// What a client that knows the password sends for it.
std::string native_password_answer(std::string_view password, std::string_view scramble);

}  // namespace sluice
