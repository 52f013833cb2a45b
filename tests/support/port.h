// SPDX-License-Identifier: Apache-2.0
// A TCP port on 127.0.0.1 that no other test takes while the lease lives. Below the kernel's ephemeral range, so that
// no outgoing connection can sit on it when a server restarts.
#pragma once

namespace sluice::support {

class PortLease {
 public:
  PortLease();
  ~PortLease();
  PortLease(const PortLease&) = delete;
  PortLease& operator=(const PortLease&) = delete;
  int port() const { return port_; }

 private:
  int port_ = 0;
  int lock_ = -1;
};

}  // namespace sluice::support
