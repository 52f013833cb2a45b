// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_source_options.h"

#include <cstdlib>
#include <random>

namespace sluice::mysql {

// tidy: one table
std::span<const Option<MysqlSourceOptions>> MysqlSourceOptions::options() {
  using T = MysqlSourceOptions;
  using O = Option<T>;
  static constexpr std::string_view kNoBuffer =
      "chunks are streamed, not held in memory, and carry the exact position at which they were read";
  static const O kOptions[] = {
      {{.name = "hostname", .summary = "Server to read from."}, &T::hostname},
      {{.name = "port", .summary = "TCP port of the server.", .default_value = "3306", .min = 1, .max = 65535},
       &T::port},
      {{.name = "username",
        .summary =
            "User with SELECT, REPLICATION SLAVE and REPLICATION CLIENT (MariaDB: BINLOG MONITOR); RELOAD on MySQL "
            "for an exact copy."},
       &T::username},
      {{.name = "password", .summary = "Password of the user.", .default_value = "", .secret = true}, &T::password},
      {{.name = "tables",
        .summary =
            "Tables to capture: comma-separated patterns 'database.table', '\\.' for any character; between slashes "
            "one regular expression for the whole name."},
       &T::tables},
      {{.name = "tables.exclude", .summary = "Patterns of tables to leave out.", .optional = true}, &T::tables_exclude},
      {{.name = "server-id",
        .summary = "Replica id to register with, a number or range 'N-M' (the first is used); random from 5400 to 6400 "
                   "if absent.",
        .optional = true},
       &T::server_id},
      {{.name = "scan.startup.mode",
        .summary = "Where to begin: copy then log (initial), copy only (snapshot), or only the log from a place.",
        .default_value = "initial",
        .allowed = {"initial", "snapshot", "earliest-offset", "latest-offset", "specific-offset", "timestamp"}},
       &T::startup_mode},
      {{.name = "scan.startup.specific-offset.file", .summary = "Log file to begin in.", .optional = true},
       &T::startup_file},
      {{.name = "scan.startup.specific-offset.pos", .summary = "Offset in that file.", .optional = true, .min = 4},
       &T::startup_pos},
      {{.name = "scan.startup.specific-offset.gtid-set",
        .summary = "GTID set (MySQL) or GTID position (MariaDB) after which to begin.",
        .optional = true},
       &T::startup_gtid_set},
      {{.name = "scan.startup.timestamp-millis",
        .summary = "Begin with the first transaction committed at or after this time, milliseconds since 1970 UTC; of "
                   "MariaDB's the log tells only the second in which the last statement began.",
        .optional = true,
        .min = 0},
       &T::startup_timestamp_ms},
      {{.name = "scan.incremental.snapshot.chunk.size",
        .summary = "Rows per chunk of the copy; the unit of resumption.",
        .default_value = "65536",
        .min = 1},
       &T::chunk_size},
      {{.name = "scan.incremental.snapshot.chunk.key-column",
        .summary = "Column to cut tables by, 'db.table:column;...'; the first primary key column if absent.",
        .optional = true},
       &T::chunk_key_column},
      {{.name = "chunk-key.even-distribution.factor.upper-bound",
        .summary = "Largest key span per row for which integer keys are cut by arithmetic.",
        .default_value = "1000.0",
        .aliases = {"split-key.even-distribution.factor.upper-bound"}},
       &T::even_upper},
      {{.name = "chunk-key.even-distribution.factor.lower-bound",
        .summary = "Smallest key span per row for which integer keys are cut by arithmetic.",
        .default_value = "0.05",
        .aliases = {"split-key.even-distribution.factor.lower-bound"}},
       &T::even_lower},
      {{.name = "connect.timeout", .summary = "Longest wait for a connection.", .default_value = "30s", .min = 250},
       &T::connect_timeout},
      {{.name = "heartbeat.interval",
        .summary = "How often an idle server tells where it stands; a silence of three intervals is a lost connection.",
        .default_value = "30s"},
       &T::heartbeat_interval},
      {{.name = "schema-change.enabled",
        .summary = "Carry schema changes to the target; if false the table shapes of the start are kept.",
        .default_value = "true"},
       &T::schema_changes},
      {{.name = "treat-tinyint1-as-boolean.enabled",
        .summary = "Map TINYINT(1) to BOOLEAN; a value other than 0 and 1 then stops the job.",
        .default_value = "true"},
       &T::tinyint1_as_boolean},
      {{.name = "ssl.mode",
        .summary = "Encryption of the connection.",
        .default_value = "preferred",
        .allowed = {"disabled", "preferred", "required", "verify_ca", "verify_identity"}},
       &T::tls_mode},
      {{.name = "ssl.ca", .summary = "File with the certificate authorities to trust.", .optional = true}, &T::tls_ca},
      {{.name = "ssl.cert", .summary = "File with the client's certificate.", .optional = true}, &T::tls_cert},
      {{.name = "ssl.key", .summary = "File with the client's key.", .optional = true}, &T::tls_key},
      {{.name = "server-time-zone",
        .summary = "Zone of the server.",
        .optional = true,
        .ignored_because = "TIMESTAMP columns are read in UTC whatever the server's zone is"},
       std::monostate{}},
      {{.name = "scan.snapshot.fetch.size",
        .summary = "Rows per fetch.",
        .optional = true,
        .ignored_because = kNoBuffer},
       std::monostate{}},
      {{.name = "scan.incremental.snapshot.backfill.skip",
        .summary = "Skip the backfill.",
        .optional = true,
        .ignored_because = kNoBuffer},
       std::monostate{}},
      {{.name = "scan.incremental.snapshot.unbounded-chunk-first.enabled",
        .summary = "Read the last chunk first.",
        .optional = true,
        .ignored_because = kNoBuffer},
       std::monostate{}},
      {{.name = "scan.incremental.close-idle-reader.enabled",
        .summary = "Close idle readers.",
        .optional = true,
        .ignored_because = "readers of the copy are always closed when it ends"},
       std::monostate{}},
      {{.name = "scan.newly-added-table.enabled",
        .summary = "Copy and capture tables that match later.",
        .optional = true,
        .ignored_because = "they always are: copied when a job starts again, followed when created while it runs"},
       std::monostate{}},
      {{.name = "scan.binlog.newly-added-table.enabled",
        .summary = "Capture tables created while the job runs.",
        .optional = true,
        .ignored_because = "they always are"},
       std::monostate{}},
      {{.name = "chunk-meta.group.size",
        .summary = "Chunks per metadata message.",
        .optional = true,
        .ignored_because = "chunk metadata is not sent in messages"},
       std::monostate{}},
      {{.name = "connect.max-retries",
        .summary = "Attempts to connect.",
        .optional = true,
        .ignored_because = "connections are retried by the job; see restart.attempts in the pipeline block"},
       std::monostate{}},
      {{.name = "connection.pool.size",
        .summary = "Connections.",
        .optional = true,
        .ignored_because = "a job opens one connection per reader"},
       std::monostate{}},
      {{.name = "metadata.list",
        .summary = "Metadata columns to make available.",
        .optional = true,
        .ignored_because = "op_ts is always available to transforms"},
       std::monostate{}},
      {{.name = "include-comments.enabled",
        .summary = "Carry comments.",
        .optional = true,
        .ignored_because = "comments are always carried to targets that have them"},
       std::monostate{}},
      {{.name = "use.legacy.json.format",
        .summary = "Spacing of JSON text.",
        .optional = true,
        .ignored_because = "JSON has the server's own spacing in the copy and in the log"},
       std::monostate{}},
      {{.name = "scan.parse.online.schema.changes.enabled",
        .summary = "Follow gh-ost and pt-online-schema-change.",
        .optional = true,
        .ignored_because = "they are always followed"},
       std::monostate{}},
      {{.name = "jdbc.properties.*",
        .summary = "Options of the JDBC driver.",
        .optional = true,
        .ignored_because = "there is no JDBC driver"},
       std::monostate{}},
      {{.name = "debezium.*",
        .summary = "Options of the embedded Debezium.",
        .optional = true,
        .ignored_because = "there is no embedded Debezium; the options above have its meaning"},
       std::monostate{}},
  };
  return kOptions;
}

MysqlConnectOptions MysqlSourceOptions::connection() const {
  MysqlConnectOptions result;
  result.hostname = hostname;
  result.port = port;
  result.username = username;
  result.password = password;
  result.connect_timeout = connect_timeout;
  result.tls = tls_mode == "disabled"          ? MysqlTls::kDisabled
               : tls_mode == "required"        ? MysqlTls::kRequired
               : tls_mode == "verify_ca"       ? MysqlTls::kVerifyCa
               : tls_mode == "verify_identity" ? MysqlTls::kVerifyIdentity
                                               : MysqlTls::kPreferred;
  result.tls_ca = tls_ca.value_or("");
  result.tls_cert = tls_cert.value_or("");
  result.tls_key = tls_key.value_or("");
  result.plain_values = true;
  return result;
}

uint32_t MysqlSourceOptions::replica_id(bool second_reader) const {
  std::random_device random;
  if (second_reader) return 0x40000000U + random() % 0x40000000U;
  if (server_id) return static_cast<uint32_t>(std::strtoul(server_id->c_str(), nullptr, 10));
  return 5400 + random() % 1001;
}

}  // namespace sluice::mysql
