// SPDX-License-Identifier: Apache-2.0
// Options of the source `type: mysql`, with the names and defaults of Flink CDC's pipeline connector.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "config/option.h"
#include "connectors/mysql/mysql_connection.h"

namespace sluice::mysql {

struct MysqlSourceOptions {
  std::string hostname;
  int64_t port = 0;
  std::string username;
  std::string password;
  std::string tables;
  std::optional<std::string> tables_exclude;
  std::optional<std::string> server_id;
  std::string startup_mode;
  std::optional<std::string> startup_file;
  std::optional<int64_t> startup_pos;
  std::optional<std::string> startup_gtid_set;
  std::optional<int64_t> startup_timestamp_ms;
  int64_t chunk_size = 0;
  std::optional<std::string> chunk_key_column;
  double even_upper = 0;
  double even_lower = 0;
  std::chrono::milliseconds connect_timeout{};
  std::chrono::milliseconds heartbeat_interval{};
  bool schema_changes = true;
  bool tinyint1_as_boolean = true;
  std::string tls_mode;
  std::optional<std::string> tls_ca;
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;
  std::map<std::string, std::string> jdbc_properties;
  std::map<std::string, std::string> debezium;

  static std::span<const Option<MysqlSourceOptions>> options();
  MysqlConnectOptions connection() const;
  // The server hangs up on an older reader with the same id.
  uint32_t replica_id(bool second_reader) const;
};

}  // namespace sluice::mysql
