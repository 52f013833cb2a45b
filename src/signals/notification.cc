// SPDX-License-Identifier: Apache-2.0
#include "signals/notification.h"

#include <nlohmann/json.hpp>

namespace sluice {

std::string notification_json(const Notification& notification, int64_t timestamp_ms) {
  using nlohmann::ordered_json;
  ordered_json data = ordered_json::object();
  for (const auto& [name, value] : notification.data) data[name] = value;
  const ordered_json out = {{"id", notification.id},
                            {"type", notification.type},
                            {"aggregate_type", notification.aggregate},
                            {"additional_data", std::move(data)},
                            {"timestamp", timestamp_ms}};
  return out.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace sluice
