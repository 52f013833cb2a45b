// SPDX-License-Identifier: Apache-2.0
#include "tenants/instance.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <random>

#include "base/clock.h"
#include "base/log.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr const char* kServer = "/usr/sbin/mariadbd";
constexpr const char* kEngine = "/usr/lib/mysql/plugin/ha_rocksdb.so";
constexpr std::chrono::seconds kStartPatience{60};
constexpr std::chrono::milliseconds kStartPoll{5};
constexpr int64_t kBytesPerConnection = int64_t{2} << 20;

}  // namespace

std::string system_user() {
  const passwd* entry = getpwuid(geteuid());
  return entry == nullptr ? fmt::format("{}", geteuid()) : entry->pw_name;
}

std::string random_text(size_t size) {
  std::random_device random;
  std::string text;
  while (text.size() < size) text += fmt::format("{:08x}", random());
  text.resize(size);
  return text;
}

Result<> Instance::write_settings(const InstanceSettings& settings) const {
  const int64_t connections = std::clamp<int64_t>(settings.memory_size * 45 / 100 / kBytesPerConnection, 10, 1000);
  std::string text = "# Written by sluice at every start; changes are lost.\n[mariadbd]\n";
  const auto line = [&](std::string_view name, const auto& value) { text += fmt::format("{}={}\n", name, value); };
  line("user", system_user());
  line("datadir", data());
  line("socket", socket());
  line("pid-file", folder_ + "/run/pid");
  line("log-error", log_file());
  // Its own: a server removes what others have in its folder of temporary tables when it starts.
  line("tmpdir", temporary_folder());
  line("secure-file-priv", file_folder());
  if (settings.port == 0) {
    text += "skip-networking\n";
  } else {
    line("bind-address", "127.0.0.1");
    line("port", settings.port);
  }
  text +=
      "skip-innodb\nskip-name-resolve\nskip-slave-start\nperformance_schema=OFF\n"
      "plugin-load-add=ha_rocksdb\nplugin-load-add=metadata_lock_info\nplugin-maturity=beta\n"
      "default-storage-engine=RocksDB\ndefault-tmp-storage-engine=Aria\nrelay-log=relay\n"
      // Shared files must stay as they are: no compaction because of age.
      "rocksdb_default_cf_options=write_buffer_size=16m;ttl=0;periodic_compaction_seconds=0\n"
      "rocksdb_large_prefix=ON\nrocksdb_flush_log_at_trx_commit=1\nrocksdb_deadlock_detect=ON\nrocksdb_validate_tables="
      "1\n"
      "rocksdb_sst_mgr_rate_bytes_per_sec=0\naria_pagecache_buffer_size=1M\nkey_buffer_size=1M\n";
  line("rocksdb_block_cache_size", settings.memory_size * 40 / 100);
  line("rocksdb_db_write_buffer_size", settings.memory_size * 15 / 100);
  // What making an index takes; with the defaults, 64 MB and 1 GB, that is the end of a server with a small unit.
  line("rocksdb_merge_buf_size", std::min(settings.memory_size / 64, int64_t{64} << 20));
  line("rocksdb_merge_combine_read_size", std::min(settings.memory_size / 16, int64_t{1} << 30));
  line("max_connections", connections);
  line("character-set-server", settings.charset);
  line("collation-server", settings.collation);
  line("server_id", settings.tenant);
  line("gtid_domain_id", settings.tenant);
  line("event_scheduler", settings.events ? "ON" : "OFF");
  line("read_only", settings.read_only ? 1 : 0);
  if (settings.binlog) {
    text +=
        "log_bin=binlog\nbinlog_format=ROW\nbinlog_row_image=FULL\n"
        // Rows are logged, so that triggers and routines need no SUPER.
        "log_bin_trust_function_creators=ON\nlog_slave_updates=ON\nsync_binlog=1\n"
        "gtid_strict_mode=ON\nmax_binlog_size=64M\nbinlog_expire_logs_seconds=0\n";
    // A larger transaction could not be archived.
    line("max_binlog_cache_size", settings.log_disk_size);
  }
  RETURN_IF_ERROR(make_folder(folder_ + "/run"));
  RETURN_IF_ERROR(make_folder(file_folder()));
  RETURN_IF_ERROR(make_folder(temporary_folder()));
  return write_file(folder_ + "/my.cnf", text);
}

Result<std::unique_ptr<MysqlConnection>> Instance::connect(Context& context) const {
  MysqlConnectOptions options;
  options.socket = socket();
  options.username = system_user();
  options.tls = MysqlTls::kDisabled;
  return MysqlConnection::connect(context, options);
}

