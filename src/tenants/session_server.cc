// SPDX-License-Identifier: Apache-2.0
#include "tenants/session_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <list>
#include <thread>

namespace sluice {
namespace {

constexpr int kWaiting = 128, kStopEvery = 50;

Error cannot_listen(const std::string& where) {
  return Error(ErrorCode::kConfig, fmt::format("cannot listen at {}: {}", where, std::strerror(errno)),
               "It may be taken: choose another one.");
}

struct Session {
  Session(int accepted, const SessionListener& at) : descriptor(accepted), listener(&at) {}
  ~Session() { ::close(descriptor); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  const int descriptor;
  const SessionListener* const listener;
  std::thread thread;
  std::atomic<bool> ended{false};
};

void set_up(int descriptor) {
  // Who does not read its answer must not hold up the end of the server.
  const timeval patience{5, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const int on = 1;
  ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // refused by Unix sockets, which need it not
}

}  // namespace

Result<int> listen_at_path(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error(ErrorCode::kConfig, path + " is too long for a socket");
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ::unlink(path.c_str());
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // Nobody can connect before it listens, and by then it is its owner's alone.
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), 0600) != 0 || ::listen(listener, kWaiting) != 0) {
    Error error = cannot_listen(path);
    ::close(listener);
    return error;
  }
  return listener;
}

Result<int64_t> port_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) return cannot_listen("a port");
  return int64_t{ntohs(address.sin_port)};
}

void serve_sessions(Context& context, const std::vector<SessionListener>& listeners) {
  std::list<Session> sessions;
  std::vector<pollfd> waiting;
  for (const SessionListener& listener : listeners) waiting.push_back({listener.descriptor, POLLIN, 0});
  while (!context.stop_requested()) {
    if (::poll(waiting.data(), waiting.size(), kStopEvery) <= 0) continue;
    sessions.remove_if([](Session& session) {
      if (session.ended) session.thread.join();
      return session.ended.load();
    });
    for (size_t i = 0; i < waiting.size(); ++i) {
      if ((waiting[i].revents & POLLIN) == 0) continue;
      const int accepted = ::accept4(waiting[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (accepted < 0) continue;
      const auto open = std::ranges::count(sessions, &listeners[i], &Session::listener);
      if (static_cast<size_t>(open) >= listeners[i].max_sessions) {
        ::close(accepted);
        continue;
      }
      set_up(accepted);
      Session& session = sessions.emplace_back(accepted, listeners[i]);
      session.thread = std::thread([&session] {
        session.listener->converse(session.descriptor);
        ::shutdown(session.descriptor, SHUT_RDWR);  // closed later, by the thread that accepts
        session.ended = true;
      });
    }
  }
  for (Session& session : sessions) ::shutdown(session.descriptor, SHUT_RD);
  for (Session& session : sessions) session.thread.join();
  for (const SessionListener& listener : listeners) ::close(listener.descriptor);
}

bool send_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool receive_some(int descriptor, std::string& bytes) {
  char buffer[1 << 14];
  ssize_t got = 0;
  do {
    got = ::recv(descriptor, buffer, sizeof buffer, 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return false;
  bytes.append(buffer, static_cast<size_t>(got));
  return true;
}

}  // namespace sluice
