// SPDX-License-Identifier: Apache-2.0
#include "base/loopback.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice {

Result<int> listen_on_loopback(int port) {
  constexpr int kWaiting = 128;
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener >= 0 && ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::listen(listener, kWaiting) == 0) {
    return listener;
  }
  const int problem = errno;
  if (listener >= 0) ::close(listener);
  return Error(ErrorCode::kConfig, fmt::format("cannot listen at 127.0.0.1:{}: {}", port, std::strerror(problem)),
               "The port may be taken: choose another one.");
}

bool is_free_on_loopback(int port) {
  const auto listener = listen_on_loopback(port);
  if (listener) ::close(*listener);
  return listener.has_value();
}

}  // namespace sluice
