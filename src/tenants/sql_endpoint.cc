// SPDX-License-Identifier: Apache-2.0
#include "tenants/sql_endpoint.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/loopback.h"
#include "tenants/file_tree.h"
#include "tenants/instance.h"
#include "tenants/mysql_dialog.h"
#include "tenants/session_server.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

using nlohmann::json;

constexpr size_t kMaxRequest = size_t{1} << 20;
constexpr size_t kMaxTcpSessions = 32;  // everybody on this machine may knock there
constexpr std::chrono::seconds kLoginTime{10};

std::string socket_path(const std::string& folder) { return folder + "/sluice.sock"; }

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int operator*() const { return descriptor_; }

 private:
  int descriptor_;
};

// The lines of a connection.
class Lines {
 public:
  explicit Lines(int descriptor) : descriptor_(descriptor) {}

  // The next line without its end; false if there is none any more.
  bool read(std::string& line, size_t limit) {
    for (;;) {
      if (const size_t end = pending_.find('\n'); end != std::string::npos) {
        line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return true;
      }
      if (pending_.size() > limit || !receive_some(descriptor_, pending_)) return false;
    }
  }
  bool write(const json& value) {
    return send_all(descriptor_, value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n');
  }

 private:
  const int descriptor_;
  std::string pending_;
};

json to_json(const StatementResult& result) {
  json rows = json::array();
  for (const auto& row : result.rows.rows) {
    json cells = json::array();
    for (const auto& cell : row) cells.push_back(cell ? json(*cell) : json());
    rows.push_back(std::move(cells));
  }
  return {{"columns", result.rows.columns},
          {"rows", std::move(rows)},
          {"notes", result.notes},
          {"vertical", result.vertical}};
}

// Throws nlohmann's exceptions on what no server of ours sends.
StatementResult from_json(const json& value) {
  StatementResult result;
  result.rows.columns = value.at("columns").get<std::vector<std::string>>();
  for (const json& cells : value.at("rows")) {
    auto& row = result.rows.rows.emplace_back();
    for (const json& cell : cells) {
      row.push_back(cell.is_null() ? std::nullopt : std::optional(cell.get<std::string>()));
    }
  }
  result.notes = value.at("notes").get<std::vector<std::string>>();
  result.vertical = value.at("vertical").get<bool>();
  return result;
}

void answer(Lines& lines, TenantServer& server, const std::string& request) {
  const json parsed = json::parse(request, nullptr, false);
  const bool good = parsed.is_object() && parsed.contains("sql") && parsed["sql"].is_string();
  const auto statements =
      good ? parse_statements(parsed["sql"].get<std::string>())
           : Result<std::vector<Statement>>(sql_error(kSyntaxError, "a request is {{\"sql\": \"...\"}}"));
  const auto refuse = [&](const Error& error) { lines.write({{"error", sql_error_line(error)}}); };
  if (!statements) return refuse(statements.error());
  for (const Statement& statement : *statements) {
    const auto result = server.execute(statement);
    if (!result) return refuse(result.error());
    if (!lines.write(to_json(*result))) return;
  }
  lines.write({{"done", true}});
}

// A conversation in MySQL's protocol; with a password where not the file system says who may connect.
void converse_mysql(int descriptor, TenantServer& server, const std::optional<std::string>& password) {
  static std::atomic<uint32_t> connections{0};
  MysqlDialog dialog({.connection = ++connections,
                      .scramble = random_text(20),
                      .password = password,
                      .execute = [&](const Statement& statement) { return server.execute(statement); }});
  // Who has not logged in may not keep a place for long, however often a byte comes.
  const MonotonicTime deadline = monotonic_now() + kLoginTime;
  const auto be_patient = [&](std::chrono::microseconds time) {
    const timeval patience{time.count() / 1'000'000, time.count() % 1'000'000};
    ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  };
  std::string in, out = dialog.greeting();
  for (bool open = true; open;) {
    if (!send_all(descriptor, out)) return;
    in.clear();
    out.clear();
    const bool stranger = !dialog.logged_in();
    if (stranger) {
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - monotonic_now());
      if (left.count() <= 0) return;
      be_patient(left);
    }
    if (!receive_some(descriptor, in)) return;
    open = dialog.receive(in, out);
    if (stranger && dialog.logged_in()) be_patient(std::chrono::microseconds(0));  // for ever
    if (!open) send_all(descriptor, out);
  }
}

}  // namespace

Result<> serve_statements(Context& context, TenantServer& server, std::optional<int64_t> port) {
  const std::string path = socket_path(server.folder()), mysql_path = server.folder() + "/mysql.sock";
  ASSIGN_OR_RETURN(const int lines, listen_at_path(path));
  ASSIGN_OR_RETURN(const int local, listen_at_path(mysql_path));
  std::vector<SessionListener> listeners = {
      {lines,
       [&](int descriptor) {
         Lines connection(descriptor);
         for (std::string line; connection.read(line, kMaxRequest);) answer(connection, server, line);
       }},
      {local, [&](int descriptor) { converse_mysql(descriptor, server, std::nullopt); }}};
  std::string options = "# For mariadb --defaults-file. Written by sluice at every start.\n[client]\nuser=root@sys\n";
  const std::string password = random_text(32);
  if (port) {
    ASSIGN_OR_RETURN(const int tcp, listen_on_loopback(static_cast<int>(*port)));
    listeners.push_back({tcp, [&](int descriptor) { converse_mysql(descriptor, server, password); }, kMaxTcpSessions});
    ASSIGN_OR_RETURN(const int64_t taken, port_of(tcp));
    options += fmt::format("host=127.0.0.1\nport={}\npassword={}\n", taken, password);
  } else {
    options += fmt::format("socket={}\n", mysql_path);
  }
  RETURN_IF_ERROR(write_file(server.folder() + "/client.cnf", options));
  log_info("ready: sluice sql --data {0} \"...\", or mariadb --defaults-file={0}/client.cnf", server.folder());
  serve_sessions(context, listeners);
  for (const std::string& socket : {path, mysql_path}) ::unlink(socket.c_str());
  return {};
}

Result<> send_statements(const std::string& folder, const std::string& statements,
                         const std::function<void(const StatementResult&)>& on_result) {
  const std::string path = socket_path(folder);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(ErrorCode::kConfig, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (::connect(*socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return Error(ErrorCode::kConnect, fmt::format("no server answers at {}: {}", path, std::strerror(errno)),
                 fmt::format("Start one: sluice server --data {}", folder));
  }
  Lines lines(*socket);
  lines.write({{"sql", statements}});
  std::string line;
  try {
    while (lines.read(line, SIZE_MAX)) {
      const json reply = json::parse(line);
      if (reply.contains("done")) return {};
      if (reply.contains("error")) return Error(ErrorCode::kConfig, reply["error"].get<std::string>());
      on_result(from_json(reply));
    }
  } catch (const json::exception& error) {
    return Error(ErrorCode::kInternal, fmt::format("the server's answer cannot be read: {}", error.what()));
  }
  return Error(ErrorCode::kConnect, "the server ended before it answered",
               "A clone that had begun goes on when the server is started again: see DBA_OB_CLONE_PROGRESS.");
}

}  // namespace sluice
