// SPDX-License-Identifier: Apache-2.0
#include "support/port.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>

#include "base/error.h"

namespace sluice::support {

namespace {

constexpr int kFirstPort = 20000;
constexpr int kPorts = 12000;  // the ephemeral range begins at 32768

bool can_be_bound(int port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool bound =
      bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener, 1) == 0;
  close(listener);
  return bound;
}

}  // namespace

PortLease::PortLease() {
  const std::string folder = fmt::format("/tmp/sluice-ports-{}", getuid());
  mkdir(folder.c_str(), 0700);
  std::random_device random;
  const int start = static_cast<int>(random() % kPorts);
  for (int i = 0; i < kPorts; i++) {
    const int port = kFirstPort + (start + i) % kPorts;
    const int lock = open(fmt::format("{}/{}", folder, port).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    SLUICE_CHECK(lock >= 0);
    if (flock(lock, LOCK_EX | LOCK_NB) == 0 && can_be_bound(port)) {
      port_ = port;
      lock_ = lock;
      return;
    }
    close(lock);
  }
  SLUICE_CHECK(!"a free port");
}

PortLease::~PortLease() { close(lock_); }

}  // namespace sluice::support
