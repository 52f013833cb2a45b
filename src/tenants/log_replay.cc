// SPDX-License-Identifier: Apache-2.0
#include "tenants/log_replay.h"

#include <fmt/format.h>

#include "base/fault.h"
#include "tenants/file_tree.h"
#include "tenants/sql_error.h"

namespace sluice {
namespace {

constexpr std::chrono::milliseconds kPoll{5};
// Columns of SHOW SLAVE STATUS.
constexpr size_t kSqlRunning = 11, kLastError = 19;

std::string relay_name(size_t index) { return fmt::format("relay.{:06}", index + 1); }

Result<> wait_for(Context& context, MysqlConnection& connection, const std::string& gtid) {
  const GtidState wanted = GtidState::parse(gtid);
  for (;;) {
    ASSIGN_OR_RETURN(const auto status, connection.query(context, "SHOW SLAVE STATUS"));
    ASSIGN_OR_RETURN(const auto found, connection.query_value(context, "SELECT @@GLOBAL.gtid_binlog_pos"));
    if (GtidState::parse(found.value_or("")) == wanted) return {};
    if (status.empty() || status[0].size() <= kLastError || status[0][kSqlRunning] == "No") {
      const std::string why =
          status.empty() || status[0].size() <= kLastError ? "" : status[0][kLastError].value_or("");
      return sql_error(kCloneFailed, "the replay of the archived log stopped at '{}' before '{}': {}",
                       found.value_or(""), gtid, why);
    }
    if (!context.wait_for(kPoll)) return Error(ErrorCode::kStopped, "stopped by request");
  }
}

}  // namespace

Result<> replay_log(Context& context, const Instance& clone, const ArchivedLog& log, const std::string& gtid) {
  if (log.files.size() == 1 && log.begin == log.end) return {};
  std::string index;
  for (size_t i = 0; i < log.files.size(); ++i) {
    // Copies: the server may write into its relay logs.
    RETURN_IF_ERROR(copy_file(log.files[i], clone.data() + "/" + relay_name(i)));
    index += "./" + relay_name(i) + "\n";
  }
  RETURN_IF_ERROR(write_file(clone.data() + "/relay.index", index));
  fault_point("replay_prepared");
  ASSIGN_OR_RETURN(const auto connection, clone.connect(context));
  const auto run = [&](const std::string& sql) -> Result<> {
    RETURN_IF_ERROR(connection->execute(context, sql));
    return {};
  };
  // What the source's unit let through counts.
  ASSIGN_OR_RETURN(const auto limit, connection->query_value(context, "SELECT @@GLOBAL.max_binlog_cache_size"));
  RETURN_IF_ERROR(run(
      "SET GLOBAL sync_binlog = 0, rocksdb_flush_log_at_trx_commit = 2, max_binlog_cache_size = 18446744073709547520"));
  RETURN_IF_ERROR(
      run(fmt::format("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_USER = 'nobody', MASTER_USE_GTID = "
                      "no, RELAY_LOG_FILE = '{}', RELAY_LOG_POS = {}",
                      relay_name(0), log.begin)));
  RETURN_IF_ERROR(run(fmt::format("START SLAVE SQL_THREAD UNTIL RELAY_LOG_FILE = '{}', RELAY_LOG_POS = {}",
                                  relay_name(log.files.size() - 1), log.end)));
  RETURN_IF_ERROR(wait_for(context, *connection, gtid));
  for (const char* statement :
       {"STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL sync_binlog = 1, rocksdb_flush_log_at_trx_commit = 1",
        "FLUSH NO_WRITE_TO_BINLOG BINARY LOGS", "SET GLOBAL rocksdb_force_flush_memtable_now = 1"}) {
    RETURN_IF_ERROR(run(statement));
  }
  RETURN_IF_ERROR(run(fmt::format("SET GLOBAL max_binlog_cache_size = {}", limit.value_or("0"))));
  fault_point("replay_done");
  return {};
}

}  // namespace sluice
