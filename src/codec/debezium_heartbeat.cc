// SPDX-License-Identifier: Apache-2.0
#include "codec/debezium_heartbeat.h"

#include "codec/connect_schema.h"
#include "data/json_value.h"

namespace sluice {

HeartbeatRecord debezium_heartbeat(std::string_view topic_prefix, bool schemas, int64_t now_ms) {
  HeartbeatRecord record;
  record.key = "{\"serverName\":";
  append_json_string(topic_prefix, record.key);
  record.key += '}';
  record.value = "{\"ts_ms\":" + std::to_string(now_ms) + '}';
  if (!schemas) return record;
  const auto wrap = [](std::string_view name, std::string field, std::string& payload) {
    const ConnectSchema schema{.type = "struct", .name = name, .fields = std::move(field)};
    payload = "{\"schema\":" + connect_schema_json(schema, false, "", "") + ",\"payload\":" + payload + '}';
  };
  wrap("io.debezium.connector.common.ServerNameKey", connect_field_json("string", false, "serverName"), record.key);
  wrap("io.debezium.connector.common.Heartbeat", connect_field_json("int64", false, "ts_ms"), record.value);
  return record;
}

}  // namespace sluice
