// SPDX-License-Identifier: Apache-2.0
// A TCP proxy on 127.0.0.1 in front of a server, with the faults a network has. Faults apply to open and new
// connections alike. All calls may come from any thread; one thread of its own moves the bytes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/result.h"

namespace sluice::support {

struct NetworkFaults {
  bool refuse = false;                 // new connections are reset at once
  bool silent = false;                 // half-open: connections stay, no byte moves
  bool one_byte_reads = false;         // bytes arrive one at a time
  std::chrono::milliseconds delay{0};  // each way
  int64_t bytes_per_second = 0;        // each way of each connection; 0: no limit
  int64_t reset_after_bytes = -1;      // resets all connections once the server has sent this many bytes; -1: never
};

class NetworkProxy {
 public:
  static Result<std::unique_ptr<NetworkProxy>> start(int target_port);
  ~NetworkProxy();
  NetworkProxy(const NetworkProxy&) = delete;
  NetworkProxy& operator=(const NetworkProxy&) = delete;

  int port() const;
  void set(const NetworkFaults& faults);  // NetworkFaults{} heals
  void cut();                             // resets the connections that are open now; returns when they are gone
  int open_connections() const;
  int64_t bytes_from_server() const;  // since start

 private:
  class Loop;
  explicit NetworkProxy(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace sluice::support
