// SPDX-License-Identifier: Apache-2.0
// What a job tells about snapshots that signals have asked for, in Debezium's words. Used by the coordinator.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice {

struct Notification {
  std::string id;              // of the signal
  std::string_view aggregate;  // "Incremental Snapshot"
  std::string_view type;       // "STARTED"
  std::vector<std::pair<std::string, std::string>> data;
};

// As one line of JSON, in the order of Debezium's records.
std::string notification_json(const Notification& notification, int64_t timestamp_ms);

}  // namespace sluice
