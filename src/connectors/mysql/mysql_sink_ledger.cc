// SPDX-License-Identifier: Apache-2.0
#include "connectors/mysql/mysql_sink_ledger.h"

#include <fmt/format.h>

#include <charconv>

#include "connectors/mysql/mysql_sink_schema.h"

namespace sluice {
namespace {

// An index of InnoDB or MyRocks holds at most 3072 bytes: 64 and 700 characters of utf8mb4 fit.
constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS sluice_ledger (job VARCHAR(64) NOT NULL, entry VARCHAR(700) NOT NULL, "
    "epoch BIGINT NOT NULL, position LONGTEXT NOT NULL, detail LONGTEXT NOT NULL, "
    "updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, "
    "PRIMARY KEY (job, entry)) ENGINE={} ROW_FORMAT=DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";

Error fenced(const std::string& job) {
  return Error(ErrorCode::kFenced, fmt::format("another process has taken over job '{}'", job));
}

}  // namespace

std::string MysqlLedger::quoted(std::string_view text) const {
  std::string sql;
  connection_->append_quoted(text, sql);
  return sql;
}

Result<uint64_t> MysqlLedger::raise_epoch(Context& context) {
  const std::string job = quoted(job_);
  RETURN_IF_ERROR(connection_->execute(
      context, fmt::format("INSERT IGNORE INTO sluice_ledger (job, entry, epoch, position, detail) "
                           "VALUES ({}, 'job', 0, '', '')",
                           job)));
  ASSIGN_OR_RETURN(const auto epoch,
                   connection_->query_value(context, fmt::format("SELECT epoch FROM sluice_ledger WHERE job = {} AND "
                                                                 "entry = 'job' FOR UPDATE",
                                                                 job)));
  uint64_t value = 0;
  if (epoch) std::from_chars(epoch->data(), epoch->data() + epoch->size(), value);
  ++value;
  RETURN_IF_ERROR(
      connection_->execute(context, fmt::format("UPDATE sluice_ledger SET epoch = {} WHERE job = {}", value, job)));
  return value;
}

Result<uint64_t> MysqlLedger::take_over(Context& context) {
  ASSIGN_OR_RETURN(const MysqlTableForm form, mysql_table_form(context, *connection_));
  RETURN_IF_ERROR(connection_->execute(context, fmt::format(kCreate, form.engine)).context("creating the ledger"));
  RETURN_IF_ERROR(connection_->execute(context, "START TRANSACTION"));
  auto epoch = raise_epoch(context);
  if (!epoch) {
    (void)connection_->execute(context, "ROLLBACK");
    return std::move(epoch).context("taking over the job");
  }
  RETURN_IF_ERROR(connection_->execute(context, "COMMIT"));
  epoch_ = *epoch;
  return epoch_;
}

Result<std::vector<LedgerEntry>> MysqlLedger::load(Context& context) {
  return read_mysql_ledger(context, *connection_, job_);
}

Result<std::vector<LedgerEntry>> read_mysql_ledger(Context& context, MysqlConnection& connection,
                                                   const std::string& job) {
  std::vector<LedgerEntry> entries;
  ASSIGN_OR_RETURN(const auto found,
                   connection.query(context,
                                    "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND "
                                    "TABLE_NAME = 'sluice_ledger'"));
  if (found.empty()) return entries;
  std::string sql = "SELECT entry, position, detail FROM sluice_ledger WHERE job = ";
  connection.append_quoted(job, sql);
  ASSIGN_OR_RETURN(MysqlRows rows, connection.query(context, sql + " ORDER BY entry"));
  for (auto& row : rows) entries.push_back({std::move(*row[0]), std::move(*row[1]), std::move(*row[2])});
  return entries;
}

Result<> MysqlLedger::change_entries(Context& context, std::span<const LedgerEntry> put,
                                     std::span<const std::string> remove) {
  const std::string job = quoted(job_);
  ASSIGN_OR_RETURN(const auto epoch,
                   connection_->query_value(context, fmt::format("SELECT epoch FROM sluice_ledger WHERE job = {} AND "
                                                                 "entry = 'job' FOR UPDATE",
                                                                 job)));
  if (epoch != std::to_string(epoch_)) return fenced(job_);
  for (const std::string& name : remove) {
    RETURN_IF_ERROR(connection_->execute(
        context, fmt::format("DELETE FROM sluice_ledger WHERE job = {} AND entry = {}", job, quoted(name))));
  }
  for (const LedgerEntry& entry : put) {
    RETURN_IF_ERROR(connection_->execute(
        context,
        fmt::format("REPLACE INTO sluice_ledger (job, entry, epoch, position, detail) VALUES ({}, {}, {}, {}, {})", job,
                    quoted(entry.name), epoch_, quoted(entry.position), quoted(entry.detail))));
  }
  return {};
}

Result<> MysqlLedger::update(Context& context, std::span<const LedgerEntry> put, std::span<const std::string> remove) {
  SLUICE_CHECK(epoch_ != 0);
  RETURN_IF_ERROR(connection_->execute(context, "START TRANSACTION"));
  if (auto changed = change_entries(context, put, remove); !changed) {
    (void)connection_->execute(context, "ROLLBACK");
    return std::move(changed).context("updating the ledger");
  }
  RETURN_IF_ERROR(connection_->execute(context, "COMMIT"));
  return {};
}

Result<> write_mysql_ledger_entry(Context& context, MysqlConnection& connection, const std::string& job, uint64_t epoch,
                                  const LedgerEntry& entry) {
  std::string sql = "UPDATE sluice_ledger SET position = ";
  connection.append_quoted(entry.position, sql);
  sql += ", detail = ";
  connection.append_quoted(entry.detail, sql);
  sql += " WHERE job = ";
  connection.append_quoted(job, sql);
  sql += " AND entry = ";
  connection.append_quoted(entry.name, sql);
  sql += fmt::format(" AND epoch = {}", epoch);
  ASSIGN_OR_RETURN(const uint64_t matched, connection.execute(context, sql));
  if (matched == 1) return {};
  return fenced(job);
}

}  // namespace sluice
