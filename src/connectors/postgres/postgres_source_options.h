// SPDX-License-Identifier: Apache-2.0
// Options of the source `type: postgres`, with the names of Flink CDC's pipeline connector and, where it passes them
// on, of Debezium's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "config/option.h"
#include "connector/table_selector.h"
#include "connectors/postgres/postgres_connection.h"

namespace sluice {

struct PostgresSourceOptions {
  std::string hostname;
  int64_t port = 0;
  std::string username;
  std::string password;
  std::string database;  // of `tables`, whose entries are database.schema.table or /expression/
  std::string tables;
  std::optional<std::string> tables_exclude;
  std::string slot_name;
  bool slot_drop_on_stop = false;
  bool slot_failover = false;
  std::string publication_name;
  std::string publication_mode;  // all_tables, disabled, filtered, no_tables
  bool partition_root = false;
  std::string startup_mode;  // initial, snapshot, latest-offset, committed-offset, specific-offset
  std::optional<std::string> startup_lsn;
  int64_t chunk_size = 0;
  std::optional<std::string> chunk_key_column;
  std::chrono::milliseconds connect_timeout{};
  std::chrono::milliseconds heartbeat_interval{};
  std::optional<std::string> heartbeat_query;
  std::chrono::milliseconds status_interval{};
  int64_t retained_log_warning = 0;  // bytes
  std::optional<std::string> message_include;
  std::optional<std::string> message_exclude;
  std::string tls_mode;
  std::optional<std::string> tls_ca;
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;

  static std::span<const Option<PostgresSourceOptions>> options();
  PostgresConnectOptions connection() const;
  // True if logical messages are wanted at all.
  bool wants_messages() const { return message_include || message_exclude; }
};

// Which tables of the database the options name. Ids are schema.table; patterns have the database in front.
struct PostgresCapturedTables {
  std::string database;
  TableSelector include;
  std::optional<TableSelector> exclude;
  bool contains(const TableId& table) const;
};

}  // namespace sluice
