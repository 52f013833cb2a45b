// SPDX-License-Identifier: Apache-2.0
// Debezium's heartbeat: a record that says when a connector was alive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice {

struct HeartbeatRecord {
  std::string key;
  std::string value;
};
HeartbeatRecord debezium_heartbeat(std::string_view topic_prefix, bool schemas, int64_t now_ms);

}  // namespace sluice
