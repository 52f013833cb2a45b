// SPDX-License-Identifier: Apache-2.0
#include "tenants/sql_endpoint.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

using nlohmann::json;

constexpr size_t kMaxRequest = size_t{1} << 20;
constexpr size_t kMaxSessions = 128;
constexpr int kStopEvery = 50;

std::string socket_path(const std::string& folder) { return folder + "/sluice.sock"; }

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int operator*() const { return descriptor_; }

  // The next line without its end; false if there is none any more.
  bool read_line(std::string& line, size_t limit) {
    for (;;) {
      if (const size_t end = pending_.find('\n'); end != std::string::npos) {
        line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        return true;
      }
      if (pending_.size() > limit) return false;
      char buffer[1 << 14];
      const ssize_t got = ::recv(descriptor_, buffer, sizeof buffer, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      pending_.append(buffer, static_cast<size_t>(got));
    }
  }
  bool write_line(std::string line) {
    line += '\n';
    for (size_t sent = 0; sent < line.size();) {
      const ssize_t written = ::send(descriptor_, line.data() + sent, line.size() - sent, MSG_NOSIGNAL);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      sent += static_cast<size_t>(written);
    }
    return true;
  }

 private:
  int descriptor_;
  std::string pending_;
};

std::string text_of(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

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

Error at_fault(const std::string& path) {
  return Error(ErrorCode::kState, fmt::format("cannot listen at {}: {}", path, std::strerror(errno)));
}

Result<int> listen_at(const std::string& path) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(ErrorCode::kConfig, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());  // of a server that was killed: this one has the folder's lock
  const mode_t old = ::umask(0177);
  const int bound = ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::umask(old);
  if (listener < 0 || bound != 0 || ::listen(listener, static_cast<int>(kMaxSessions)) != 0) {
    Error error = at_fault(path);
    ::close(listener);
    return error;
  }
  return listener;
}

void answer(Socket& socket, TenantServer& server, const std::string& request) {
  const json parsed = json::parse(request, nullptr, false);
  const bool good = parsed.is_object() && parsed.contains("sql") && parsed["sql"].is_string();
  const auto statements =
      good ? parse_statements(parsed["sql"].get<std::string>())
           : Result<std::vector<Statement>>(sql_error(kSyntaxError, "a request is {{\"sql\": \"...\"}}"));
  const auto refuse = [&](const Error& error) { socket.write_line(text_of({{"error", sql_error_line(error)}})); };
  if (!statements) return refuse(statements.error());
  for (const Statement& statement : *statements) {
    const auto result = server.execute(statement);
    if (!result) return refuse(result.error());
    if (!socket.write_line(text_of(to_json(*result)))) return;
  }
  socket.write_line(text_of({{"done", true}}));
}

struct Session {
  explicit Session(int descriptor) : socket(descriptor) {}
  Socket socket;
  std::thread thread;
  std::atomic<bool> ended{false};
};

}  // namespace

Result<> serve_statements(Context& context, TenantServer& server) {
  const std::string path = socket_path(server.folder());
  ASSIGN_OR_RETURN(const int descriptor, listen_at(path));
  const Socket listener(descriptor);
  log_info("ready: sluice sql --data {} \"...\"", server.folder());
  std::list<Session> sessions;
  while (!context.stop_requested()) {
    pollfd waiting{*listener, POLLIN, 0};
    if (::poll(&waiting, 1, kStopEvery) <= 0) continue;
    sessions.remove_if([](Session& session) {
      if (session.ended) session.thread.join();
      return session.ended.load();
    });
    const int accepted = ::accept4(*listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) continue;
    // Who does not read its answer must not hold up the end of the server.
    const timeval patience{5, 0};
    ::setsockopt(accepted, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (sessions.size() >= kMaxSessions) {
      ::close(accepted);
      continue;
    }
    Session& session = sessions.emplace_back(accepted);
    session.thread = std::thread([&session, &server] {
      for (std::string line; session.socket.read_line(line, kMaxRequest);) answer(session.socket, server, line);
      session.ended = true;
    });
  }
  for (Session& session : sessions) ::shutdown(*session.socket, SHUT_RD);
  for (Session& session : sessions) session.thread.join();
  ::unlink(path.c_str());
  return {};
}

Result<> send_statements(const std::string& folder, const std::string& statements,
                         const std::function<void(const StatementResult&)>& on_result) {
  const std::string path = socket_path(folder);
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(ErrorCode::kConfig, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  if (::connect(*socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return Error(ErrorCode::kConnect, fmt::format("no server answers at {}: {}", path, std::strerror(errno)),
                 fmt::format("Start one: sluice server --data {}", folder));
  }
  socket.write_line(text_of({{"sql", statements}}));
  std::string line;
  try {
    while (socket.read_line(line, SIZE_MAX)) {
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