Result<DetachedProcess> Instance::start(Context& context, const std::vector<std::string>& group_files,
                                        Unanswered unanswered) const {
  ASSIGN_OR_RETURN(DetachedProcess process,
                   DetachedProcess::start({kServer, settings_argument()}, log_file(), group_files));
  const auto deadline = monotonic_now() + kStartPatience;
  for (;;) {
    const bool alive = process.alive();
    // Somebody else could sit on the socket only if this one has ended.
    if (auto connection = connect(context); alive && connection) return process;
    if (!alive) {
      return Error(ErrorCode::kConnect, fmt::format("the server of {} ended at its start: {}", folder_, last_errors()));
    }
    if (!context.wait_for(kStartPoll) || monotonic_now() > deadline) {
      if (unanswered == Unanswered::kKill || context.stop_requested()) process.kill9();
      if (context.stop_requested()) return Error(ErrorCode::kStopped, "stopped by request");
      return Error(ErrorCode::kConnect, fmt::format("the server of {} gave no answer within {} s: {}", folder_,
                                                    kStartPatience.count(), last_errors()));
    }
  }
}

Result<> Instance::open_for_writing(Context& context) const {
  ASSIGN_OR_RETURN(const auto connection, connect(context));
  RETURN_IF_ERROR(connection->execute(context, "SET GLOBAL read_only = 0"));
  return {};
}

std::optional<DetachedProcess> Instance::find() const { return DetachedProcess::find(kServer, settings_argument()); }

std::string Instance::last_errors() const {
  constexpr size_t kKept = 600;
  const auto log = read_file(log_file());
  if (!log) return "there is no log";
  std::string errors;
  for (size_t at = log->find("[ERROR]"); at != std::string::npos; at = log->find("[ERROR]", at + 1)) {
    errors += log->substr(at, std::min(log->find('\n', at), log->size()) - at) + "; ";
  }
  return errors.size() > kKept ? errors.substr(errors.size() - kKept) : errors;
}

void Instance::stop(Context& context, const DetachedProcess& process, std::chrono::milliseconds patience) const {
  process.signal(SIGTERM);
  if (!process.wait_gone(context, patience)) process.kill9();
}

namespace {

// The server's own tables become RocksDB tables, so that a checkpoint holds users, routines and positions as well.
Result<> convert_system_tables(Context& context, MysqlConnection& connection) {
  RETURN_IF_ERROR(connection.execute(context, "DROP DATABASE IF EXISTS sys"));
  ASSIGN_OR_RETURN(const MysqlRows tables,
                   connection.query(context,
                                    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mysql' "
                                    "AND table_type = 'BASE TABLE' AND engine = 'Aria'"));
  for (const auto& row : tables) {
    const std::string name = MysqlConnection::quote_identifier(row[0].value_or(""));
    RETURN_IF_ERROR(connection.execute(context, fmt::format("ALTER TABLE mysql.{} ENGINE=RocksDB", name)));
  }
  return {};
}

// Changes with the server's program: a template of another version is of no use.
std::string server_stamp() {
  struct stat info{};
  if (::stat(kServer, &info) != 0) return {};
  return fmt::format("{} {} {}", info.st_size, info.st_mtime, system_user());
}

}  // namespace

Result<> make_template(Context& context, const std::string& folder) {
  if (::access(kServer, X_OK) != 0 || ::access(kEngine, R_OK) != 0) {
    return sql_error(kNotSupported,
                     "tenants without {} and {} are not supported: install the package mariadb-plugin-rocksdb", kServer,
                     kEngine);
  }
  const Instance instance(folder);
  RETURN_IF_ERROR(remove_tree(folder));
  RETURN_IF_ERROR(make_folder(folder));
  InstanceSettings settings;
  settings.binlog = false;
  settings.tenant = 1;
  RETURN_IF_ERROR(instance.write_settings(settings));
  log_info("making the template of new tenants in {}", folder);
  ASSIGN_OR_RETURN(
      DetachedProcess install,
      DetachedProcess::start(
          {"mariadb-install-db", "--no-defaults", "--datadir=" + instance.data(),
           "--tmpdir=" + instance.temporary_folder(), "--skip-test-db", "--auth-root-authentication-method=socket",
           "--auth-root-socket-user=" + system_user(), "--user=" + system_user(), "--skip-name-resolve",
           "--skip-innodb", "--skip-log-bin", "--default-storage-engine=Aria"},
          instance.log_file(), {}));
  if (!install.wait_gone(context, std::chrono::minutes(2))) install.kill9();
  ASSIGN_OR_RETURN(const DetachedProcess process, instance.start(context, {}));
  Result<> converted = [&]() -> Result<> {
    ASSIGN_OR_RETURN(auto connection, instance.connect(context));
    return convert_system_tables(context, *connection);
  }();
  instance.stop(context, process, std::chrono::seconds(60));
  RETURN_IF_ERROR(std::move(converted));
  RETURN_IF_ERROR(write_file(folder + "/stamp", server_stamp()));
  return sync_tree(folder);
}

bool template_is_good(const std::string& folder) {
  const auto stamp = read_file(folder + "/stamp");
  return stamp && *stamp == server_stamp();
}

bool belongs_to_tenant(const std::string& relative) {
  static constexpr std::array kLeftOut = {"aria_log", "ddl_recovery", "multi-master.info",
                                          "tc.log",   "#rocksdb/LOG", "#rocksdb/LOCK",
                                          "relay",    "master.info",  "mysql_upgrade_info"};
  return std::ranges::none_of(kLeftOut, [&](const char* prefix) { return relative.starts_with(prefix); });
}

}  // namespace sluice
