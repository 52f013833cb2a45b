// SPDX-License-Identifier: Apache-2.0
#include "connectors/postgres/postgres_ledger.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice {
namespace {

constexpr const char* kCreate =
    "CREATE TABLE IF NOT EXISTS sluice_ledger (job text NOT NULL, entry text NOT NULL, epoch bigint NOT NULL, "
    "position text NOT NULL, detail text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now(), "
    "PRIMARY KEY (job, entry))";

}  // namespace

std::string postgres_ledger_commit_sql() {
  return PostgresConnection::counted(
      "UPDATE sluice_ledger SET position = $1, detail = $2, updated_at = now() "
      "WHERE job = $3 AND entry = $4 AND epoch = $5",
      "1");
}

Result<uint64_t> PostgresLedger::raise_epoch(Context& context) {
  RETURN_IF_ERROR(connection_->query(context,
                                     "INSERT INTO sluice_ledger (job, entry, epoch, position, detail) "
                                     "VALUES ($1, 'job', 0, '', '') ON CONFLICT DO NOTHING",
                                     {job_}));
  ASSIGN_OR_RETURN(const PostgresResult row,
                   connection_->query(context,
                                      "UPDATE sluice_ledger SET epoch = epoch + 1 WHERE job = $1 AND entry = 'job' "
                                      "RETURNING epoch",
                                      {job_}));
  if (row.rows() != 1) return Error(ErrorCode::kTransient, "the ledger's row of the job vanished");
  const std::string epoch(row.at(0, 0));
  RETURN_IF_ERROR(connection_->query(context, "UPDATE sluice_ledger SET epoch = $2 WHERE job = $1 AND entry <> 'job'",
                                     {job_, epoch}));
  uint64_t value = 0;
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), value);
  return value;
}

Result<uint64_t> PostgresLedger::take_over(Context& context) {
  ASSIGN_OR_RETURN(const PostgresResult found,
                   connection_->query(context, "SELECT to_regclass('sluice_ledger') IS NOT NULL"));
  if (found.at(0, 0) != "t") {
    RETURN_IF_ERROR(connection_->execute(context, kCreate).context("creating the ledger"));
  }
  RETURN_IF_ERROR(connection_->execute(context, "BEGIN"));
  auto epoch = raise_epoch(context);
  if (!epoch) {
    (void)connection_->execute(context, "ROLLBACK");
    return std::move(epoch).context("taking over the job");
  }
  RETURN_IF_ERROR(connection_->execute(context, "COMMIT"));
  epoch_ = *epoch;
  return epoch_;
}

Result<std::vector<LedgerEntry>> PostgresLedger::load(Context& context) {
  return read_postgres_ledger(context, *connection_, job_);
}

Result<std::vector<LedgerEntry>> read_postgres_ledger(Context& context, PostgresConnection& connection,
                                                      const std::string& job) {
  std::vector<LedgerEntry> entries;
  ASSIGN_OR_RETURN(const PostgresResult found,
                   connection.query(context, "SELECT to_regclass('sluice_ledger') IS NOT NULL"));
  if (found.at(0, 0) != "t") return entries;
  ASSIGN_OR_RETURN(const PostgresResult rows,
                   connection.query(context,
                                    "SELECT entry, position, detail FROM sluice_ledger WHERE job = $1 "
                                    "ORDER BY entry COLLATE \"C\"",
                                    {job}));
  for (int row = 0; row < rows.rows(); ++row) {
    entries.push_back({std::string(rows.at(row, 0)), std::string(rows.at(row, 1)), std::string(rows.at(row, 2))});
  }
  return entries;
}

Result<> PostgresLedger::change_entries(Context& context, std::span<const LedgerEntry> put,
                                        std::span<const std::string> remove) {
  ASSIGN_OR_RETURN(const PostgresResult row,
                   connection_->query(
                       context, "SELECT epoch FROM sluice_ledger WHERE job = $1 AND entry = 'job' FOR UPDATE", {job_}));
  const std::string epoch = std::to_string(epoch_);
  if (row.rows() != 1 || row.at(0, 0) != epoch) {
    return Error(ErrorCode::kFenced, fmt::format("another process has taken over job '{}'", job_));
  }
  using Sent = PostgresConnection::Sent;
  const auto send_all = [&]() -> Result<> {
    for (const std::string& name : remove) {
      const char* const values[] = {job_.c_str(), name.c_str()};
      RETURN_IF_ERROR(connection_->send("DELETE FROM sluice_ledger WHERE job = $1 AND entry = $2", values, Sent{}));
    }
    for (const LedgerEntry& entry : put) {
      const char* const values[] = {job_.c_str(), entry.name.c_str(), epoch.c_str(), entry.position.c_str(),
                                    entry.detail.c_str()};
      RETURN_IF_ERROR(
          connection_->send("INSERT INTO sluice_ledger (job, entry, epoch, position, detail) "
                            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (job, entry) DO UPDATE SET "
                            "epoch = excluded.epoch, position = excluded.position, "
                            "detail = excluded.detail, updated_at = now()",
                            values, Sent{}));
    }
    return {};
  };
  RETURN_IF_ERROR(send_all());
  return connection_->sync(context);
}

Result<> PostgresLedger::update(Context& context, std::span<const LedgerEntry> put,
                                std::span<const std::string> remove) {
  SLUICE_CHECK(epoch_ != 0);
  RETURN_IF_ERROR(connection_->execute(context, "BEGIN"));
  if (auto changed = change_entries(context, put, remove); !changed) {
    if (!connection_->in_pipeline()) (void)connection_->execute(context, "ROLLBACK");
    return std::move(changed).context("updating the ledger");
  }
  return connection_->execute(context, "COMMIT");
}

}  // namespace sluice
