// SPDX-License-Identifier: Apache-2.0
// TCP ports of 127.0.0.1: to listen at one, and to find one that is free. Any thread.
#pragma once

#include "base/result.h"

namespace sluice {

// Where servers that we start look for a port: below the range from which the kernel takes ports for outgoing
// connections, so that none of those sits on it when the server is started again.
inline constexpr int kFirstServerPort = 20000, kServerPorts = 12000;

// A descriptor that listens; 0 takes any free port. kConfig.
Result<int> listen_on_loopback(int port);
// Whether nobody listens there now.
bool is_free_on_loopback(int port);

}  // namespace sluice
