// SPDX-License-Identifier: Apache-2.0
// Accepts connections at several places and gives each a thread. What is said on them is the business of the sessions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/result.h"

namespace sluice {

struct SessionListener {
  int descriptor = -1;                // listens; closed by serve_sessions()
  std::function<void(int)> converse;  // until the connection ends; called in a thread of its own
  size_t max_sessions = 128;          // whoever comes then is sent away, and the other listeners do not notice
};

// A Unix socket that only its owner may open. The folder must be locked: what is there is removed.
Result<int> listen_at_path(const std::string& path);
Result<int64_t> port_of(int listener);

// Serves until the context is asked to stop, and until every session has ended; whoever still sends is cut off.
void serve_sessions(Context& context, const std::vector<SessionListener>& listeners);

// All of it; false if nobody reads it.
bool send_all(int descriptor, std::string_view bytes);
// What has come, appended; false at the end of the connection or of its patience.
bool receive_some(int descriptor, std::string& bytes);

}  // namespace sluice
