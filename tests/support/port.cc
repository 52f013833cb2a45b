// SPDX-License-Identifier: Apache-2.0
#include "support/port.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>

#include "base/error.h"
#include "base/loopback.h"

namespace sluice::support {

PortLease::PortLease() {
  const std::string folder = fmt::format("/tmp/sluice-ports-{}", getuid());
  mkdir(folder.c_str(), 0700);
  std::random_device random;
  const int start = static_cast<int>(random() % kServerPorts);
  for (int i = 0; i < kServerPorts; i++) {
    const int port = kFirstServerPort + (start + i) % kServerPorts;
    const int lock = open(fmt::format("{}/{}", folder, port).c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    SLUICE_CHECK(lock >= 0);
    if (flock(lock, LOCK_EX | LOCK_NB) == 0 && is_free_on_loopback(port)) {
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
